/** Two quantities of each image against each other. */
import { element, tooltip } from '../svg.js';
import { type Axis, axisTitle, checkFinite } from './axis.js';
import { type ChartOptions, numberFrame, sampleText } from './frame.js';
import { marker } from './theme.js';

export interface ScatterSeries {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly name?: string }[];
}

export interface ScatterChartInput extends ChartOptions {
  readonly series: readonly ScatterSeries[];
  readonly x: Axis;
  readonly y: Axis;
}

/** A marker for each point, the more transparent the more there are. */
export function scatterChart(input: ScatterChartInput): string {
  const { series, x, y } = input;
  for (const { name, points } of series) {
    checkFinite(
      'scatterChart',
      `the series "${name}"`,
      points.flatMap((point) => [point.x, point.y]),
    );
  }
  const points = series.flatMap((each) => each.points);
  const opacity = points.length > 1000 ? 0.35 : points.length > 100 ? 0.55 : 0.8;
  return numberFrame(
    {
      where: 'scatterChart',
      options: input,
      sample: sampleText(points.length, input),
      x,
      xValues: points.map((point) => point.x),
      y,
      yValues: points.map((point) => point.y),
      legend: series.map(({ name, points: { length } }, s) => ({
        name: series.length > 1 ? `${name} (n = ${length})` : name,
        key: (left, middle) => marker(s, left + 18, middle, 48),
      })),
      ...(points.length === 0 ? { empty: 'no data' } : {}),
    },
    (xs, ys) =>
      series.flatMap(({ name, points: of }, s) =>
        of.map((point) => {
          const words = `${point.name ?? name}: ${axisTitle(x)} ${point.x}, ${axisTitle(y)} ${point.y}`;
          return element(
            'g',
            {},
            tooltip(words) + marker(s, xs(point.x), ys(point.y), points.length > 300 ? 24 : 40, opacity),
          );
        }),
      ),
  );
}
