/** Images in a page: what a canvas can draw becomes an `Image`, and an `Image` becomes what a canvas shows. Works in a Worker too. */
import { UserError } from '../base/errors.js';
import { createImage } from './image.js';
import type { Image } from './rgb.js';

/** Pixels, or anything that a canvas draws. */
export type ImageSource = ImageData | Exclude<CanvasImageSource, SVGImageElement> | RgbaPixels;

/** RGBA bytes as a canvas gives them. */
export interface RgbaPixels {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 4 * width * height levels from 0 to 255, row-major. */
  readonly data: Uint8ClampedArray;
}

/**
 * The pixels of a bitmap, canvas, picture element, video frame or `ImageData`, alpha dropped as the command line does.
 * A canvas keeps colours times alpha, so nearly transparent pixels lose their colour there.
 * @throws UserError where it has no pixels (yet)
 * @throws DOMException where its pixels came from another site without that site's leave
 */
export function imageFrom(source: ImageSource): Image {
  const pixels = 'data' in source ? source : drawn(source);
  const { width, height, data } = pixels;
  if (data.length !== 4 * width * height)
    throw new UserError(
      `imageFrom: expected ${4 * width * height} RGBA bytes for ${width}x${height}, got ${data.length}`,
    );
  const rgb = new Uint8Array(3 * width * height);
  for (let p = 0; p < width * height; p++) {
    rgb[3 * p] = data[4 * p]!;
    rgb[3 * p + 1] = data[4 * p + 1]!;
    rgb[3 * p + 2] = data[4 * p + 2]!;
  }
  return createImage(width, height, rgb);
}

/**
 * Decodes an image file that the page was given: by drop, paste, `<input type=file>` or fetch. EXIF orientation is applied, as everywhere
 * in a page; the colours are the file's numbers, not the screen's. JPEGs may differ by a level from the command line's decoder.
 * @throws UserError on what the browser cannot decode
 */
export async function decodeBlob(blob: Blob): Promise<Image> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    const name = 'name' in blob ? `${String(blob.name)}: ` : '';
    throw new UserError(
      `${name}expected an image that this browser can decode (PNG, JPEG, WebP...), got ${blob.type || 'something else'} of ${blob.size} bytes`,
    );
  }
  try {
    return imageFrom(bitmap);
  } finally {
    bitmap.close();
  }
}

/** For `context.putImageData`: opaque. */
export function toImageData({ width, height, data }: Image): ImageData {
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let p = 0; p < width * height; p++) {
    rgba[4 * p] = data[3 * p]!;
    rgba[4 * p + 1] = data[3 * p + 1]!;
    rgba[4 * p + 2] = data[3 * p + 2]!;
    rgba[4 * p + 3] = 255;
  }
  return new ImageData(rgba, width, height);
}

function drawn(source: Exclude<ImageSource, { readonly data: unknown }>): ImageData {
  const [width, height] = sizeOf(source);
  if (!(width > 0 && height > 0))
    throw new UserError(
      `imageFrom: expected something with pixels, got ${width}x${height}; wait until it is loaded`,
    );
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** The source's own pixels, not those of its place in the page. */
function sizeOf(source: Exclude<CanvasImageSource, SVGImageElement>): [number, number] {
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight];
  if ('videoWidth' in source) return [source.videoWidth, source.videoHeight];
  if ('displayWidth' in source) return [source.displayWidth, source.displayHeight];
  return [source.width, source.height];
}
