/** WebP files in Node, lossy and lossless, decoded by libwebp in WebAssembly; alpha is dropped, as `convert('RGB')` of PIL does. */
import { UserError } from '../base/errors.js';
import { checkPixels } from './image.js';
import type { Image } from './rgb.js';
import { rgbOf, WasmCodec } from './wasm-codec.js';

const codec = new WasmCodec(
  () => import('@jsquash/webp/codec/dec/webp_dec.js'),
  '@jsquash/webp/codec/dec/webp_dec.wasm',
);

/** Limit of an image, in pixels: this much whatever the file, and more as the file is larger; as for JPEG. */
const FREE_PIXELS = 3e6;
const PIXELS_PER_BYTE = 64;

const ANIMATED = 2;

/** Where the fields of the first chunk are: behind `RIFF`, a size, `WEBP`, the chunk's name and its size. */
const CHUNK = 20;

export function isWebp(bytes: Uint8Array): boolean {
  return text(bytes, 0) === 'RIFF' && text(bytes, 8) === 'WEBP';
}

/** @throws UserError where the file is truncated, damaged, too large or an animation */
export async function decodeWebp(bytes: Uint8Array, source: string): Promise<Image> {
  try {
    const { width, height } = sizeOf(bytes);
    checkPixels(width, height, source, FREE_PIXELS + PIXELS_PER_BYTE * bytes.length);
    return rgbOf(await codec.decode(bytes));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${source}: damaged, truncated or unsupported WebP: ${(error as Error).message}`);
  }
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** The size in the first chunk (RFC 9649, 2.5 to 2.7); libwebp refuses a picture of another one. */
function sizeOf(bytes: Uint8Array): { width: number; height: number } {
  if (bytes.length < CHUNK + 10) throw new Error('it ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (text(bytes, 12)) {
    case 'VP8 ':
      return {
        width: view.getUint16(CHUNK + 6, true) & 0x3fff,
        height: view.getUint16(CHUNK + 8, true) & 0x3fff,
      };
    case 'VP8L': {
      const bits = view.getUint32(CHUNK + 1, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      if (bytes[CHUNK]! & ANIMATED) throw new Error('an animation');
      return {
        width: (view.getUint32(CHUNK + 4, true) & 0xffffff) + 1,
        height: (view.getUint32(CHUNK + 6, true) >>> 8) + 1,
      };
    default:
      throw new Error('its first chunk is no picture');
  }
}
