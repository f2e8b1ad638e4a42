/** What charts share: the sample's size under the title, a legend, two axes with titles and units. */
import { scaleBand } from 'd3-scale';
import { UserError } from '../../base/errors.js';
import { element, svgDocument, text } from '../svg.js';
import { textWidth, wrapText } from '../typeface.js';
import { type Axis, axisTitle, type Scale, scaleOf, ticksOf } from './axis.js';
import { nameHeight, nameLabels, slanted } from './names.js';
import { GRID, INK, line, MARGIN, MUTED, PAPER, SMALL, TEXT, TITLE } from './theme.js';

export interface ChartOptions {
  readonly title?: string;
  /** What the sample counts, in the plural: "images". */
  readonly of: string;
  /** Stands behind the sample's size, such as what the intervals are. */
  readonly note?: string;
  /** In pixels; default 560 x 360. */
  readonly width?: number;
  readonly height?: number;
}

/** "n = 222 images; whiskers: 95 % intervals" */
export function sampleText(n: number, { of, note }: Pick<ChartOptions, 'of' | 'note'>): string {
  return `n = ${n} ${of}${note === undefined ? '' : `; ${note}`}`;
}

export interface LegendEntry {
  readonly name: string;
  /** Draws the key, at most 26 pixels wide, around the middle of its left edge. */
  key(x: number, y: number): string;
}

/** The room left for marks, in pixels of the picture. */
export interface Plot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface FrameInput {
  /** The function that draws the chart, for messages. */
  readonly where: string;
  readonly options: ChartOptions;
  readonly sample: string;
  readonly y: Axis;
  /** All values on the vertical axis. */
  readonly yValues: readonly number[];
  /** Grid lines at whole numbers only: the axis counts. */
  readonly yWhole?: boolean;
  readonly legend: readonly LegendEntry[];
  /** Stands where the marks would, if there are none. */
  readonly empty?: string;
}

interface Numbers {
  readonly x: Axis;
  readonly xValues: readonly number[];
}

interface Names {
  readonly x: Pick<Axis, 'label' | 'unit'>;
  readonly names: readonly string[];
}

/** A chart with two axes of numbers: `marks` draws into the plot. */
export function numberFrame(
  input: FrameInput & Numbers,
  marks: (x: Scale, y: Scale, plot: Plot) => readonly string[],
): string {
  const bottom = SMALL + 8 + TEXT + 10;
  return frame(input, input.x, bottom, (plot, y) => {
    const count = Math.max(2, Math.floor((plot.right - plot.left) / 70));
    const x = scaleOf(input.where, input.x, input.xValues, count).range([plot.left, plot.right]);
    const labels = ticksOf(x, input.x, count).map(({ value, label }) => [
      line(x(value), plot.bottom, x(value), plot.bottom + 4, MUTED, 'tick'),
      text(label, x(value), plot.bottom + 6 + SMALL, {
        size: SMALL,
        fill: MUTED,
        class: 'muted',
        anchor: 'middle',
      }),
    ]);
    return [...labels.flat(), ...marks(x, y, plot)];
  });
}

/** A chart with names along its horizontal axis; `marks` gets each name's left edge and the width of its band. */
export function nameFrame(
  input: FrameInput & Names,
  marks: (band: { left(index: number): number; width: number }, y: Scale, plot: Plot) => readonly string[],
): string {
  const { names } = input;
  const step = ((input.options.width ?? 560) - 90) / Math.max(1, names.length);
  const slant = slanted(names, step);
  const bottom = nameHeight(names, slant) + TEXT + 14;
  return frame(input, input.x, bottom, (plot, y) => {
    const band = scaleBand(
      names.map((_, i) => i),
      [plot.left, plot.right],
    ).padding(0.2);
    const middle = (index: number) => band(index)! + band.bandwidth() / 2;
    return [
      ...nameLabels(names, middle, plot.bottom + 4, band.step(), slant),
      ...marks({ left: (index) => band(index)!, width: band.bandwidth() }, y, plot),
    ];
  });
}

/** Title, sample and legend from the top; returns where the rest may begin. */
export function heading(
  options: Pick<ChartOptions, 'title'>,
  sample: string,
  legend: readonly LegendEntry[],
  width: number,
): { parts: string[]; bottom: number } {
  const parts: string[] = [];
  const room = width - 2 * MARGIN;
  let y = MARGIN;
  if (options.title !== undefined) {
    y += TITLE;
    parts.push(
      text(options.title, MARGIN, y, { size: TITLE, fill: INK, class: 'ink', weight: 'bold', room }),
    );
    y += 4;
  }
  for (const words of wrapText(sample, room, SMALL)) {
    y += SMALL + 3;
    parts.push(text(words, MARGIN, y, { size: SMALL, fill: MUTED, class: 'muted', room }));
  }
  let x = MARGIN;
  if (legend.length > 0) y += SMALL + 9;
  for (const { name, key } of legend) {
    const nameRoom = Math.min(room - 32, textWidth(name, SMALL) + 1);
    if (x > MARGIN && x + 32 + nameRoom > width - MARGIN) {
      x = MARGIN;
      y += SMALL + 6;
    }
    parts.push(key(x, y - SMALL / 2 + 1));
    parts.push(text(name, x + 32, y, { size: SMALL, fill: INK, class: 'ink', room: nameRoom }));
    x += 32 + nameRoom + 18;
  }
  return { parts, bottom: y + 12 };
}

/** The width that title and sample take up, the sample in lines. */
export function headingWidth({ title = '' }: Pick<ChartOptions, 'title'>, sample: string): number {
  const longest = Math.max(textWidth(title, TITLE, 'bold'), Math.min(320, textWidth(sample, SMALL)));
  return Math.ceil(longest) + 1 + 2 * MARGIN;
}

/** A whole chart on its paper. */
export function chartDocument(
  width: number,
  height: number,
  title: string | undefined,
  sample: string,
  parts: readonly string[],
): string {
  const paper = element('rect', { class: 'paper', width, height, fill: PAPER });
  return svgDocument(width, height, title === undefined ? sample : `${title}. ${sample}`, [paper, ...parts]);
}

function frame(
  input: FrameInput,
  x: Pick<Axis, 'label' | 'unit'>,
  below: number,
  content: (plot: Plot, y: Scale) => readonly string[],
): string {
  const { options, where, y: axis, yValues } = input;
  const width = options.width ?? 560;
  const height = options.height ?? 360;
  const head = heading(options, input.sample, input.legend, width);
  const top = head.bottom + 4;
  const bottom = height - below - 4;
  if (bottom - top < 40 || width < 160) {
    throw new UserError(
      `${where}: expected room for a plot below title and legend, got ${width}x${height} pixels; make the chart larger`,
    );
  }
  const count = Math.max(2, Math.floor((bottom - top) / 36));
  const y = scaleOf(where, axis, yValues, count).range([bottom, top]);
  const ticks = ticksOf(y, input.yWhole ? { ...axis, format: String } : axis, count).filter(
    ({ value }) => !input.yWhole || Number.isInteger(value),
  );
  const widest = Math.max(0, ...ticks.map(({ label }) => textWidth(label, SMALL)));
  const plot: Plot = { left: MARGIN + TEXT + 10 + widest + 6, right: width - MARGIN - 10, top, bottom };
  const middle = (plot.left + plot.right) / 2;
  const grid = ticks.flatMap(({ value, label }) => [
    line(plot.left, y(value), plot.right, y(value), GRID, 'grid'),
    text(label, plot.left - 6, y(value) + 4, { size: SMALL, fill: MUTED, class: 'muted', anchor: 'end' }),
  ]);
  const titleStyle = { size: TEXT, fill: INK, class: 'ink', anchor: 'middle' } as const;
  const parts = [
    ...head.parts,
    ...grid,
    ...content(plot, y),
    line(plot.left, plot.bottom, plot.right, plot.bottom, MUTED, 'axis'),
    text(axisTitle(x), middle, height - MARGIN + 2, { ...titleStyle, room: plot.right - plot.left }),
    text(axisTitle(axis), MARGIN + TEXT - 2, (top + bottom) / 2, {
      ...titleStyle,
      rotate: -90,
      room: bottom - top + 8,
    }),
  ];
  if (input.empty !== undefined)
    parts.push(text(input.empty, middle, (top + bottom) / 2, { ...titleStyle, fill: MUTED, class: 'muted' }));
  return chartDocument(width, height, options.title, input.sample, parts);
}
