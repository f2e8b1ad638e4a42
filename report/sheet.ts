/** The contact sheet of a run: what an attack did to each image, side by side, in one picture that explains itself. */
import { UserError } from '../base/errors.js';
import type { Image } from '../data/image.js';
import { type Caption, type CaptionColours, captions } from './captions.js';
import {
  type Colour,
  explanationPicture,
  heatColour,
  maskPicture,
  perturbationPicture,
  upscale,
} from './pictures.js';
import { drawText, fitText, type TextStyle, textWidth } from './text.js';

/** A class by name and the net's confidence in it (0..1). */
export interface SheetPrediction {
  readonly label: string;
  readonly confidence: number;
}

/** One attacked image. All images of a sheet have the net's input size, height x width. */
export interface SheetRow {
  readonly original: Image;
  readonly adversarial: Image;
  /** Lhat, [height, width] in [0,1]. */
  readonly cam: ArrayLike<number>;
  /** The soft mask, [height, width]; positive on the CFR. */
  readonly mask: ArrayLike<number>;
  readonly clean: SheetPrediction;
  readonly attacked: SheetPrediction;
  /** Name of the true class, given where the clean image is classified wrong. */
  readonly truth?: string;
  readonly success: boolean;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
  readonly l2: number;
  readonly linf: number;
  readonly ssim: number;
  /** What finds the image again: its index or file name. */
  readonly name?: string;
}

export interface SheetOptions {
  readonly title?: string;
  readonly subtitle?: string;
  /** Default: light. */
  readonly theme?: 'light' | 'dark';
  /** One amplification for all rows; default: the largest round one that fits each image. */
  readonly amplification?: number;
}

interface Theme extends CaptionColours {
  readonly paper: Colour;
  readonly line: Colour;
}

const THEMES: Readonly<Record<'light' | 'dark', Theme>> = {
  light: {
    paper: [252, 252, 251],
    ink: [28, 30, 34],
    muted: [106, 112, 122],
    line: [222, 223, 226],
    accent: [196, 43, 28],
  },
  dark: {
    paper: [20, 22, 26],
    ink: [236, 238, 241],
    muted: [150, 156, 166],
    line: [52, 56, 63],
    accent: [255, 123, 104],
  },
};

const COLUMNS = ['Original', 'Grad-CAM and CFR', 'Soft mask', 'Perturbation', 'Adversarial'] as const;
const MOST_ROWS = 64;
/** More rows than this stand in two blocks side by side. */
const ROWS_OF_ONE_BLOCK = 16;
/** Small images are shown at least this wide. */
const TILE = 128;
const MARGIN = 32;
const GAP = 14;
const ROW_GAP = 22;
const BLOCK_GAP = 56;
/** Cap height of captions under small and large tiles, in pixels; an average letter is four fifths as wide. */
const TEXT = 9;
const LARGE_TEXT = 11;

/** What all parts of a sheet share: pixels, colours, and the measures that follow from the size of the images. */
interface Canvas {
  readonly sheet: Image;
  readonly theme: Theme;
  readonly factor: number;
  readonly tile: number;
  readonly text: number;
  readonly line: number;
}

/**
 * The sheet of 1 to 64 images, a row each: original, Grad-CAM with the CFR's outline, soft mask, amplified perturbation,
 * adversarial, with classes, confidences and measures below. 32x32 images are shown at four times their size.
 */
export function contactSheet(rows: readonly SheetRow[], options: SheetOptions = {}): Image {
  const first = rows[0];
  if (!first || rows.length > MOST_ROWS) {
    throw new UserError(
      `contactSheet: expected 1 to ${MOST_ROWS} rows, got ${rows.length}; choose some images`,
    );
  }
  const { width, height } = first.original;
  for (const row of rows) {
    if (row.original.width !== width || row.original.height !== height) {
      throw new UserError(
        `contactSheet: expected images of one size, got ${width}x${height} and ` +
          `${row.original.width}x${row.original.height}; pass the images as the net saw them`,
      );
    }
  }
  const theme = THEMES[options.theme ?? 'light'];
  const factor = Math.max(1, Math.round(TILE / Math.max(width, height)));
  const tile = width * factor;
  const text = tile < 1.4 * TILE ? TEXT : LARGE_TEXT;
  const line = 2 * text - 1;
  const blocks = rows.length > ROWS_OF_ONE_BLOCK ? 2 : 1;
  const perBlock = Math.ceil(rows.length / blocks);
  const blockWidth = COLUMNS.length * tile + (COLUMNS.length - 1) * GAP;
  const rowHeight = height * factor + 2 * line + 6 + ROW_GAP;
  const titleHeight =
    (options.title ? 28 : 0) +
    (options.subtitle ? line + 4 : 0) +
    (options.title || options.subtitle ? 14 : 0);
  const headHeight = text + 15;
  const footHeight = text + 16;

  const sheet = blank(
    2 * MARGIN + blocks * blockWidth + (blocks - 1) * BLOCK_GAP,
    2 * MARGIN + titleHeight + headHeight + perBlock * rowHeight + footHeight,
    theme.paper,
  );
  const canvas: Canvas = { sheet, theme, factor, tile, text, line };
  const inner = sheet.width - 2 * MARGIN;
  let y = MARGIN;
  if (options.title) {
    drawText(sheet, fitText(options.title, 15, inner), MARGIN, y + 15, {
      size: 15,
      colour: theme.ink,
      weight: 1.35,
    });
    y += 28;
  }
  if (options.subtitle)
    drawText(sheet, fitText(options.subtitle, text, inner), MARGIN, y + text + 2, muted(canvas));
  y = MARGIN + titleHeight;

  for (let block = 0; block < blocks; block++) {
    const left = MARGIN + block * (blockWidth + BLOCK_GAP);
    for (const [c, heading] of COLUMNS.entries()) {
      const style = { size: text, colour: theme.ink, weight: 1.35 };
      drawText(sheet, fitText(heading, text, tile), left + c * (tile + GAP), y + text, style);
    }
    fill(sheet, left, y + text + 6, blockWidth, 1, theme.line);
    for (const [r, row] of rows.slice(block * perBlock, (block + 1) * perBlock).entries()) {
      drawRow(canvas, row, left, y + headHeight + r * rowHeight, options.amplification);
    }
  }
  const foot = sheet.height - MARGIN - footHeight;
  fill(sheet, MARGIN, foot, inner, 1, theme.line);
  drawLegend(canvas, MARGIN, foot + text + 14, inner);
  return sheet;
}

function drawRow(canvas: Canvas, row: SheetRow, left: number, top: number, fixed: number | undefined): void {
  const { sheet, theme, factor } = canvas;
  const { image: perturbation, amplification } = perturbationPicture(row.original, row.adversarial, fixed);
  const tiles = [
    upscale(row.original, factor),
    explanationPicture(row.original, row.cam, row.mask, factor),
    upscale(maskPicture(row.mask, row.original), factor),
    upscale(perturbation, factor),
    upscale(row.adversarial, factor),
  ];
  for (const [c, caption] of captions(row, amplification, theme).entries()) {
    const x = left + c * (canvas.tile + GAP);
    const tile = tiles[c]!;
    fill(sheet, x - 1, top - 1, tile.width + 2, tile.height + 2, theme.line);
    paste(sheet, tile, x, top);
    drawCaption(canvas, caption, x, top + tile.height + 6);
  }
}

function drawCaption(canvas: Canvas, caption: Caption, x: number, top: number): void {
  const { sheet, text, tile } = canvas;
  const first = top + text + 3;
  const second = first + canvas.line;
  drawText(sheet, fitText(caption.first, text, tile), x, first, { size: text, colour: caption.colour });
  const end = drawText(sheet, fitText(caption.second, text, tile), x, second, muted(canvas));
  const room = x + tile - end - 6;
  const aside = fitText(caption.aside ?? '', text, room);
  if (aside !== caption.aside && !caption.shorten) return;
  drawText(sheet, aside, x + tile - textWidth(aside, text), second, muted(canvas));
}

/** How to read the colours, at the foot of the sheet: `y` is the baseline. */
function drawLegend(canvas: Canvas, left: number, y: number, width: number): void {
  const { sheet, text } = canvas;
  const bar = 10 * text;
  let x = drawText(sheet, 'Grad-CAM 0 ', left, y, muted(canvas)) + 3;
  for (let i = 0; i < bar; i++) fill(sheet, x + i, y - text - 1, 1, text + 2, heatColour(i / (bar - 1)));
  x = drawText(sheet, ' 1', x + bar, y, muted(canvas));
  const rest = '   White line: border of the CFR.   Perturbation: grey is zero, amplified as marked.';
  drawText(sheet, fitText(rest, text, left + width - x), x, y, muted(canvas));
}

function muted(canvas: Canvas): TextStyle {
  return { size: canvas.text, colour: canvas.theme.muted };
}

function blank(width: number, height: number, colour: Colour): Image {
  const image: Image = { width, height, data: new Uint8Array(3 * width * height) };
  fill(image, 0, 0, width, height, colour);
  return image;
}

/** Fills a rectangle that lies inside the image; its left edge may be a fraction and is rounded. */
function fill(image: Image, x: number, y: number, width: number, height: number, colour: Colour): void {
  const line = new Uint8Array(3 * width);
  for (let i = 0; i < line.length; i++) line[i] = colour[i % 3]!;
  for (let row = y; row < y + height; row++) image.data.set(line, 3 * (row * image.width + Math.round(x)));
}

function paste(onto: Image, image: Image, x: number, y: number): void {
  for (let row = 0; row < image.height; row++) {
    const line = image.data.subarray(3 * row * image.width, 3 * (row + 1) * image.width);
    onto.data.set(line, 3 * ((y + row) * onto.width + x));
  }
}
