/**
 * 8-bit RGB images and the usual preprocessing, exactly as PIL and torchvision do it (to the bit; test/images.test.ts), since
 * nets lose up to a percent of accuracy to another resize. Pixels only: files are read by image-files.ts.
 */

import { UserError } from '../base/errors.js';
import { resample } from './resample.js';
import type { Image } from './rgb.js';

/**
 * - `auto`: an image of the net's input size is taken as it is; any other as the form's nets were validated: `crop` for
 *   ImageNet forms, `resize` for CIFAR forms.
 * - `none`: as it is; another size is an error.
 * - `resize`: to the input size, whatever the aspect.
 * - `crop`: the shorter side to 8/7 of the input size (256 for 224), then the centre; for CIFAR forms to the input size.
 */
export type PreprocessMode = 'auto' | 'none' | 'resize' | 'crop';

/** The net that an image is brought to. A `NetSpec` is one. */
export interface PreprocessOptions {
  /** A square's side, or height and width. */
  readonly inputSize: number | readonly [height: number, width: number];
  /** Decides what `auto` does. */
  readonly form: 'imagenet' | 'cifar';
  /** Default `auto`. */
  readonly mode?: PreprocessMode;
}

/** Of pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Makes an image, checking that the data fit the size. */
export function createImage(width: number, height: number, data = new Uint8Array(3 * width * height)): Image {
  if (data.length !== 3 * width * height || width < 1 || height < 1) {
    throw new Error(
      `image: expected ${3 * width * height} bytes for ${width}x${height} RGB, got ${data.length}`,
    );
  }
  return { width, height, data };
}

/** PIL's own limit against decompression bombs is 179 million pixels. */
const MAX_PIXELS = 100e6;

/**
 * @param credible as many as a file of that size would hold
 * @throws UserError where a file claims a size that is not worth the memory
 */
export function checkPixels(width: number, height: number, source: string, credible: number): void {
  const limit = Math.min(MAX_PIXELS, credible);
  if (width * height <= limit) return;
  const file = limit < MAX_PIXELS ? ' of a file so small (truncated, or a decompression bomb?)' : '';
  throw new UserError(
    `${source}: expected an image of at most ${Math.floor(limit / 1e6)} megapixels${file}, got ${width}x${height}; make it smaller`,
  );
}

/**
 * Resizes with PIL's antialiased bilinear filter, bit for bit (`Image.resize((width, height), BILINEAR)`): the filter's
 * support grows with the reduction. Width first, as in all Pillows before 13, which takes the height first where that shrinks
 * far more, and may then differ by one level. Returns the image itself where the size is right already.
 */
export function resizeAntialias(image: Image, width: number, height: number): Image {
  for (const extent of [width, height]) {
    if (!Number.isInteger(extent) || extent < 1)
      throw new Error(`resize: expected positive whole sizes, got ${width}x${height}`);
  }
  return resample(image, width, height);
}

/** Resizes so that the shorter side is `size`; the longer is cut down to a whole number, as torchvision's `Resize(size)`. */
export function resizeShorterSide(image: Image, size: number): Image {
  const { width, height } = shorterSideSize(image, size);
  return resizeAntialias(image, width, height);
}

function shorterSideSize({ width, height }: Size, size: number): Size {
  return width <= height
    ? { width: size, height: Math.trunc((size * height) / width) }
    : { width: Math.trunc((size * width) / height), height: size };
}

/** Python's `round`: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Cuts out the middle `height` x `width`, with torchvision's rounding: top = round_half_even((image's height - height) / 2). */
export function centerCrop(image: Image, height: number, width = height): Image {
  if (width > image.width || height > image.height)
    throw new Error(`crop: expected at least ${width}x${height}, got ${image.width}x${image.height}`);
  return crop(image, centred(image, height, width), height, width);
}

function centred(image: Size, height: number, width: number): Pick<Placement, 'left' | 'top'> {
  return {
    left: roundHalfEven((image.width - width) / 2),
    top: roundHalfEven((image.height - height) / 2),
  };
}

function crop(
  image: Image,
  { left, top }: Pick<Placement, 'left' | 'top'>,
  height: number,
  width: number,
): Image {
  if (height === image.height && width === image.width) return image;
  const out = new Uint8Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * image.width + left);
    out.set(image.data.subarray(start, start + 3 * width), 3 * y * width);
  }
  return { width, height, data: out };
}

/** The size at which an image, keeping its aspect, just covers `height` x `width`. */
function coverSize(image: Size, height: number, width: number): Size {
  if (height === width) return shorterSideSize(image, height);
  const scale = Math.max(height / image.height, width / image.width);
  return {
    width: Math.max(width, Math.trunc(image.width * scale)),
    height: Math.max(height, Math.trunc(image.height * scale)),
  };
}

/** How preprocessing takes an image to a net: it is resized to a size of which the net sees the part from (left, top) on. */
export interface Placement extends Size {
  readonly left: number;
  readonly top: number;
}

/**
 * Brings an image to a net's input size.
 * @throws UserError for mode `none` and another size.
 */
export function preprocess(image: Image, options: PreprocessOptions): Image {
  const { inputSize } = options;
  const [height, width] = typeof inputSize === 'number' ? [inputSize, inputSize] : inputSize;
  const place = placement(image, options);
  return crop(resizeAntialias(image, place.width, place.height), place, height, width);
}

/** What `preprocess` does with an image of a size. @throws UserError as it does */
export function placement(image: Size, { inputSize, form, mode = 'auto' }: PreprocessOptions): Placement {
  const [height, width] = typeof inputSize === 'number' ? [inputSize, inputSize] : inputSize;
  const fits = image.width === width && image.height === height;
  const chosen = mode !== 'auto' ? mode : fits ? 'none' : form === 'imagenet' ? 'crop' : 'resize';
  const margin = form === 'imagenet' ? 8 / 7 : 1;
  switch (chosen) {
    case 'none':
      if (fits) return { width, height, left: 0, top: 0 };
      throw new UserError(
        `preprocess: expected an image of ${width}x${height}, got ${image.width}x${image.height}; leave out --preprocess none`,
      );
    case 'resize':
      return { width, height, left: 0, top: 0 };
    case 'crop': {
      const size = coverSize(image, Math.round(height * margin), Math.round(width * margin));
      return { ...size, ...centred(size, height, width) };
    }
    default:
      throw new UserError(`preprocess: expected one of auto, none, resize, crop, got ${String(chosen)}`);
  }
}

/** Pixels as f32 in [0, 1] (k/255), channels first: [3, height, width]. */
export function toTensor({ width, height, data }: Image): Float32Array {
  const plane = width * height;
  const out = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) out[c * plane + i] = data[3 * i + c]! / 255;
  }
  return out;
}

/** The 8-bit image of a tensor [3, height, width] in [0, 1]: rounded to the nearest level, clamped. Inverse of `toTensor`. */
export function fromTensor(values: ArrayLike<number>, width: number, height: number): Image {
  const plane = width * height;
  if (values.length !== 3 * plane)
    throw new Error(`image: expected ${3 * plane} values for ${width}x${height}, got ${values.length}`);
  const data = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++)
      data[3 * i + c] = Math.min(255, Math.max(0, Math.round(values[c * plane + i]! * 255)));
  }
  return { width, height, data };
}
