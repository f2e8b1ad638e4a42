/** Quantities over another one, each with the band of its uncertainty: robustness curves and sweeps. */
import { area, line as lineThrough } from 'd3-shape';
import { UserError } from '../../base/errors.js';
import { element, tooltip } from '../svg.js';
import { type Axis, axisTitle, checkFinite, type Scale } from './axis.js';
import { type ChartOptions, numberFrame, sampleText } from './frame.js';
import { colourOf, dashOf, line, marker } from './theme.js';

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  /** The ends of the interval around y; both or none. */
  readonly low?: number;
  readonly high?: number;
}

export interface LineSeries {
  readonly name: string;
  /** From left to right. */
  readonly points: readonly LinePoint[];
  /** Where it is not the chart's: stands in the legend. */
  readonly n?: number;
}

export interface LineChartInput extends ChartOptions {
  readonly series: readonly LineSeries[];
  /** Size of the sample behind each point. */
  readonly n: number;
  readonly x: Axis;
  readonly y: Axis;
  /** A marker on every point; default true. Without: for curves of many points. */
  readonly marks?: boolean;
}

export function lineChart(input: LineChartInput): string {
  const { series, x, y } = input;
  for (const each of series) check(each);
  const points = series.flatMap((each) => each.points);
  return numberFrame(
    {
      where: 'lineChart',
      options: input,
      sample: sampleText(input.n, input),
      x,
      xValues: points.map((point) => point.x),
      y,
      yValues: points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
      legend: series.map(({ name, n }, s) => ({
        name: n === undefined ? name : `${name} (n = ${n})`,
        key: (left, middle) =>
          element('line', { ...stroke(s), x1: left, x2: left + 26, y1: middle, y2: middle }) +
          (input.marks === false ? '' : marker(s, left + 13, middle, 36)),
      })),
      ...(points.length === 0 ? { empty: 'no data' } : {}),
    },
    (xs, ys) => [
      // All bands lie under all lines.
      ...series.map((each, s) => band(each, s, xs, ys)),
      ...series.map((each, s) => curve(each, s, xs, ys, input)),
    ],
  );
}

function check({ name, points }: LineSeries): void {
  const values = points.flatMap(({ x, y, low = y, high = y }) => [x, y, low, high]);
  checkFinite('lineChart', `the series "${name}"`, values);
  for (const [i, { x, y, low, high }] of points.entries()) {
    if ((low === undefined) !== (high === undefined) || (low ?? y) > y || (high ?? y) < y) {
      throw new UserError(
        `lineChart: expected an interval around y = ${y} in the series "${name}", got ${low} to ${high} at point ${i}; ` +
          'give both ends or none',
      );
    }
    if (i > 0 && x < points[i - 1]!.x) {
      throw new UserError(
        `lineChart: expected the points of "${name}" from left to right, got x = ${x} after ${points[i - 1]!.x}; sort them`,
      );
    }
  }
}

function stroke(series: number) {
  return {
    fill: 'none',
    stroke: colourOf(series),
    'stroke-width': 2,
    'stroke-dasharray': dashOf(series),
    'stroke-linejoin': 'round',
  };
}

function band({ points }: LineSeries, s: number, x: Scale, y: Scale): string {
  const known = points.filter((point) => point.low !== undefined);
  const [only] = known;
  if (only === undefined) return '';
  // A band of no width would not be seen.
  if (known.length === 1)
    return line(x(only.x), y(only.low!), x(only.x), y(only.high!), colourOf(s), 'band', 2);
  const d = area<LinePoint>(
    (point) => x(point.x),
    (point) => y(point.low!),
    (point) => y(point.high!),
  ).digits(2)(known)!;
  return element('path', { class: 'band', d, fill: colourOf(s), 'fill-opacity': 0.18 });
}

function curve({ name, points }: LineSeries, s: number, x: Scale, y: Scale, axes: LineChartInput): string {
  const d = lineThrough<LinePoint>(
    (point) => x(point.x),
    (point) => y(point.y),
  ).digits(2)(points);
  const path = (content = '') =>
    d === null ? '' : element('path', { class: 'curve', ...stroke(s), d }, content);
  if (axes.marks === false) return path(tooltip(name));
  const markers = points.map((point) =>
    element(
      'g',
      {},
      tooltip(`${name}: ${axisTitle(axes.x)} ${point.x}, ${axisTitle(axes.y)} ${point.y}`) +
        marker(s, x(point.x), y(point.y), 36),
    ),
  );
  return path() + markers.join('');
}
