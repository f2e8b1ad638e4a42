/**
 * Image files in Node. PNG to the bit as PIL's `open(...).convert('RGB')`: alpha, transparency, gamma and colour profiles are
 * dropped, not applied; only 16-bit grey differs (PIL clips it to white; here, as for 16-bit colour, the upper byte is taken).
 * JPEG: see jpeg.ts.
 */

import { readFile } from 'node:fs/promises';
import { PNG } from 'pngjs';
import { UserError } from '../base/errors.js';
import { fileError, writeAtomic } from '../node/files.js';
import { checkPixels, type Image } from './image.js';
import { decodeJpeg } from './jpeg.js';

/**
 * Reads a PNG or JPEG file, told apart by content.
 * @throws UserError where the file is missing, no image, truncated or damaged.
 */
export async function readImage(path: string): Promise<Image> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(error, path, 'an image file');
  }
  return decodeImage(bytes, path);
}

/** Decodes the bytes of a PNG or JPEG file; `source` is its name for messages. */
export async function decodeImage(bytes: Uint8Array, source: string): Promise<Image> {
  if (bytes.length === 0)
    throw new UserError(`${source}: expected a PNG or JPEG image, got an empty file (0 bytes)`);
  if (isPng(bytes)) return decodePng(bytes, source);
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return decodeJpeg(bytes, source);
  throw new UserError(`${source}: expected a PNG or JPEG image, got ${describe(bytes)}; convert it to PNG`);
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

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function isPng(bytes: Uint8Array): boolean {
  return PNG_SIGNATURE.every((byte, i) => bytes[i] === byte);
}

function describe(bytes: Uint8Array): string {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  if (head.startsWith('GIF8')) return 'a GIF';
  if (head.startsWith('BM')) return 'a BMP';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'a WebP';
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return 'a TIFF';
  if (head.slice(4, 8) === 'ftyp') return 'an AVIF, HEIC or video file';
  if (/^\s*</.test(head)) return 'HTML, SVG or XML text';
  return 'something else';
}

/** The chunks that make up the picture: dropping the rest keeps pngjs from applying transparency, which PIL does not. */
const WANTED_CHUNKS = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND']);

function decodePng(bytes: Uint8Array, source: string): Image {
  const fail = (problem: string): never => {
    throw new UserError(`${source}: damaged or truncated PNG: ${problem}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, 8)];
  let type = '';
  for (let at = 8; type !== 'IEND'; ) {
    if (at + 12 > bytes.length) fail(`it ends inside a chunk header at byte ${at}`);
    const size = view.getUint32(at);
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + size;
    if (end > bytes.length)
      fail(
        `chunk ${type} at byte ${at} needs ${size} bytes, ${Math.max(0, bytes.length - at - 12)} are left`,
      );
    if (kept.length === 1 && (type !== 'IHDR' || size !== 13)) fail('its first chunk is no header');
    if (WANTED_CHUNKS.has(type)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const depth = view.getUint8(24);
  checkPixels(width, height, source);
  let data: ArrayLike<number>;
  try {
    // skipRescale: 16-bit samples come as they are, to take their upper byte as PIL does.
    data = PNG.sync.read(Buffer.concat(kept), { skipRescale: depth === 16 }).data;
  } catch (error) {
    return fail((error as Error).message);
  }
  const shift = depth === 16 ? 8 : 0;
  const pixels = width * height;
  if (data.length < 4 * pixels) fail(`it holds ${data.length} of ${4 * pixels} samples`);
  const out = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) out[3 * i + c] = data[4 * i + c]! >> shift;
  }
  return { width, height, data: out };
}
