/**
 * Pictures of an attack, as pure functions from numbers to RGB pixels: the Grad-CAM map on its image, the contributing
 * feature region, the soft mask, the perturbation made visible. No files and no canvas, so the command line, the report
 * and the browser draw alike.
 */
import { interpolateInferno } from 'd3-scale-chromatic';
import { UserError } from '../base/errors.js';
import type { Image } from '../data/rgb.js';

/** Red, green, blue, 0..255. */
export type Colour = readonly [number, number, number];

/** Of a picture, in pixels. */
export interface Size {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/**
 * An image from a tensor [3, height, width] with values in [0,1]: each value to the nearest of the 256 levels (values
 * outside are clipped). This is the rounding that decides whether an attack survives in the PNG.
 */
export function imageFromTensor(x: ArrayLike<number>, { width, height }: Size): Image {
  const pixels = width * height;
  checkLength('imageFromTensor: x', x.length, 3 * pixels, `3x${height}x${width}`);
  const data = new Uint8Array(3 * pixels);
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < pixels; p++) data[3 * p + c] = toLevel(x[c * pixels + p]! * 255);
  }
  return { width, height, data };
}

/** The image with every pixel as a square of `factor` x `factor`: shows what is there, invents nothing. */
export function upscale(image: Image, factor: number): Image {
  if (!Number.isInteger(factor) || factor < 1) {
    throw new UserError(
      `upscale: expected a whole factor of at least 1, got ${factor}; use 1 to keep the size`,
    );
  }
  const { width, height } = image;
  const data = new Uint8Array(image.data.length * factor * factor);
  for (let y = 0, at = 0; y < height * factor; y++) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < width * factor; x++, at += 3) {
      const from = 3 * (row + Math.floor(x / factor));
      data[at] = image.data[from]!;
      data[at + 1] = image.data[from + 1]!;
      data[at + 2] = image.data[from + 2]!;
    }
  }
  return { width: width * factor, height: height * factor, data };
}

/**
 * A map [height, width] enlarged `factor` times, bilinearly with half-pixel centres and clamped borders: the sampling
 * that brought the Grad-CAM map from the feature grid to the input, carried on.
 */
export function enlargeMap(map: ArrayLike<number>, { width, height }: Size, factor: number): Float32Array {
  checkLength('enlargeMap: map', map.length, width * height, `${height}x${width}`);
  const out = new Float32Array(width * factor * height * factor);
  const across = along(width * factor, 0, width * factor, width);
  const down = along(height * factor, 0, height * factor, height);
  for (let y = 0, at = 0; y < height * factor; y++)
    for (let x = 0; x < width * factor; x++) out[at++] = sampled(map, width, across, x, down, y);
  return out;
}

/** How the cells of a map lie along an axis of an image. */
interface Along {
  /** That each pixel lies in; -1 outside of the map. */
  readonly cells: Int32Array;
  /** The two whose centres are around each pixel's, and the share of the second. */
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly share: Float64Array;
}

/** A map of `count` cells over the pixels from `start` on, `extent` of them. */
function along(length: number, start: number, extent: number, count: number): Along {
  const factor = extent / count;
  const pixels = <T>(of: (x: number) => T) => Array.from({ length }, (_, x) => of(x));
  const source = (x: number) => Math.min(count - 1, Math.max(0, (x + 0.5 - start) / factor - 0.5));
  const lower = Int32Array.from(pixels((x) => Math.floor(source(x))));
  return {
    cells: Int32Array.from(
      pixels((x) => {
        const cell = Math.floor((x + 0.5 - start) / factor);
        return cell < count ? Math.max(-1, cell) : -1;
      }),
    ),
    lower,
    upper: lower.map((cell) => Math.min(count - 1, cell + 1)),
    share: Float64Array.from(pixels((x) => source(x) - lower[x]!)),
  };
}

/** The value of a map with rows of `width` at a pixel, bilinearly. */
function sampled(
  map: ArrayLike<number>,
  width: number,
  across: Along,
  x: number,
  down: Along,
  y: number,
): number {
  const [x0, x1, fx] = [across.lower[x]!, across.upper[x]!, across.share[x]!];
  const [y0, y1, fy] = [down.lower[y]! * width, down.upper[y]! * width, down.share[y]!];
  const above = map[y0 + x0]! * (1 - fx) + map[y0 + x1]! * fx;
  const below = map[y1 + x0]! * (1 - fx) + map[y1 + x1]! * fx;
  return above * (1 - fy) + below * fy;
}

const INFERNO: readonly Colour[] = Array.from({ length: 256 }, (_, level) => {
  const hex = Number.parseInt(interpolateInferno(level / 255).slice(1), 16);
  return [hex >> 16, (hex >> 8) & 255, hex & 255];
});

/**
 * The colour of a heat in [0,1] (clipped): "inferno", black through violet and orange to light yellow, even in
 * lightness, so that equal steps of the map look equal and colour-blind readers see the same order.
 */
export function heatColour(heat: number): Colour {
  return INFERNO[toLevel(heat * 255)]!;
}

/** A map [height, width] in [0,1] as colours alone. */
export function heatMap(map: ArrayLike<number>, size: Size): Image {
  checkLength('heatMap: map', map.length, size.width * size.height, `${size.height}x${size.width}`);
  const data = new Uint8Array(3 * map.length);
  for (let p = 0; p < map.length; p++) data.set(heatColour(map[p]!), 3 * p);
  return { width: size.width, height: size.height, data };
}

const OPACITY = 0.6;

/**
 * A map [height, width] in [0,1] laid over its image of the same size. The cold parts let the image through (dimmed, so
 * that the hot ones lead the eye), the hot ones cover up to `opacity` of it.
 */
export function overlayHeat(image: Image, map: ArrayLike<number>, opacity = OPACITY): Image {
  const { width, height } = image;
  checkLength('overlayHeat: map', map.length, width * height, `${height}x${width}`);
  const data = new Uint8Array(image.data.length);
  for (let p = 0; p < map.length; p++) mixHeat(image.data, data, 3 * p, map[p]!, opacity);
  return { width, height, data };
}

function mixHeat(from: Uint8Array, to: Uint8Array, at: number, value: number, opacity: number): void {
  const heat = Math.min(1, Math.max(0, value));
  const share = opacity * (0.35 + 0.65 * heat);
  const colour = heatColour(heat);
  for (let c = 0; c < 3; c++) to[at + c] = toLevel(from[at + c]! * (1 - share) + colour[c]! * share);
}

/**
 * Draws the border of a region (its values > 0, [height, width]) into an image `factor` times that size: a light line
 * with a dark one outside it, so that it shows on any background. The edge of the image is no border.
 */
export function outlineRegion(
  image: Image,
  region: ArrayLike<number>,
  factor = 1,
  colour: Colour = [255, 255, 255],
): Image {
  const width = image.width / factor;
  const height = image.height / factor;
  checkLength('outlineRegion: region', region.length, width * height, `${height}x${width}`);
  const out: Image = { width: image.width, height: image.height, data: image.data.slice() };
  const columns = along(out.width, 0, out.width, width).cells;
  const rows = along(out.height, 0, out.height, height).cells;
  drawOutline(out, region, { columns, rows, across: width }, 1, colour);
  return out;
}

/** Which cell of a map each pixel of an image lies in, along both axes, -1 outside of it; `across`: its cells in a row. */
interface Cells {
  readonly columns: Int32Array;
  readonly rows: Int32Array;
  readonly across: number;
}

/** Two lines of `thickness` pixels along the border of a region of cells, the light one inside: into the image itself. */
function drawOutline(
  image: Image,
  region: ArrayLike<number>,
  { columns, rows, across }: Cells,
  thickness: number,
  colour: Colour = [255, 255, 255],
): void {
  const spans = (cells: Int32Array) =>
    Array.from(cells, (cell, x): readonly [number, number] => {
      const at = (place: number) => cells[Math.min(cells.length - 1, Math.max(0, place))]!;
      const [low, high] = [at(x - thickness), at(x + thickness)];
      return [low < 0 ? cell : low, high < 0 ? cell : high];
    });
  const byColumn = spans(columns);
  for (const [y, [top, bottom]] of spans(rows).entries()) {
    if (rows[y]! < 0) continue;
    for (let x = 0; x < image.width; x++) {
      if (columns[x]! < 0) continue;
      const [left, right] = byColumn[x]!;
      const here = region[rows[y]! * across + columns[x]!]! > 0;
      let border = false;
      for (let row = top; row <= bottom; row++)
        for (let column = left; column <= right; column++)
          if (region[row * across + column]! > 0 !== here) border = true;
      if (border) mix(image, x, y, here ? colour : [0, 0, 0], here ? 1 : 0.55);
    }
  }
}

/**
 * A soft mask [height, width] in grey: black where the attack may not touch, white where the mask is largest. Divided by
 * its largest value, so that all four normalisations of the mask can be seen; an all-zero mask is black.
 */
export function maskPicture(mask: ArrayLike<number>, size: Size): Image {
  checkLength('maskPicture: mask', mask.length, size.width * size.height, `${size.height}x${size.width}`);
  let largest = 0;
  for (let p = 0; p < mask.length; p++) largest = Math.max(largest, mask[p]!);
  const data = new Uint8Array(3 * mask.length);
  for (let p = 0; p < mask.length; p++)
    data.fill(toLevel(largest > 0 ? (mask[p]! / largest) * 255 : 0), 3 * p, 3 * p + 3);
  return { width: size.width, height: size.height, data };
}

/** Amplifications that read well in a caption, the largest first. */
const AMPLIFICATIONS = [100, 50, 20, 10, 5, 2];

/** The largest round amplification at which the difference of two images still fits around the middle grey. */
export function chooseAmplification(original: Image, adversarial: Image): number {
  let largest = 0;
  for (let i = 0; i < original.data.length; i++) {
    largest = Math.max(largest, Math.abs(adversarial.data[i]! - original.data[i]!));
  }
  return AMPLIFICATIONS.find((amplification) => amplification * largest <= 127) ?? 1;
}

/**
 * The difference adversarial - original, per channel and times `amplification`, around the grey 128 that stands for zero
 * (clipped at 0 and 255). Without an amplification a fitting one is chosen; the one used is returned for the caption.
 */
export function perturbationPicture(
  original: Image,
  adversarial: Image,
  amplification = chooseAmplification(original, adversarial),
): {
  /** Of the images' size. */
  image: Image;
  /** The one that was used. */
  amplification: number;
} {
  const { width, height } = original;
  if (adversarial.width !== width || adversarial.height !== height) {
    throw new UserError(
      `perturbationPicture: expected two images of one size, got ${width}x${height} and ` +
        `${adversarial.width}x${adversarial.height}; pass the image as the net saw it`,
    );
  }
  const data = new Uint8Array(original.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = toLevel(128 + amplification * (adversarial.data[i]! - original.data[i]!));
  }
  return { image: { width, height, data }, amplification };
}

/**
 * The explanation as one picture, `factor` times the image's size: the map (Lhat, [height, width]) as heat, smooth, and
 * the border of the region where `mask` ([height, width]) is positive.
 */
export function explanationPicture(
  image: Image,
  map: ArrayLike<number>,
  mask: ArrayLike<number>,
  factor = 1,
): Image {
  const heat = overlayHeat(upscale(image, factor), enlargeMap(map, image, factor));
  return outlineRegion(heat, mask, factor);
}

/** The part of a photo that a net sees, in pixels of the photo, which need not be whole. */
export interface View {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Of the shorter side of a photo, the lines of an outline: to be seen where the photo is shown whole. */
const OUTLINE = 1 / 400;

/**
 * The same on a photo, in its own pixels: map and mask [size.height, size.width] lie over the view; what is beside it, and the net does not see,
 * stays as it is.
 */
export function photoExplanation(
  photo: Image,
  map: ArrayLike<number>,
  mask: ArrayLike<number>,
  size: Size,
  view: View,
): Image {
  for (const values of [map, mask])
    checkLength('photoExplanation', values.length, size.width * size.height, `${size.height}x${size.width}`);
  const across = along(photo.width, view.left, view.width, size.width);
  const down = along(photo.height, view.top, view.height, size.height);
  const out: Image = { ...photo, data: photo.data.slice() };
  for (let y = 0; y < photo.height; y++) {
    if (down.cells[y]! < 0) continue;
    for (let x = 0; x < photo.width; x++) {
      if (across.cells[x]! < 0) continue;
      const heat = sampled(map, size.width, across, x, down, y);
      mixHeat(photo.data, out.data, 3 * (y * photo.width + x), heat, OPACITY);
    }
  }
  const thickness = Math.max(1, Math.round(OUTLINE * Math.min(photo.width, photo.height)));
  drawOutline(out, mask, { columns: across.cells, rows: down.cells, across: size.width }, thickness);
  return out;
}

/** Blends a colour into one pixel; `share` 1 replaces it. The pixel must lie inside. */
function mix(image: Image, x: number, y: number, colour: Colour, share: number): void {
  const at = 3 * (y * image.width + x);
  for (let c = 0; c < 3; c++) {
    image.data[at + c] = toLevel(image.data[at + c]! * (1 - share) + colour[c]! * share);
  }
}

/** To the nearest of 0..255; NaN gives 0. */
function toLevel(value: number): number {
  return value > 0 ? Math.min(255, Math.round(value)) : 0;
}

function checkLength(what: string, length: number, expected: number, shape: string): void {
  if (length !== expected)
    throw new UserError(`${what}: expected ${expected} values (${shape}), got ${length}; pass one image`);
}
