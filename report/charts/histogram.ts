/** How the values of one quantity are distributed. */
import { mean as meanOf } from 'd3-array';
import { element, text, tooltip } from '../svg.js';
import { textWidth } from '../typeface.js';
import { type Axis, axisTitle, checkFinite, type Scale } from './axis.js';
import { type Bin, bins } from './bins.js';
import { type ChartOptions, numberFrame, sampleText } from './frame.js';
import { colourOf, INK, SMALL } from './theme.js';

export interface HistogramInput extends ChartOptions {
  readonly values: readonly number[];
  readonly x: Pick<Axis, 'label' | 'unit' | 'format'>;
  /** Text of the mean and of a bin's edges in its tooltip; default: four significant digits. */
  readonly figure?: (value: number) => string;
  /** Stands in the place of the bars if there are no values; default "no data". */
  readonly empty?: string;
}

/** Bars over bins with round edges, and the mean as a line. More values get finer bins. */
export function histogramChart(input: HistogramInput): string {
  const { values, x } = input;
  checkFinite('histogramChart', `the values of ${x.label}`, values);
  const figure = input.figure ?? ((value: number) => Number(value.toPrecision(4)).toString());
  const found = bins(values, Math.min(40, Math.max(12, Math.round(2 * Math.sqrt(values.length)))));
  const mean = meanOf(values);
  const edges = found.flatMap(({ from, to }) => [from, to]);
  const domain = found.length > 0 ? ([found[0]!.from, found.at(-1)!.to] as const) : undefined;
  return numberFrame(
    {
      where: 'histogramChart',
      options: { height: 280, ...input },
      sample: sampleText(values.length, input),
      x: { ...x, ...(domain ? { domain } : {}) },
      xValues: edges,
      y: { label: `number of ${input.of}` },
      yValues: [0, ...found.map(({ count }) => count), ...(found.length === 0 ? [1] : [])],
      yWhole: true,
      legend: [],
      ...(mean === undefined ? { empty: input.empty ?? 'no data' } : {}),
    },
    (xs, ys, plot) => [
      ...found.filter(({ count }) => count > 0).map((each) => bar(each, xs, ys, figure)),
      ...(mean === undefined ? [] : meanLine(mean, xs(mean), plot, `mean ${axisTitle(x)} ${figure(mean)}`)),
    ],
  );
}

function bar({ from, to, count }: Bin, x: Scale, y: Scale, figure: (value: number) => string): string {
  const gap = Math.min(1.5, (x(to) - x(from)) / 4);
  return element(
    'rect',
    {
      class: 'mark',
      x: x(from) + gap / 2,
      y: y(count),
      width: x(to) - x(from) - gap,
      height: y(0) - y(count),
      fill: colourOf(0),
    },
    tooltip(`${figure(from)} to ${figure(to)}: ${count}`),
  );
}

/** The line, and its text on the side where it has room. */
function meanLine(
  mean: number,
  x: number,
  plot: { left: number; right: number; top: number; bottom: number },
  words: string,
): string[] {
  const before = x + textWidth(words, SMALL) + 6 > plot.right;
  const style = { size: SMALL, fill: INK, class: 'ink', anchor: before ? 'end' : 'start' } as const;
  return [
    element(
      'line',
      {
        class: 'mean',
        x1: x,
        x2: x,
        y1: plot.top - 10,
        y2: plot.bottom,
        stroke: colourOf(1),
        'stroke-width': 2,
      },
      tooltip(String(mean)),
    ),
    text(words, before ? x - 5 : x + 5, plot.top - 3, { ...style }),
  ];
}
