/** Draws captions into images: lays out a line of text, smooths its strokes, and shortens what does not fit. */
import type { Image } from '../data/image.js';
import { CAP_HEIGHT, glyphOf } from './font.js';
import { type Colour, mix } from './pictures.js';

export interface TextStyle {
  readonly colour: Colour;
  /** Height of capitals in pixels. */
  readonly size: number;
  /** Thickness of the strokes as a multiple of the regular one; default 1. */
  readonly weight?: number;
}

/** Thickness of the regular stroke, in glyph units. */
const STROKE = 1.75;

/** Width in pixels of a line of text, from the first stroke's centre to the last one's, as drawText lays it out. */
export function textWidth(text: string, size: number): number {
  let units = 0;
  for (const character of text) units += glyphOf(character).advance;
  return Math.ceil((units * size) / CAP_HEIGHT);
}

/** The text, or as much of its beginning as fits `width` pixels with a "…" behind it. */
export function fitText(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  const characters = [...text];
  while (characters.length > 0) {
    characters.pop();
    const shortened = `${characters.join('').trimEnd()}…`;
    if (textWidth(shortened, size) <= width) return shortened;
  }
  return '';
}

/**
 * Draws one line of text with the left edge `x` and the baseline `y` (pixels from the top left corner) and returns the x
 * behind it. What lies outside the image is clipped.
 */
export function drawText(image: Image, text: string, x: number, y: number, style: TextStyle): number {
  const scale = style.size / CAP_HEIGHT;
  const radius = (STROKE * (style.weight ?? 1) * scale) / 2;
  let pen = x + radius;
  for (const character of text) {
    const glyph = glyphOf(character);
    drawStrokes(image, glyph.segments, pen, y - radius, scale, radius, style.colour);
    pen += glyph.advance * scale;
  }
  return pen;
}

/**
 * Covers each pixel by how far its centre lies inside the nearest stroke: one pixel of ramp at the edge is the
 * antialiasing. Strokes are joined by the larger cover before they are blended, so that crossings don't show.
 */
function drawStrokes(
  image: Image,
  segments: readonly Segment[],
  x: number,
  baseline: number,
  scale: number,
  radius: number,
  colour: Colour,
): void {
  const cover = new Map<number, number>();
  for (const [gx0, gy0, gx1, gy1] of segments) {
    const segment = [
      x + gx0 * scale,
      baseline - gy0 * scale,
      x + gx1 * scale,
      baseline - gy1 * scale,
    ] as const;
    const [x0, y0, x1, y1] = segment;
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius - 0.5));
    const right = Math.min(image.width - 1, Math.ceil(Math.max(x0, x1) + radius + 0.5));
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius - 0.5));
    const bottom = Math.min(image.height - 1, Math.ceil(Math.max(y0, y1) + radius + 0.5));
    for (let py = top; py <= bottom; py++) {
      for (let px = left; px <= right; px++) {
        const share = Math.min(1, radius + 0.5 - distance(px + 0.5, py + 0.5, segment));
        const at = py * image.width + px;
        if (share > 0 && share > (cover.get(at) ?? 0)) cover.set(at, share);
      }
    }
  }
  for (const [at, share] of cover) mix(image, at % image.width, Math.floor(at / image.width), colour, share);
}

type Segment = readonly [x0: number, y0: number, x1: number, y1: number];

/** Distance from a point to a segment. */
function distance(x: number, y: number, [x0, y0, x1, y1]: Segment): number {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length));
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}
