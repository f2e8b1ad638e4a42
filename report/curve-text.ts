/** A curve for a terminal. */
const HEIGHT = 10;
const WIDTH = 64;
/** Eighths of a cell. */
const BARS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** Means of consecutive values, as many as `most` at most. */
export function meansOf(values: readonly number[], most: number): number[] {
  const count = Math.min(most, values.length);
  return Array.from({ length: count }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / count),
      Math.floor(((i + 1) * values.length) / count),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** Values from 0 up, as bars over their order; empty where there are none. Values that are no numbers are refused by their callers. */
export function curveText(values: readonly number[], title: string): string {
  if (values.length === 0) return '';
  const means = meansOf(values, WIDTH);
  const most = Math.max(...means, Number.MIN_VALUE);
  const label = (value: number) => value.toPrecision(3).padStart(9);
  const rows = Array.from({ length: HEIGHT }, (_, row) => {
    const bars = means.map((mean) => {
      const eighths = Math.round((mean / most) * HEIGHT * 8) - (HEIGHT - 1 - row) * 8;
      return BARS[Math.min(8, Math.max(0, eighths))];
    });
    const left = row === 0 ? label(most) : row === HEIGHT - 1 ? label(0) : ' '.repeat(9);
    return `${left} ${bars.join('')}`.trimEnd();
  });
  return [title, ...rows, `${' '.repeat(10)}1${String(values.length).padStart(means.length - 1)}`].join('\n');
}
