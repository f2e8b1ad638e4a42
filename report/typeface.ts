/**
 * The one typeface of all pictures with text: DejaVu Sans from its npm package, so that a picture is the same on every
 * machine. It has Latin, Greek, Cyrillic, arrows and mathematics; a character that it lacks (Chinese, Japanese, Korean)
 * is drawn as an empty box, and stays itself in the SVG.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Blob, Face, Font, Buffer as ShapedText, shape } from 'harfbuzzjs';

export const FAMILY = 'DejaVu Sans';
export type Weight = 'regular' | 'bold';

const FILES: Readonly<Record<Weight, string>> = { regular: 'DejaVuSans.ttf', bold: 'DejaVuSans-Bold.ttf' };

const require = createRequire(import.meta.url);
const bytes = new Map<Weight, Uint8Array>();
const faces = new Map<Weight, { font: Font; unitsPerEm: number }>();

/** The bytes of the TrueType file. */
export function typefaceBytes(weight: Weight): Uint8Array {
  let file = bytes.get(weight);
  if (!file) {
    file = readFileSync(require.resolve(`dejavu-fonts-ttf/ttf/${FILES[weight]}`));
    bytes.set(weight, file);
  }
  return file;
}

/** Width in pixels of a line of text at a font size in pixels, shaped and kerned as the renderer does it. */
export function textWidth(text: string, size: number, weight: Weight = 'regular'): number {
  const { font, unitsPerEm } = faceOf(weight);
  const buffer = new ShapedText();
  buffer.addText(text);
  buffer.guessSegmentProperties();
  shape(font, buffer);
  const units = buffer.getGlyphPositions().reduce((sum, { xAdvance }) => sum + xAdvance, 0);
  return (units * size) / unitsPerEm;
}

/** The text, or as much of its beginning as fits `width` pixels with a "…" behind it; nothing where not even that fits. */
export function fitText(text: string, width: number, size: number, weight: Weight = 'regular'): string {
  if (textWidth(text, size, weight) <= width) return text;
  // By graphemes: a letter is not parted from its marks.
  const characters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  const shortened = (count: number) => `${characters.slice(0, count).join('').trimEnd()}…`;
  let fits = -1;
  for (let low = 0, high = characters.length - 1; low <= high; ) {
    const middle = (low + high) >> 1;
    if (textWidth(shortened(middle), size, weight) <= width) {
      fits = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return fits < 0 ? '' : shortened(fits);
}

/** The text in lines of at most `width` pixels, broken at spaces; a word that is longer has a line of its own. */
export function wrapText(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function faceOf(weight: Weight): { font: Font; unitsPerEm: number } {
  let face = faces.get(weight);
  if (!face) {
    const parsed = new Face(new Blob(typefaceBytes(weight)));
    face = { font: new Font(parsed), unitsPerEm: parsed.upem };
    faces.set(weight, face);
  }
  return face;
}
