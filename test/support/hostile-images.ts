/** Images made to harm, one of each kind, with what must be said of them. */
import { deflateSync } from 'node:zlib';
import { ascii, joined, pngChunk, pngFile, pngHeader, pngPixels } from './archives.js';

/** A file, and what the message about it says. */
export type HostileFile = readonly [what: string, bytes: Uint8Array, message: RegExp];

/** 32x32 RGB at 8 bits. */
const HEADER = pngHeader(32, 32, 8, 2, 0, 0, 0);
const PIXELS = pngPixels(32 * 97);
const png = (...fields: readonly number[]) => {
  const [width, height, ...rest] = fields as [number, number, ...number[]];
  return pngFile(pngHeader(width, height, ...rest), PIXELS);
};

export function changed(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const out = bytes.slice();
  out.set(values, at < 0 ? out.length + at : at);
  return out;
}

export const pngs: readonly HostileFile[] = [
  ['no pixels', pngFile(HEADER), /it holds no pixels/],
  ['a second header', pngFile(HEADER, pngHeader(30000, 30000, 8, 2, 0, 0, 0), PIXELS), /expected one header/],
  ['no width', png(0, 1, 8, 2, 0, 0, 0), /its size is 0x1/],
  ['the greatest size', png(2 ** 31 - 1, 2 ** 31 - 1, 8, 2, 0, 0, 0), /at most 10 megapixels/],
  ['100 megapixels in no data', png(10000, 10000, 8, 2, 0, 0, 0), /decompression bomb\?\), got 10000x10000/],
  ['100 megapixels, interlaced', png(10000, 10000, 1, 0, 0, 0, 1), /decompression bomb/],
  ['8 megapixels in no data', png(4000, 2000, 8, 2, 0, 0, 0), /less data than its header says/],
  ['one row less', pngFile(HEADER, pngPixels(31 * 97)), /less data than its header says/],
  ['one byte more', pngFile(HEADER, pngPixels(32 * 97 + 1)), /more data than its header says/],
  ['megabytes more', pngFile(HEADER, pngPixels(2 ** 26)), /more data than its header says/],
  ['a cut zlib stream', pngFile(HEADER, pngChunk('IDAT', PIXELS.slice(8, -10))), /unexpected end of file/],
  [
    'a wrong Adler checksum',
    pngFile(HEADER, pngChunk('IDAT', changed(PIXELS.slice(8, -4), -2, 9, 9))),
    /incorrect data check/,
  ],
  [
    'a wrong CRC',
    pngFile(HEADER, changed(PIXELS, -1, PIXELS.at(-1)! ^ 1)),
    /chunk IDAT at byte 33 does not match/,
  ],
  ['8-bit palette samples of 16 bits', png(32, 32, 16, 3, 0, 0, 0), /no such form: colour type 3 at 16 bits/],
  ['colour of 4 bits', png(32, 32, 4, 2, 0, 0, 0), /no such form: colour type 2 at 4 bits/],
  ['an unknown colour type', png(32, 32, 8, 5, 0, 0, 0), /no such form: colour type 5/],
  ['an unknown interlace', png(32, 32, 8, 2, 0, 0, 2), /no such form: .*interlace 2/],
  [
    'an unknown filter',
    pngFile(HEADER, pngChunk('IDAT', new Uint8Array(deflateSync(Buffer.alloc(32 * 97, 9))))),
    /no such filter: 9/,
  ],
  ['an unknown chunk that is needed', pngFile(HEADER, PIXELS, pngChunk('ABCD', HEADER)), /chunk ABCD/],
  [
    'pixels in two pieces',
    pngFile(
      HEADER,
      pngChunk('IDAT', PIXELS.slice(8, 20)),
      pngChunk('teXt', ascii('x')),
      pngChunk('IDAT', PIXELS.slice(20, -4)),
    ),
    /its pixels are not in one piece/,
  ],
  ['no palette', png(32, 32, 8, 3, 0, 0, 0), /its palette is missing/],
  ['a palette of 4 bytes', pngFile(HEADER, pngChunk('PLTE', ascii('abcd')), PIXELS), /1 to 256 colours/],
  [
    'a chunk of 4 GiB',
    joined(pngFile(HEADER).subarray(0, 33), ascii('\xff\xff\xff\xffIDAT1234')),
    /needs 4294967295/,
  ],
];

/** A grey baseline JPEG's markers around `scans` empty scans. */
function jpeg(width: number, height: number, scans: number, sof = 0xc2, factors = 0x11): Uint8Array {
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  const frame = Uint8Array.of(0xff, sof, 0, 11, 8, ...size, 1, 1, factors, 0);
  const tables = Uint8Array.of(0xff, 0xdb, 0, 67, 0, ...new Array(64).fill(1));
  const huffman = Uint8Array.of(0xff, 0xc4, 0, 20, 0, 1, ...new Array(15).fill(0), 0);
  const scan = Uint8Array.of(0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0);
  return joined(
    Uint8Array.of(0xff, 0xd8),
    tables,
    frame,
    huffman,
    ...Array.from({ length: scans }, () => scan),
    Uint8Array.of(0xff, 0xd9),
  );
}

export const jpegs: readonly HostileFile[] = [
  ['100 scans of 100 megapixels', jpeg(10000, 10000, 100), /at most 3 megapixels of a file so small/],
  ['96 megapixels in no data', jpeg(60000, 1600, 1, 0xc0), /at most 3 megapixels/],
  ['2,000 scans of a megapixel', jpeg(1000, 1000, 2000), /its 2000 scans pass over 31250000 blocks/],
  ['10,000 scans', jpeg(800, 600, 10000), /its 10000 scans pass over/],
  ['no height', jpeg(32, 0, 1), /Empty JPEG image/],
  ['sampling factors of 15', jpeg(32, 32, 1, 0xc0, 0xff), /Bogus sampling factors/],
  ['sampling factors of 0', jpeg(32, 32, 1, 0xc0, 0), /Bogus sampling factors/],
  [
    'two frame headers',
    joined(jpeg(32, 32, 0).subarray(0, -2), jpeg(9, 9, 1).subarray(2)),
    /two frame headers/,
  ],
  ['an end and nothing else', Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), /ends before its frame header/],
];

export const others: readonly HostileFile[] = [
  ['a PPM that claims more', ascii('P6 99999 99999 255\nabc'), /it needs 29999400003 bytes, 3 are there/],
  ['a PPM of white space', ascii(`P6${' '.repeat(4000)}`), /expected P5 or P6, width/],
  [
    'a WebP of the greatest size',
    joined(ascii('RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f'), new Uint8Array(24).fill(255)),
    /at most 3 megapixels/,
  ],
];
