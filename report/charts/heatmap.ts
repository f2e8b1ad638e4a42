/** A quantity for each pair of a row and a column: how attacks on one net carry over to another. */
import { interpolateViridis } from 'd3-scale-chromatic';
import { UserError } from '../../base/errors.js';
import { element, text, tooltip } from '../svg.js';
import { fitText, textWidth } from '../typeface.js';
import { type Axis, axisTitle, checkFinite, type Scale, scaleOf, ticksOf } from './axis.js';
import { type ChartOptions, chartDocument, heading, headingWidth, sampleText } from './frame.js';
import { nameHeight, nameLabels, slanted } from './names.js';
import { INK, MARGIN, MUTED, SMALL, TEXT } from './theme.js';

export interface HeatmapInput extends Omit<ChartOptions, 'width' | 'height'> {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** values[row][column]; null where there is none. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly x: Pick<Axis, 'label'>;
  readonly y: Pick<Axis, 'label'>;
  /** What the colours stand for; `format` writes the cells too. */
  readonly value: Omit<Axis, 'log'>;
  /** Size of the sample behind each cell. */
  readonly n: number;
}

const CELL_HEIGHT = 32;
const LEAST_CELL = 46;
const LONGEST_ROW_NAME = 170;
const BAR_WIDTH = 14;
const BAR_STEPS = 64;

/** Cells in viridis, light is large, each with its value; as large as its names and cells need. */
export function heatmapChart(input: HeatmapInput): string {
  const { rows, columns, values, value } = input;
  check(input);
  const known = values.flat().filter((each) => each !== null);
  const colour = scaleOf('heatmapChart', value, known, 5).range([0, 1]);
  const format = value.format ?? colour.tickFormat(20);
  const words = (each: number | null) => (each === null ? '–' : format(each));
  const cellWidth = Math.max(LEAST_CELL, ...values.flat().map((each) => textWidth(words(each), TEXT) + 12));
  const names = rows.map((name) => fitText(name, LONGEST_ROW_NAME, SMALL));
  const left = MARGIN + TEXT + 10 + Math.max(0, ...names.map((name) => textWidth(name, SMALL))) + 8;
  const right = left + Math.max(1, columns.length) * cellWidth;
  const ticks = ticksOf(colour, value, 5);
  const tickRoom = Math.max(0, ...ticks.map(({ label }) => textWidth(label, SMALL)));
  const sample = sampleText(input.n, input);
  const barEnd = right + 22 + BAR_WIDTH + 7 + tickRoom + 8 + TEXT;
  const width = Math.max(barEnd + MARGIN, headingWidth(input, sample));
  const head = heading(input, sample, [], width);
  const top = head.bottom + 2;
  const slant = slanted(columns, cellWidth);
  const bottom = top + Math.max(3, rows.length) * CELL_HEIGHT;
  const namesBottom = top + rows.length * CELL_HEIGHT + 4 + nameHeight(columns, slant);
  const height = Math.max(namesBottom + TEXT + 6, bottom + 20) + MARGIN;
  const ink = { size: SMALL, fill: INK, class: 'ink' } as const;
  const cells = values.flatMap((line, r) =>
    line.map((each, c) => {
      const place = { x: left + c * cellWidth, y: top + r * CELL_HEIGHT };
      return cell(each, words(each), colour, { ...place, width: cellWidth }, `${rows[r]} → ${columns[c]}`);
    }),
  );
  const title = { size: TEXT, fill: INK, class: 'ink', anchor: 'middle' } as const;
  const middle = (top + bottom) / 2;
  return chartDocument(width, height, input.title, sample, [
    ...head.parts,
    ...cells,
    ...rows.map((name, r) =>
      text(name, left - 8, top + (r + 0.5) * CELL_HEIGHT + 4, {
        ...ink,
        anchor: 'end',
        room: LONGEST_ROW_NAME,
      }),
    ),
    ...nameLabels(
      columns,
      (c) => left + (c + 0.5) * cellWidth,
      top + rows.length * CELL_HEIGHT + 4,
      cellWidth,
      slant,
    ),
    text(input.x.label, (left + right) / 2, height - MARGIN, { ...title, room: width - 2 * MARGIN }),
    text(input.y.label, MARGIN + TEXT - 2, middle, { ...title, rotate: -90, room: bottom - top + 8 }),
    ...colourBar(colour, ticks, right + 22, top, bottom),
    text(axisTitle(value), barEnd, (top + bottom) / 2, {
      ...title,
      rotate: -90,
      room: bottom - top + 8,
    }),
    known.length === 0
      ? text('no data', (left + right) / 2, middle, { ...title, fill: MUTED, class: 'muted' })
      : '',
  ]);
}

function check({ rows, columns, values }: HeatmapInput): void {
  if (values.length !== rows.length || values.some((line) => line.length !== columns.length)) {
    throw new UserError(
      `heatmapChart: expected ${rows.length} rows of ${columns.length} values, got ${values.length} of ` +
        `${values.map((line) => line.length).join(', ')}; give null where there is none`,
    );
  }
  for (const [r, line] of values.entries()) {
    checkFinite(
      'heatmapChart',
      `the row "${rows[r]}"`,
      line.map((each) => each ?? 0),
    );
  }
}

function cell(
  value: number | null,
  words: string,
  colour: Scale,
  { x, y, width }: { x: number; y: number; width: number },
  name: string,
): string {
  const fill = value === null ? '#f0f0f0' : interpolateViridis(colour(value));
  return (
    element(
      'rect',
      {
        class: 'cell',
        x: x + 0.5,
        y: y + 0.5,
        width: width - 1,
        height: CELL_HEIGHT - 1,
        fill,
      },
      tooltip(`${name}: ${words}`),
    ) +
    text(words, x + width / 2, y + CELL_HEIGHT / 2 + 4.5, {
      size: TEXT,
      fill: value === null ? MUTED : readableOn(fill),
      anchor: 'middle',
    })
  );
}

/** Black or white, whichever has the higher contrast on a colour "#rrggbb" (WCAG 2 relative luminance). */
function readableOn(hex: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const level = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

function colourBar(
  colour: Scale,
  ticks: readonly { value: number; label: string }[],
  x: number,
  top: number,
  bottom: number,
): string[] {
  const step = (bottom - top) / BAR_STEPS;
  return [
    ...Array.from({ length: BAR_STEPS }, (_, i) =>
      element('rect', {
        x,
        y: bottom - (i + 1) * step,
        width: BAR_WIDTH,
        // Half a pixel over the one below it: no seams when the picture is scaled.
        height: i > 0 ? step + 0.5 : step,
        fill: interpolateViridis(i / (BAR_STEPS - 1)),
      }),
    ),
    ...ticks.map(({ value, label }) =>
      text(label, x + BAR_WIDTH + 7, bottom - colour(value) * (bottom - top) + 4, {
        size: SMALL,
        fill: MUTED,
        class: 'muted',
      }),
    ),
  ];
}
