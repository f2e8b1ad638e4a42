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
  for (let y = 0, at = 0; y < height * factor; y++) {
    const [y0, y1, fy] = between(y, factor, height);
    for (let x = 0; x < width * factor; x++, at++) {
      const [x0, x1, fx] = between(x, factor, width);
      const above = map[y0 * width + x0]! * (1 - fx) + map[y0 * width + x1]! * fx;
      const below = map[y1 * width + x0]! * (1 - fx) + map[y1 * width + x1]! * fx;
      out[at] = above * (1 - fy) + below * fy;
    }
  }
  return out;
}

/** The two source indices around an enlarged coordinate, and the share of the second. */
function between(position: number, factor: number, length: number): [number, number, number] {
  const source = Math.min(length - 1, Math.max(0, (position + 0.5) / factor - 0.5));
  const lower = Math.floor(source);
  return [lower, Math.min(length - 1, lower + 1), source - lower];
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

/**
 * A map [height, width] in [0,1] laid over its image of the same size. The cold parts let the image through (dimmed, so
 * that the hot ones lead the eye), the hot ones cover up to `opacity` of it.
 */
export function overlayHeat(image: Image, map: ArrayLike<number>, opacity = 0.6): Image {
  const { width, height } = image;
  checkLength('overlayHeat: map', map.length, width * height, `${height}x${width}`);
  const data = new Uint8Array(image.data.length);
  for (let p = 0; p < map.length; p++) {
    const heat = Math.min(1, Math.max(0, map[p]!));
    const share = opacity * (0.35 + 0.65 * heat);
    const colour = heatColour(heat);
    for (let c = 0; c < 3; c++) {
      data[3 * p + c] = toLevel(image.data[3 * p + c]! * (1 - share) + colour[c]! * share);
    }
  }
  return { width, height, data };
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
  const inside = (x: number, y: number) =>
    region[Math.floor(y / factor) * width + Math.floor(x / factor)]! > 0;
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++) {
      const here = inside(x, y);
      let border = false;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const nx = x + dx;
          const ny = y + dy;
          if (nx < 0 || ny < 0 || nx >= out.width || ny >= out.height) continue;
          if (inside(nx, ny) !== here) border = true;
        }
      }
      if (border) mix(out, x, y, here ? colour : [0, 0, 0], here ? 1 : 0.55);
    }
  }
  return out;
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
