/** The contact sheet of a run: what an attack did to each image, side by side, in one picture that explains itself. */
import { UserError } from '../base/errors.js';
import type { Image } from '../data/rgb.js';
import { type Caption, type CaptionLine, captions } from './captions.js';
import { explanationPicture, heatColour, maskPicture, perturbationPicture } from './pictures.js';
import { rasterise } from './raster.js';
import type { SheetRow } from './sheet-row.js';
import { element, imageElement, svgDocument, text } from './svg.js';
import { textWidth, type Weight } from './typeface.js';

/** How a contact sheet looks; everything has a default. */
export interface SheetOptions {
  /** Above everything. Default: none. */
  readonly title?: string;
  /** A line below it. Default: none. */
  readonly subtitle?: string;
  /** Default: light. */
  readonly theme?: 'light' | 'dark';
  /** One amplification for all rows; default: the largest round one that fits each image. */
  readonly amplification?: number;
}

type Theme = Readonly<Record<'paper' | 'ink' | 'muted' | 'line' | 'accent', string>>;

const THEMES: Readonly<Record<'light' | 'dark', Theme>> = {
  light: { paper: '#fcfcfb', ink: '#1c1e22', muted: '#646b76', line: '#dedfe2', accent: '#b3261e' },
  dark: { paper: '#14161a', ink: '#eceef1', muted: '#9aa1ac', line: '#34383f', accent: '#ff8a78' },
};

const COLUMNS = ['Original', 'Grad-CAM and CFR', 'Soft mask', 'Perturbation', 'Adversarial'] as const;
const MOST_ROWS = 64;
/** More rows than this stand in two blocks side by side. */
const ROWS_OF_ONE_BLOCK = 16;
/** Small images are shown about this wide. */
const TILE = 160;
/** Captions need this much width, whatever the image's. */
const LEAST_COLUMN = 150;
const MARGIN = 32;
const GAP = 16;
const ROW_GAP = 20;
const BLOCK_GAP = 56;
/** Font sizes of the title, of headings and first lines, and of all that is small; and how far apart lines stand. */
const TITLE = 20;
const TEXT = 13;
const SMALL = 11.5;
const LINE = 17;
const CAPTION_HEIGHT = 2 * LINE + 4;

/** What all parts of a sheet share: colours, and the measures that follow from the size of the images. */
interface Layout {
  readonly theme: Theme;
  readonly factor: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly column: number;
}

/**
 * The sheet of 1 to 64 images, a row each, as SVG: original, Grad-CAM with the CFR's outline, soft mask, amplified
 * perturbation, adversarial, with classes, confidences and measures below. 32x32 images are shown at five times their
 * size; what is too long for its place ends in "…".
 */
export function contactSheetSvg(rows: readonly SheetRow[], options: SheetOptions = {}): string {
  const { width, height } = checkRows(rows);
  const theme = THEMES[options.theme ?? 'light'];
  const factor = Math.max(1, Math.round(TILE / Math.max(width, height)));
  const layout: Layout = {
    theme,
    factor,
    tileWidth: width * factor,
    tileHeight: height * factor,
    column: Math.max(LEAST_COLUMN, width * factor),
  };
  const blocks = rows.length > ROWS_OF_ONE_BLOCK ? 2 : 1;
  const perBlock = Math.ceil(rows.length / blocks);
  const blockWidth = COLUMNS.length * layout.column + (COLUMNS.length - 1) * GAP;
  const rowHeight = layout.tileHeight + CAPTION_HEIGHT + ROW_GAP;
  const inner = blocks * blockWidth + (blocks - 1) * BLOCK_GAP;
  const parts: string[] = [];

  let y = MARGIN;
  if (options.title) {
    y += TITLE;
    parts.push(text(options.title, MARGIN, y, { size: TITLE, fill: theme.ink, weight: 'bold', room: inner }));
    y += 4;
  }
  if (options.subtitle) {
    y += LINE;
    parts.push(text(options.subtitle, MARGIN, y, { size: TEXT, fill: theme.muted, room: inner }));
  }
  if (y > MARGIN) y += 20;
  const headings = y + TEXT;
  const top = headings + 18;
  for (let block = 0; block < blocks; block++) {
    const left = MARGIN + block * (blockWidth + BLOCK_GAP);
    for (const [c, heading] of COLUMNS.entries()) {
      const x = left + c * (layout.column + GAP);
      parts.push(
        text(heading, x, headings, { size: TEXT, fill: theme.ink, weight: 'bold', room: layout.column }),
      );
    }
    parts.push(rectangle(left, headings + 8, blockWidth, 1, theme.line));
    for (const [r, row] of rows.slice(block * perBlock, (block + 1) * perBlock).entries())
      parts.push(drawRow(layout, row, left, top + r * rowHeight, options.amplification));
  }
  const foot = top + perBlock * rowHeight;
  parts.push(rectangle(MARGIN, foot, inner, 1, theme.line));
  parts.push(drawLegend(theme, MARGIN, foot + 22, inner));
  const [sheetWidth, sheetHeight] = [inner + 2 * MARGIN, foot + 22 + MARGIN];
  const paper = rectangle(0, 0, sheetWidth, sheetHeight, theme.paper);
  const label = `Contact sheet of ${rows.length} attacked ${rows.length === 1 ? 'image' : 'images'}`;
  return svgDocument(sheetWidth, sheetHeight, label, [paper, ...parts]);
}

/** The same sheet in pixels. */
export async function contactSheet(rows: readonly SheetRow[], options: SheetOptions = {}): Promise<Image> {
  return rasterise(contactSheetSvg(rows, options));
}

/** The size that all images have. */
function checkRows(rows: readonly SheetRow[]): Image {
  const first = rows[0]?.original;
  if (!first || rows.length > MOST_ROWS) {
    throw new UserError(
      `contactSheet: expected 1 to ${MOST_ROWS} rows, got ${rows.length}; choose some images`,
    );
  }
  for (const { original } of rows) {
    if (original.width !== first.width || original.height !== first.height) {
      throw new UserError(
        `contactSheet: expected images of one size, got ${first.width}x${first.height} and ` +
          `${original.width}x${original.height}; pass the images as the net saw them`,
      );
    }
  }
  return first;
}

function drawRow(
  layout: Layout,
  row: SheetRow,
  left: number,
  top: number,
  fixed: number | undefined,
): string {
  const { theme, factor, tileWidth, tileHeight } = layout;
  const { image: perturbation, amplification } = perturbationPicture(row.original, row.adversarial, fixed);
  const tiles = [
    row.original,
    explanationPicture(row.original, row.cam, row.mask, factor),
    maskPicture(row.mask, row.original),
    perturbation,
    row.adversarial,
  ];
  return captions(row, amplification)
    .map((caption, c) => {
      const x = left + c * (layout.column + GAP);
      return [
        rectangle(x - 1, top - 1, tileWidth + 2, tileHeight + 2, theme.line),
        imageElement(tiles[c]!, x, top, tileWidth, tileHeight),
        drawCaption(layout, caption, x, top + tileHeight),
      ].join('');
    })
    .join('');
}

function drawCaption(
  { theme, column }: Layout,
  { first, second, tone }: Caption,
  x: number,
  y: number,
): string {
  return [
    drawLine(
      first,
      x,
      y + LINE,
      column,
      { size: TEXT, fill: theme[tone], weight: tone === 'accent' ? 'bold' : 'regular' },
      theme,
    ),
    drawLine(second, x, y + 2 * LINE, column, { size: SMALL, fill: theme.muted }, theme),
  ].join('');
}

interface LineStyle {
  readonly size: number;
  readonly fill: string;
  readonly weight?: Weight;
}

function drawLine(
  { text: words, aside }: CaptionLine,
  x: number,
  y: number,
  width: number,
  style: LineStyle,
  theme: Theme,
): string {
  if (aside === undefined) return text(words, x, y, { ...style, room: width });
  const room = width - textWidth(aside, SMALL) - 8;
  return (
    text(words, x, y, { ...style, room }) +
    text(aside, x + width, y, { size: SMALL, fill: theme.muted, anchor: 'end', room: width })
  );
}

/** How to read the colours, at the foot of the sheet: `y` is the baseline. */
function drawLegend(theme: Theme, left: number, y: number, width: number): string {
  const style = { size: SMALL, fill: theme.muted };
  const bar = 96;
  const before = 'Grad-CAM 0';
  const after = '1 · white line: border of the CFR · perturbation: grey is zero, amplified as marked';
  const from = left + textWidth(before, SMALL) + 6;
  const steps = Array.from({ length: bar }, (_, i) =>
    // A little wider than a step: no seams when the picture is scaled.
    rectangle(from + i, y - 9, i < bar - 1 ? 1.5 : 1, 11, `rgb(${heatColour(i / (bar - 1)).join(',')})`),
  );
  return [
    text(before, left, y, style),
    ...steps,
    text(after, from + bar + 6, y, { ...style, room: left + width - from - bar - 6 }),
  ].join('');
}

function rectangle(x: number, y: number, width: number, height: number, fill: string): string {
  return element('rect', { x, y, width, height, fill });
}
