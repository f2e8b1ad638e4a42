/** How a quantity is distributed; a bin that is chosen filters the images. Few values stand on a strip, each for itself. */
import { mean as meanOf } from 'd3-array';
import { bins } from '../../charts/bins.js';
import { short } from '../format.js';
import { useWidth } from '../use.js';
import { Plot, useMarks } from './plot.js';

export interface HistogramProps {
  readonly name: string;
  readonly values: readonly number[];
  readonly digits: number;
  /** The range that is chosen. */
  readonly chosen?: readonly [number, number] | undefined;
  readonly onChoose: (range: readonly [number, number] | undefined) => void;
}

/** Fewer values than this make no histogram. */
export const FEW = 10;

export function Histogram(props: HistogramProps) {
  return props.values.length < FEW ? <Strip {...props} /> : <Bins {...props} />;
}

function Bins({ name, values, digits, chosen, onChoose }: HistogramProps) {
  const found = bins(values, Math.min(30, Math.max(10, Math.round(1.6 * Math.sqrt(values.length)))));
  const mean = meanOf(values)!;
  const mark = useMarks(found.length);
  const last = found.length - 1;
  const text = (value: number) => value.toFixed(digits);
  return (
    <Plot
      label={`Histogram of ${name} of ${values.length} images, mean ${text(mean)}`}
      height={190}
      x={{ label: name, domain: [found[0]!.from, found[last]!.to] }}
      y={{
        label: 'images',
        domain: [0, Math.max(...found.map(({ count }) => count))],
        nice: true,
        whole: true,
      }}
    >
      {(x, y, area) => (
        <>
          {found.map(({ from, to, count }, i) => {
            // The last bin has both its edges.
            const range = [from, i === last ? Number.POSITIVE_INFINITY : to] as const;
            const pressed = chosen?.[0] === range[0] && chosen[1] === range[1];
            return (
              // biome-ignore lint/a11y/useAriaPropsSupportedByRole: a button, by its marks.
              <g
                key={from}
                class="bin"
                aria-label={`${name} ${text(from)} to ${text(to)}: ${count} images`}
                aria-pressed={pressed}
                {...mark(i, () => onChoose(pressed ? undefined : range))}
              >
                <title>{`${text(from)} to ${text(to)}: ${count}`}</title>
                <rect
                  class="hit"
                  x={x(from)}
                  width={x(to) - x(from)}
                  y={area.top}
                  height={area.bottom - area.top}
                />
                <rect
                  class="bar"
                  x={x(from) + 0.75}
                  width={Math.max(1, x(to) - x(from) - 1.5)}
                  y={y(count)}
                  height={y(0) - y(count)}
                />
              </g>
            );
          })}
          <line class="mean" x1={x(mean)} x2={x(mean)} y1={area.top} y2={area.bottom} />
          <text
            class="mean-text"
            x={x(mean) > (area.left + area.right) / 2 ? x(mean) - 5 : x(mean) + 5}
            y={area.top + 4}
            text-anchor={x(mean) > (area.left + area.right) / 2 ? 'end' : 'start'}
          >
            mean {text(mean)}
          </text>
        </>
      )}
    </Plot>
  );
}

function Strip({ name, values, digits }: HistogramProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const text = (value: number) => value.toFixed(digits);
  if (values.length === 0) return <p class="muted small">no image was fooled</p>;
  const [least, largest] = [Math.min(...values), Math.max(...values)];
  const mean = meanOf(values)!;
  const place = (value: number) =>
    least === largest ? width / 2 : 20 + ((value - least) / (largest - least)) * (width - 40);
  const label = `${name} of ${values.length} images: ${text(least)} to ${text(largest)}, mean ${text(mean)}`;
  return (
    <div ref={ref} class="strip">
      <svg width={width} height={76} role="img" aria-label={label}>
        <line class="axis" x1={12} x2={width - 12} y1={38} y2={38} />
        {values.map((value, i) => (
          <circle
            key={i}
            cx={place(value)}
            cy={38}
            r={6}
            fill="var(--mark)"
            fill-opacity={0.75}
            stroke="var(--card)"
          >
            <title>{short(value)}</title>
          </circle>
        ))}
        <line class="mean" x1={place(mean)} x2={place(mean)} y1={22} y2={54} />
        <text x={Math.min(width - 60, Math.max(60, place(mean)))} y={14} text-anchor="middle">
          mean {text(mean)}
        </text>
        {least !== largest && (
          <>
            <text class="tick" x={12} y={70}>
              {text(least)}
            </text>
            <text class="tick" x={width - 12} y={70} text-anchor="end">
              {text(largest)}
            </text>
          </>
        )}
      </svg>
    </div>
  );
}
