/** Image files in Node, told apart by content: see png.ts, jpeg.ts, webp.ts and netpbm.ts. */

import { PNG } from 'pngjs';
import { UserError } from '../base/errors.js';
import { readBytes, writeAtomic } from '../node/files.js';
import { decodeJpeg } from './jpeg.js';
import { decodeNetpbm, isNetpbm } from './netpbm.js';
import { decodePng, isPng } from './png.js';
import type { Image } from './rgb.js';
import { decodeWebp, isWebp } from './webp.js';

const FORMS = 'a PNG, JPEG, WebP, PPM or PGM image';

/** How the names of such files end. */
export const IMAGE_NAME = /\.(jpe?g|png|webp|ppm|pgm)$/i;

/**
 * Reads a PNG, JPEG, WebP, PPM or PGM file, told apart by content.
 * @throws UserError where the file is missing, no image, truncated or damaged.
 */
export async function readImage(path: string): Promise<Image> {
  return decodeImage(await readBytes(path, 'an image file'), path);
}

/** Decodes the bytes of an image file; `source` is its name for messages. */
export async function decodeImage(bytes: Uint8Array, source: string): Promise<Image> {
  if (bytes.length === 0) throw new UserError(`${source}: expected ${FORMS}, got an empty file (0 bytes)`);
  if (isPng(bytes)) return decodePng(bytes, source);
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return decodeJpeg(bytes, source);
  if (isWebp(bytes)) return decodeWebp(bytes, source);
  if (isNetpbm(bytes)) return decodeNetpbm(bytes, source);
  throw new UserError(`${source}: expected ${FORMS}, got ${describe(bytes)}; convert it to PNG`);
}

/** Writes an 8-bit RGB PNG file: whole or not at all; `options` as of `writeAtomic`. */
export async function writePng(
  path: string,
  image: Image,
  options?: { readonly sync?: boolean },
): Promise<void> {
  await writeAtomic(path, encodePng(image), options);
}

/** Encodes an 8-bit RGB PNG. */
export function encodePng({ width, height, data }: Image): Uint8Array {
  const options = { width, height, colorType: 2, inputColorType: 2, inputHasAlpha: false } as const;
  const png = Object.assign(new PNG(options), {
    data: Buffer.from(data.buffer, data.byteOffset, data.length),
  });
  return PNG.sync.write(png, options);
}

function describe(bytes: Uint8Array): string {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  if (head.startsWith('GIF8')) return 'a GIF';
  if (head.startsWith('BM')) return 'a BMP';
  if (/^P[1-47]\s/.test(head)) return 'Netpbm in a form other than P5 and P6';
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return 'a TIFF';
  if (head.slice(4, 8) === 'ftyp') return 'an AVIF, HEIC or video file';
  if (/^\s*</.test(head)) return 'HTML, SVG or XML text';
  return 'something else';
}
