/** Images in rows and columns with names and captions, as a figure for a text. */
import { UserError } from '../../base/errors.js';
import type { Image } from '../../data/rgb.js';
import { imageElement, text } from '../svg.js';
import { fitText, textWidth } from '../typeface.js';
import { type ChartOptions, chartDocument, heading, headingWidth, sampleText } from './frame.js';
import { INK, MARGIN, MUTED, SMALL } from './theme.js';

export interface GridCell {
  readonly image: Image;
  readonly caption?: string;
}

export interface ImageGridInput extends Omit<ChartOptions, 'width' | 'height'> {
  /** Headings of the columns. */
  readonly columns: readonly string[];
  /** Images, all of one size; a row has a cell for each column, null where there is no image; one named '' goes on with that above. */
  readonly rows: readonly { readonly name?: string; readonly cells: readonly (GridCell | null)[] }[];
}

const TILE = 112;
const GAP = 8;
const LONGEST_ROW_NAME = 140;

/** Small images are enlarged a whole number of times, as squares. */
export function imageGrid(input: ImageGridInput): string {
  const { columns, rows } = input;
  const { width: side, height: rise } = sizeOf(input);
  const factor = Math.max(1, Math.round(TILE / side));
  const [tileWidth, tileHeight] = [side * factor, rise * factor];
  const captioned = rows.some(({ cells }) => cells.some((cell) => cell?.caption !== undefined));
  const step = tileHeight + GAP + (captioned ? SMALL + 6 : 0);
  const names = rows.map(({ name = '' }) => fitText(name, LONGEST_ROW_NAME, SMALL));
  const nameRoom = Math.max(0, ...names.map((name) => textWidth(name, SMALL)));
  const left = MARGIN + (nameRoom > 0 ? nameRoom + 10 : 0);
  const sample = sampleText(rows.filter(({ name }) => name !== '').length, input);
  const width = Math.max(
    left + Math.max(1, columns.length) * (tileWidth + GAP) - GAP + MARGIN,
    headingWidth(input, sample),
  );
  const head = heading(input, sample, [], width);
  const top = head.bottom + SMALL + 6;
  const height = top + Math.max(1, rows.length) * step - GAP + MARGIN;
  const place = (c: number) => left + c * (tileWidth + GAP);
  const ink = { size: SMALL, fill: INK, class: 'ink' } as const;
  const parts = rows.flatMap(({ name, cells }, r) => {
    const y = top + r * step;
    return [
      name === undefined
        ? ''
        : text(name, left - 10, y + tileHeight / 2 + 4, { ...ink, anchor: 'end', room: LONGEST_ROW_NAME }),
      ...cells.map((cell, c) => {
        const middle = {
          anchor: 'middle',
          size: SMALL,
          fill: MUTED,
          class: 'muted',
          room: tileWidth,
        } as const;
        if (cell === null) return text('–', place(c) + tileWidth / 2, y + tileHeight / 2, middle);
        return (
          imageElement(cell.image, place(c), y, tileWidth, tileHeight) +
          text(cell.caption ?? '', place(c) + tileWidth / 2, y + tileHeight + SMALL + 2, middle)
        );
      }),
    ];
  });
  return chartDocument(width, height, input.title, sample, [
    ...head.parts,
    ...columns.map((name, c) =>
      text(name, place(c) + tileWidth / 2, top - 6, {
        ...ink,
        weight: 'bold',
        anchor: 'middle',
        room: tileWidth,
      }),
    ),
    ...parts,
    rows.length === 0 ? text('no data', MARGIN, top + SMALL, { ...ink, fill: MUTED, class: 'muted' }) : '',
  ]);
}

/** The size that all images have; a tile's where there is none. */
function sizeOf({ columns, rows }: ImageGridInput): { width: number; height: number } {
  const wrong = rows.findIndex(({ cells }) => cells.length !== columns.length);
  if (wrong >= 0) {
    throw new UserError(
      `imageGrid: expected ${columns.length} cells in row ${wrong}, got ${rows[wrong]!.cells.length}; give null where there is none`,
    );
  }
  const images = rows.flatMap(({ cells }) => cells.flatMap((cell) => (cell === null ? [] : [cell.image])));
  const first = images[0] ?? { width: TILE, height: TILE };
  const other = images.find(({ width, height }) => width !== first.width || height !== first.height);
  if (other) {
    throw new UserError(
      `imageGrid: expected images of one size, got ${first.width}x${first.height} and ${other.width}x${other.height}; ` +
        'pass the images as the net saw them',
    );
  }
  return first;
}
