/** Netpbm's binary grey (P5) and colour (P6) files, of 8 or 16 bits; 16-bit samples and odd ranges are scaled to 255 as PIL does. */
import { UserError } from '../base/errors.js';
import { checkPixels } from './image.js';
import type { Image } from './rgb.js';

/** Numbers are parted by white space; a comment runs from `#` to the end of its line. */
const HEADER =
  /^P([56])(?:[ \t-\r]|#[^\n]*\n)+(\d+)(?:[ \t-\r]|#[^\n]*\n)+(\d+)(?:[ \t-\r]|#[^\n]*\n)+(\d+)[ \t-\r]/;
const MAX_HEADER_BYTES = 2 ** 12;

export function isNetpbm(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && (bytes[1] === 0x35 || bytes[1] === 0x36);
}

/** @throws UserError where the file is truncated or its header malformed */
export function decodeNetpbm(bytes: Uint8Array, source: string): Image {
  const fail = (problem: string): never => {
    throw new UserError(`${source}: damaged or truncated PPM or PGM: ${problem}`);
  };
  const match = HEADER.exec(new TextDecoder('latin1').decode(bytes.subarray(0, MAX_HEADER_BYTES)));
  if (!match) return fail('expected P5 or P6, width, height and greatest value');
  const [width, height, most] = match.slice(2).map(Number) as [number, number, number];
  if (width < 1 || height < 1 || most < 1 || most > 65535)
    fail(`its size is ${width}x${height}, its greatest value ${most}`);
  const samples = match[1] === '6' ? 3 : 1;
  const bytesPerSample = most > 255 ? 2 : 1;
  const start = match[0].length;
  const needed = width * height * samples * bytesPerSample;
  if (start + needed > bytes.length) fail(`it needs ${needed} bytes, ${bytes.length - start} are there`);
  checkPixels(width, height, source, Infinity);
  const data = new Uint8Array(3 * width * height);
  for (let i = 0, from = start; i < data.length; i += samples === 3 ? 1 : 3, from += bytesPerSample) {
    const value = bytesPerSample === 2 ? (bytes[from]! << 8) | bytes[from + 1]! : bytes[from]!;
    const level = most === 255 ? value : Math.min(255, roundHalfEven((value / most) * 255));
    if (samples === 3) data[i] = level;
    else data.fill(level, i, i + 3);
  }
  return { width, height, data };
}

/** Python's `round`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const up = value - floor > 0.5 || (value - floor === 0.5 && floor % 2 === 1);
  return up ? floor + 1 : floor;
}
