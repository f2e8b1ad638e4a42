/** One quantity for some names, side by side for some series, with error bars. */
import { UserError } from '../../base/errors.js';
import { element, text, tooltip } from '../svg.js';
import { type Axis, checkFinite, type Scale } from './axis.js';
import { type ChartOptions, nameFrame, sampleText } from './frame.js';
import { colourOf, INK, line, MUTED, SMALL } from './theme.js';

export interface Bar {
  readonly value: number;
  /** The ends of the error bar; both or none. */
  readonly low?: number;
  readonly high?: number;
}

export interface BarSeries {
  readonly name: string;
  /** A bar for each name; null where there is no value, which shows as a dash. */
  readonly bars: readonly (Bar | null)[];
  /** Where it is not the chart's: stands in the legend. */
  readonly n?: number;
}

export interface BarChartInput extends ChartOptions {
  /** What stands along the horizontal axis. */
  readonly names: readonly string[];
  readonly series: readonly BarSeries[];
  /** Size of the sample behind each bar. */
  readonly n: number;
  readonly x: Pick<Axis, 'label' | 'unit'>;
  /** Linear: bars begin at 0. */
  readonly y: Omit<Axis, 'log'>;
}

export function barChart(input: BarChartInput): string {
  const { names, series, y } = input;
  for (const each of series) check(each, names.length);
  const bars = series.flatMap((each) => each.bars.filter((bar) => bar !== null));
  return nameFrame(
    {
      where: 'barChart',
      options: input,
      sample: sampleText(input.n, input),
      x: input.x,
      names,
      y,
      yValues: [
        0,
        ...(bars.length === 0 ? [1] : []),
        ...bars.flatMap(({ value, low = value, high = value }) => [value, low, high]),
      ],
      legend: series.map(({ name, n }, s) => ({
        name: n === undefined ? name : `${name} (n = ${n})`,
        key: (left, middle) =>
          element('rect', { x: left + 8, y: middle - 6, width: 18, height: 12, fill: colourOf(s) }),
      })),
      ...(bars.length === 0 ? { empty: 'no data' } : {}),
    },
    (band, ys, plot) => {
      const width = band.width / Math.max(1, series.length);
      return [
        ...series.flatMap(({ name, bars: of }, s) =>
          of.map((bar, i) => draw(bar, band.left(i) + s * width, width, s, `${names[i]}, ${name}`, ys)),
        ),
        line(plot.left, ys(0), plot.right, ys(0), MUTED, 'axis'),
      ];
    },
  );
}

function check({ name, bars }: BarSeries, names: number): void {
  if (bars.length !== names) {
    throw new UserError(
      `barChart: expected ${names} bars in the series "${name}", got ${bars.length}; give null where there is none`,
    );
  }
  for (const bar of bars) {
    if (bar === null) continue;
    const { value, low, high } = bar;
    checkFinite('barChart', `the series "${name}"`, [value, low ?? value, high ?? value]);
    if ((low === undefined) !== (high === undefined) || (low ?? value) > value || (high ?? value) < value) {
      throw new UserError(
        `barChart: expected an interval around ${value} in the series "${name}", got ${low} to ${high}; give both ends or none`,
      );
    }
  }
}

function draw(bar: Bar | null, left: number, width: number, s: number, name: string, y: Scale): string {
  const middle = left + width / 2;
  if (bar === null) {
    return text('–', middle, y(0) - 4, { size: SMALL, fill: MUTED, class: 'muted', anchor: 'middle' });
  }
  const { value, low, high } = bar;
  const words = `${name}: ${value}${low === undefined ? '' : ` (${low} to ${high})`}`;
  const gap = Math.min(2, width / 8);
  const rectangle = element(
    'rect',
    {
      class: 'mark',
      x: left + gap / 2,
      y: Math.min(y(value), y(0)),
      width: width - gap,
      height: Math.abs(y(value) - y(0)),
      fill: colourOf(s),
    },
    tooltip(words),
  );
  if (low === undefined || high === undefined) return rectangle;
  const cap = Math.min(5, width / 4);
  // On a bar as dark as the ink the whisker needs a light edge.
  const whisker = (stroke: string, thickness: number, kind: string) =>
    line(middle, y(low), middle, y(high), stroke, kind, thickness) +
    line(middle - cap, y(low), middle + cap, y(low), stroke, kind, thickness) +
    line(middle - cap, y(high), middle + cap, y(high), stroke, kind, thickness);
  return rectangle + whisker('#ffffff', 3, 'halo') + whisker(INK, 1.3, 'whisker');
}
