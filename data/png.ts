/**
 * PNG files (ISO/IEC 15948), to the bit as PIL's `open(...).convert('RGB')`: alpha, transparency, gamma and colour profiles are
 * dropped, not applied; only 16-bit grey differs (PIL clips it to white; here, as for 16-bit colour, the upper byte is taken).
 * Every pixel comes from the file: chunks that are missing, out of place or damaged, and data of another length than the header
 * says, are errors. Decoded as the data arrive, so that a header alone costs nothing.
 */

import { createInflate, type Inflate } from 'node:zlib';
import { crc32 } from '../base/crc32.js';
import { UserError } from '../base/errors.js';
import { checkPixels } from './image.js';
import type { Image } from './rgb.js';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Samples per pixel and the depths that each colour type allows. */
const COLOURS: Readonly<Record<number, { readonly samples: number; readonly depths: readonly number[] }>> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};
const PALETTE = 3;

/**
 * Limit of an image, in pixels: this much whatever the file, and more as the file is larger. Deflate packs 1032:1; a
 * picture of this size that packs a hundred times is no photograph.
 */
const FREE_PIXELS = 10e6;
const PIXELS_PER_BYTE = 5;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly samples: number;
  readonly interlaced: boolean;
}

/** A grid of pixels that follow each other in the data: the whole image, or one of Adam7's seven. */
interface Pass {
  readonly left: number;
  readonly top: number;
  readonly across: number;
  readonly down: number;
  readonly width: number;
  readonly height: number;
}

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/** @throws UserError where the file is truncated, damaged or too large */
export async function decodePng(bytes: Uint8Array, source: string): Promise<Image> {
  try {
    const { header, palette, packed } = readChunks(bytes);
    const { width, height } = header;
    checkPixels(width, height, source, FREE_PIXELS + PIXELS_PER_BYTE * bytes.length);
    const image = { width, height, data: new Uint8Array(3 * width * height) };
    const rows = new RowReader(header, palette, image);
    const inflate = createInflate({ chunkSize: 2 ** 16 });
    inflate.end(packed);
    for await (const chunk of inflate as Inflate & AsyncIterable<Uint8Array>) rows.push(chunk);
    rows.end();
    return image;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${source}: damaged or truncated PNG: ${(error as Error).message}`);
  }
}

/** @throws Error where a chunk is damaged, out of place or missing */
function readChunks(bytes: Uint8Array): { header: Header; palette: Uint8Array; packed: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  const packed: Uint8Array[] = [];
  let before = '';
  for (let at = SIGNATURE.length; before !== 'IEND'; ) {
    if (at + 12 > bytes.length) throw new Error(`it ends inside a chunk header at byte ${at}`);
    const size = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + size;
    if (end > bytes.length)
      throw new Error(
        `chunk ${type} at byte ${at} needs ${size} bytes, ${Math.max(0, bytes.length - at - 12)} are left`,
      );
    const content = bytes.subarray(at + 8, end - 4);
    // A small first letter marks what a decoder may ignore.
    const needed = (bytes[at + 4]! & 0x20) === 0;
    if (needed && crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4))
      throw new Error(`chunk ${type} at byte ${at} does not match its checksum`);
    if ((type === 'IHDR') !== (header === undefined))
      throw new Error('expected one header, as the first chunk');
    if (type === 'IHDR') header = readHeader(content);
    else if (type === 'PLTE') {
      if (palette || packed.length > 0) throw new Error('expected one palette, before the pixels');
      if (size === 0 || size % 3 !== 0 || size > 768)
        throw new Error(`expected 1 to 256 colours of 3 bytes in its palette, got ${size} bytes`);
      palette = content;
    } else if (type === 'IDAT') {
      if (packed.length > 0 && before !== 'IDAT') throw new Error('its pixels are not in one piece');
      packed.push(content);
    } else if (needed && type !== 'IEND') throw new Error(`it needs the unknown chunk ${type}`);
    before = type;
    at = end;
  }
  if (!header || packed.length === 0) throw new Error('it holds no pixels');
  if (header.colour === PALETTE && !palette) throw new Error('its palette is missing');
  return { header, palette: palette ?? new Uint8Array(0), packed: Buffer.concat(packed) };
}

function readHeader(content: Uint8Array): Header {
  if (content.length !== 13) throw new Error(`expected a header of 13 bytes, got ${content.length}`);
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth, colour, compression, filter, interlace] = content.subarray(8) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  const form = COLOURS[colour];
  if (width === 0 || height === 0) throw new Error(`its size is ${width}x${height}`);
  if (!form?.depths.includes(depth)) throw new Error(`no such form: colour type ${colour} at ${depth} bits`);
  if (compression !== 0 || filter !== 0 || interlace > 1)
    throw new Error(`no such form: compression ${compression}, filter ${filter}, interlace ${interlace}`);
  return { width, height, depth, colour, samples: form.samples, interlaced: interlace === 1 };
}

function passesOf({ width, height, interlaced }: Header): Pass[] {
  const grid = (left: number, top: number, across: number, down: number): Pass => ({
    left,
    top,
    across,
    down,
    width: Math.ceil((width - left) / across),
    height: Math.ceil((height - top) / down),
  });
  const grids = interlaced
    ? [
        grid(0, 0, 8, 8),
        grid(4, 0, 8, 8),
        grid(0, 4, 4, 8),
        grid(2, 0, 4, 4),
        grid(0, 2, 2, 4),
        grid(1, 0, 2, 2),
        grid(0, 1, 1, 2),
      ]
    : [grid(0, 0, 1, 1)];
  return grids.filter((pass) => pass.width > 0 && pass.height > 0);
}

/** Puts inflated data into rows, undoes their filters and writes their pixels into the image. */
class RowReader {
  readonly #header: Header;
  readonly #levels: Uint8Array;
  readonly #image: Image;
  readonly #passes: Pass[];
  /** Bytes between a sample and the same one of the pixel to its left. */
  readonly #step: number;
  #pass = 0;
  #y = 0;
  /** A filter byte and a row; the row above, without its filter. */
  #row = new Uint8Array(0);
  #above = new Uint8Array(0);
  #filled = 0;

  constructor(header: Header, palette: Uint8Array, image: Image) {
    this.#header = header;
    this.#levels = levelsOf(header, palette);
    this.#image = image;
    this.#passes = passesOf(header);
    this.#step = Math.max(1, (header.samples * header.depth) >> 3);
    this.#startPass();
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#pass === this.#passes.length) throw new Error('it holds more data than its header says');
      // Byte by byte: rows may be of two bytes.
      const count = Math.min(chunk.length - at, this.#row.length - this.#filled);
      for (let i = 0; i < count; i++) this.#row[this.#filled + i] = chunk[at + i]!;
      this.#filled += count;
      at += count;
      if (this.#filled === this.#row.length) this.#endRow();
    }
  }

  end(): void {
    if (this.#pass < this.#passes.length) throw new Error('it holds less data than its header says');
  }

  #startPass(): void {
    const pass = this.#passes[this.#pass];
    if (!pass) return;
    const { samples, depth } = this.#header;
    const length = 1 + Math.ceil((pass.width * samples * depth) / 8);
    this.#row = new Uint8Array(length);
    this.#above = new Uint8Array(length);
    this.#y = 0;
  }

  #endRow(): void {
    const pass = this.#passes[this.#pass]!;
    unfilter(this.#row, this.#above, this.#step);
    this.#write(pass);
    [this.#row, this.#above] = [this.#above, this.#row];
    this.#filled = 0;
    if (++this.#y < pass.height) return;
    this.#pass++;
    this.#startPass();
  }

  #write({ left, top, across, down, width }: Pass): void {
    const { depth, samples } = this.#header;
    const row = this.#row;
    const { data } = this.#image;
    const levels = this.#levels;
    const bytes = depth === 16 ? 2 : 1;
    let to = 3 * ((top + this.#y * down) * this.#image.width + left);
    for (let x = 0; x < width; x++, to += 3 * across) {
      if (samples < 3) {
        const bit = x * depth;
        const value =
          depth < 8
            ? (row[1 + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
            : row[1 + x * samples * bytes]!;
        data[to] = levels[3 * value]!;
        data[to + 1] = levels[3 * value + 1]!;
        data[to + 2] = levels[3 * value + 2]!;
      } else for (let c = 0; c < 3; c++) data[to + c] = row[1 + (x * samples + c) * bytes]!;
    }
  }
}

/** RGB of each value of a sample: grey levels, or the colours of the palette: black beyond its end, as in PIL. */
function levelsOf({ depth, colour }: Header, palette: Uint8Array): Uint8Array {
  const levels = new Uint8Array(3 * 256);
  const scale = 255 / (2 ** Math.min(depth, 8) - 1);
  if (colour === PALETTE) levels.set(palette);
  else for (let i = 0; i < levels.length; i++) levels[i] = Math.floor(i / 3) * scale;
  return levels;
}

/** Undoes the filter of a row in place (ISO/IEC 15948, 9); byte 0 says which. */
function unfilter(row: Uint8Array, above: Uint8Array, step: number): void {
  const filter = row[0]!;
  if (filter > 4) throw new Error(`no such filter: ${filter}`);
  for (let i = 1; filter > 0 && i < row.length; i++) {
    const left = i > step ? row[i - step]! : 0;
    const up = above[i]!;
    const corner = i > step ? above[i - step]! : 0;
    row[i]! +=
      filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : paeth(left, up, corner);
  }
}

function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
