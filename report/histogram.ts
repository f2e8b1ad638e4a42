/** Histograms as inline SVG for the report: no script, colours from the page's style sheet. */
import { escapeHtml } from './html.js';

export interface Histogram {
  /** Lower edge of the first bin and width of each, round numbers. */
  readonly start: number;
  readonly step: number;
  readonly counts: readonly number[];
}

const WIDTH = 460;
const HEIGHT = 190;
const LEFT = 38;
const RIGHT = 26;
const TOP = 14;
const BOTTOM = 40;

/** Counts finite values in at most `most` bins with round edges; the last bin includes its upper edge. */
export function histogram(values: readonly number[], most: number): Histogram {
  const least = Math.min(...values);
  const largest = Math.max(...values);
  // Values that are all alike still need a bin with a width: a thousandth of them, or of 1.
  const step = roundStep(Math.max(largest - least, Math.max(Math.abs(largest), 1) * 1e-3) / (most - 1));
  const first = Math.floor(least / step + 1e-9);
  const counts = new Array<number>(Math.max(1, Math.ceil(largest / step - 1e-9) - first)).fill(0);
  for (const value of values) {
    const bin = Math.min(counts.length - 1, Math.max(0, Math.floor(value / step + 1e-9) - first));
    counts[bin] = counts[bin]! + 1;
  }
  return { start: first * step, step, counts };
}

/** The smallest of 1, 2, 5, 10 … times a power of ten that is at least `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10);
}

/**
 * The histogram of a measure as an SVG with axes, the mean marked, and its figures as the accessible name. `digits` is
 * for the figures in the text. No values give a sentence that says so.
 */
export function histogramSvg(name: string, values: readonly number[], digits: number): string {
  if (values.length === 0) return `<p class="muted">${escapeHtml(name)}: no image was fooled.</p>`;
  // More images carry a finer histogram.
  const bins = Math.min(40, Math.max(12, Math.round(2 * Math.sqrt(values.length))));
  const { start, step, counts } = histogram(values, bins);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const most = Math.max(...counts);
  const rowStep = Math.max(1, roundStep(most / 4));
  const top = Math.ceil(most / rowStep) * rowStep;
  const plotWidth = WIDTH - LEFT - RIGHT;
  const plotHeight = HEIGHT - TOP - BOTTOM;
  const x = (value: number) => LEFT + ((value - start) / (step * counts.length)) * plotWidth;
  const y = (count: number) => TOP + plotHeight * (1 - count / top);
  const edgeDigits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const edge = (bin: number) => (start + bin * step).toFixed(edgeDigits);

  const parts: string[] = [];
  for (let count = 0; count <= top; count += rowStep) {
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y(count))}" y2="${px(y(count))}"/>`,
    );
    parts.push(`<text x="${LEFT - 7}" y="${px(y(count) + 4)}" text-anchor="end">${count}</text>`);
  }
  for (const [bin, count] of counts.entries()) {
    if (count === 0) continue;
    const left = x(start + bin * step);
    const right = x(start + (bin + 1) * step);
    parts.push(
      `<rect x="${px(left + 0.75)}" y="${px(y(count))}" width="${px(Math.max(1, right - left - 1.5))}" ` +
        `height="${px(TOP + plotHeight - y(count))}"><title>${edge(bin)} to ${edge(bin + 1)}: ${count}</title></rect>`,
    );
  }
  // About six labels, on bin edges.
  const every = Math.max(1, Math.ceil(counts.length / 6));
  for (let bin = 0; bin <= counts.length; bin += every) {
    parts.push(
      `<text x="${px(x(start + bin * step))}" y="${HEIGHT - BOTTOM + 17}" text-anchor="middle">${edge(bin)}</text>`,
    );
  }
  parts.push(
    `<line class="mean" x1="${px(x(mean))}" x2="${px(x(mean))}" y1="${TOP - 4}" y2="${TOP + plotHeight}"/>`,
  );
  const caption = `${name} of ${values.length} fooled ${values.length === 1 ? 'image' : 'images'}, mean ${mean.toFixed(digits)}`;
  const range = `from ${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
  parts.push(`<text class="caption" x="${LEFT}" y="${HEIGHT - 5}">${escapeHtml(caption)} (line)</text>`);
  const label = escapeHtml(`Histogram: ${caption}, ${range}`);
  return `<svg class="histogram" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg>`;
}

function px(value: number): string {
  return value.toFixed(1);
}
