/** Files made to harm, one of each kind: an error of one line, or a harmless result, soon. Memory: slow/fuzz.test.ts. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { printable, printableJson } from '../base/printable.js';
import { suggestion } from '../base/suggestion.js';
import { TerminalConsole } from '../cli/console.js';
import { decodeImage, readImage } from '../data/image-files.js';
import { parseStateDict } from '../weights/state-dict.js';
import { readStateDict } from '../weights/state-dict-files.js';
import { fixture, rejectionOf } from './fixtures/weights/fixtures.js';
import {
  ascii,
  joined,
  pngChunk,
  pngFile,
  pngHeader,
  pngPixels,
  safetensorsFile,
  tarFile,
  tensorCode,
  torchFile,
  type ZipPart,
  zipFile,
} from './support/archives.js';

const LIMIT_MS = 2000;

async function timed<T>(action: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await action();
  } finally {
    expect(performance.now() - start).toBeLessThan(LIMIT_MS);
  }
}

type Case = readonly [what: string, bytes: Uint8Array, message: RegExp];

/** 32x32 RGB at 8 bits. */
const HEADER = pngHeader(32, 32, 8, 2, 0, 0, 0);
const PIXELS = pngPixels(32 * 97);
const png = (...fields: readonly number[]) => {
  const [width, height, ...rest] = fields as [number, number, ...number[]];
  return pngFile(pngHeader(width, height, ...rest), PIXELS);
};

function changed(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const out = bytes.slice();
  out.set(values, at < 0 ? out.length + at : at);
  return out;
}

const pngs: readonly Case[] = [
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
    pngFile(HEADER, pngChunk('IDAT', PIXELS.slice(8, -4)), pngChunk('ABCD', HEADER)),
    /ABCD/,
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

const jpegs: readonly Case[] = [
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

const others: readonly Case[] = [
  ['a PPM that claims more', ascii('P6 99999 99999 255\nabc'), /it needs 29999400003 bytes, 3 are there/],
  ['a PPM of white space', ascii(`P6${' '.repeat(4000)}`), /expected P5 or P6, width/],
  [
    'a WebP of the greatest size',
    joined(ascii('RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f'), new Uint8Array(24).fill(255)),
    /at most 3 megapixels/,
  ],
];

const overlapping = (count: number): Uint8Array => {
  const parts: ZipPart[] = Array.from({ length: count }, (_, i) => ({
    name: `a/data/${i}`,
    content: new Uint8Array(2 ** 16),
  }));
  return zipFile(parts.map((part, i) => (i === 0 ? part : { ...part, at: 0 })));
};

const zips: readonly Case[] = [
  [
    'entries that share bytes',
    overlapping(200),
    /a\/data\/1 is another entry in its own header|shares bytes/,
  ],
  [
    'one header for two names',
    torchFile('', undefined, [{ name: 'a/data/0', content: new Uint8Array(16), at: 0 }]),
    /two entries named a\/data\/0/,
  ],
  [
    'another name in the local header',
    torchFile('', tensorCode('1'), [
      { name: 'a/data/1', localName: 'a/data/9', content: new Uint8Array(16) },
    ]),
    /another entry in its own header/,
  ],
  [
    'a wrong checksum of stored data',
    torchFile('', tensorCode('1'), [{ name: 'a/data/1', crc: 5, content: new Uint8Array(16) }]),
    /does not match its checksum/,
  ],
  [
    'an encrypted entry',
    torchFile('', undefined, [{ name: 'a/data/1', flags: 1, content: new Uint8Array(16) }]),
    /it is encrypted/,
  ],
  [
    '64 MiB of zeros, deflated',
    torchFile('', tensorCode('1', undefined, undefined, 'J\0\0\0\x01'), [
      { name: 'a/data/1', deflated: true, content: new Uint8Array(2 ** 26) },
    ]),
    /claims 67108864 bytes from/,
  ],
  [
    'more deflated data than declared',
    torchFile('', tensorCode('1'), [
      { name: 'a/data/1', deflated: true, size: 16, content: new Uint8Array(2 ** 26) },
    ]),
    /it holds more data than declared/,
  ],
  [
    'a storage that is the pickle',
    torchFile('', tensorCode('../data.pkl')),
    /a\/data\/\.\.\/data\.pkl is missing/,
  ],
];

/** Opcodes that double a tuple in the memo `times` over. */
const bomb = (times: number, open: string): string =>
  `)q\x01${Array.from({ length: times }, () => `0h\x01h\x01${open}q\x01`).join('')}`;

/** Little-endian. */
const int32 = (value: number): string =>
  String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);

const long = (bytes: number): string =>
  `\x8b${String.fromCharCode(bytes & 255, (bytes >> 8) & 255, bytes >> 16, 0)}${'\x7f'.repeat(bytes)}`;

const pickles: readonly Case[] = [
  ['a number of 166,000 bytes', torchFile(`X\x01\0\0\0n${long(166_000)}s`), /a number of 166000 bytes/],
  [
    'a list as a key, nested 100,000 times',
    torchFile(`${']'.repeat(100_000)}${'a'.repeat(99_999)}K\x01s`),
    /a list or a dict as a key/,
  ],
  [
    'a list of lists as a key, doubled 39 times',
    torchFile(`]q\x01${'0](h\x01h\x01eq\x01'.repeat(39)}K\x01s`),
    /a list or a dict as a key/,
  ],
  ['a list that is its own key', torchFile(']q\x01h\x01aK\x01s'), /a list or a dict as a key/],
  [
    'a long list passed to 20,000 dicts',
    torchFile(
      `](${'K\x01N\x86'.repeat(5000)}eq\x01X\x01\0\0\0o](${'ccollections\nOrderedDict\nh\x01\x85R'.repeat(20_000)}es`,
    ),
    /more objects than a file of its size needs/,
  ],
  ['400,000 dicts', torchFile(`X\x01\0\0\0o](${'}'.repeat(400_000)}es`), /more objects than/],
  [
    'a stride of 0',
    torchFile('', tensorCode('0', 'J\0\0\0\x04\x85', 'K\0\x85')),
    /shape \[67108864\] is too large for a file of this size/,
  ],
  [
    'many views with strides of 0',
    torchFile(
      Array.from(
        { length: 60 },
        (_, i) => `X\x02\0\0\0${String(i + 10)}${tensorCode('0', 'J\0\0\x04\0\x85', 'K\0\x85')}s`,
      ).join(''),
    ),
    /is too large for a file of this size/,
  ],
  [
    'a shape beyond all numbers',
    torchFile('', tensorCode('0', '\x8a\x06\0\0\0\0\0\x01\x8a\x06\0\0\0\0\0\x01\x86', 'K\x01K\x01\x86')),
    /is too large/,
  ],
  [
    'a negative extent',
    torchFile('', tensorCode('0', 'J\xff\xff\xff\xff\x85')),
    /no natural number as shape/,
  ],
  [
    '100 axes',
    torchFile('', tensorCode('0', `(${'K\x01'.repeat(100)}t`, `(${'K\x01'.repeat(100)}t`)),
    /has 100 numbers as shape/,
  ],
  [
    'one storage as two types',
    torchFile(`X\x01\0\0\0v${tensorCode('0').replace('FloatStorage', 'HalfStorage')}s`),
    /storage 0 is used as two types/,
  ],
  ['3 million memo entries', torchFile(`]${'\x94'.repeat(3e6)}0`), /more (objects|than 524288 memo entries)/],
  [
    'memo entries of large numbers',
    torchFile(`N${Array.from({ length: 6e5 }, (_, i) => `r${int32(7919 * i)}`).join('')}0`),
    /more than 524288 memo entries/,
  ],
  [
    'a dict of 300,000 items',
    torchFile(Array.from({ length: 3e5 }, (_, i) => `J${int32(i)}Ns`).join('')),
    /more than 262144 items/,
  ],
  [
    'a global with a name of 100 KB',
    torchFile(`X\x01\0\0\0gc${'x'.repeat(100_000)}\ny\ns`),
    /a global has a name of/,
  ],
];

const stream = fixture('stream-views.pth');
const legacy: readonly Case[] = [
  ['a negative size in a tar', tarFile([['a', ascii('b'), '-0000001000']]), /no size at byte 124/],
  [
    'two files of one name in a tar',
    tarFile([
      ['storages', ascii('a')],
      ['storages', ascii('b')],
    ]),
    /two files named storages/,
  ],
  [
    'a negative number of elements',
    tarFile([
      [
        'storages',
        ascii('\x80\x02K\x01.\x80\x02(K\x01K\0ctorch\nFloatStorage\nt.\xff\xff\xff\xff\xff\xff\xff\xff'),
      ],
      ['tensors', ascii('\x80\x02K\0.')],
      ['pickle', ascii('\x80\x02}.')],
    ]),
    /a size is negative/,
  ],
  [
    'a huge count',
    tarFile([
      ['storages', ascii('\x80\x02J\xff\xff\xff\x7f.')],
      ['tensors', ascii('x')],
      ['pickle', ascii('x')],
    ]),
    /the pickle needs 1 bytes/,
  ],
  ['a stream that ends in its storages', stream.subarray(0, stream.length - 3), /truncated/],
];

const entry = (begin: number, end: number, shape = `[${(end - begin) / 4}]`) =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;
const tables: readonly Case[] = [
  [
    'a key twice',
    safetensorsFile(`{"a":${entry(0, 4)},"\\u0061":${entry(0, 8)}}`, 8),
    /the key "\\u0061" is there twice/,
  ],
  [
    'a field twice',
    safetensorsFile('{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', 4),
    /the key "dtype" is there twice/,
  ],
  ['half a surrogate pair', safetensorsFile(`{"\\ud800":${entry(0, 4)}}`, 4), /is no Unicode text/],
  [
    '400,000 empty entries',
    safetensorsFile(`{${Array.from({ length: 4e5 }, (_, i) => `"${i}":{}`).join(',')}}`, 0),
    /more than 65536 keys/,
  ],
  [
    '400,000 entries of metadata',
    safetensorsFile(`{"__metadata__":{${Array.from({ length: 4e5 }, (_, i) => `"${i}":""`).join(',')}}}`, 0),
    /more than 65536 keys/,
  ],
  ['lists without end', safetensorsFile(`{"a":${'['.repeat(200_000)}`, 0), /nested deeper than 3/],
  ['an overlap', safetensorsFile(`{"a":${entry(0, 8)},"b":${entry(4, 8)}}`, 8), /expected 8/],
  ['a gap', safetensorsFile(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), /expected 4/],
  [
    'float8',
    safetensorsFile('{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1),
    /dtype "F8_E4M3", expected one of/,
  ],
  [
    'a dtype of a megabyte',
    safetensorsFile(`{"a":{"dtype":"${'x'.repeat(1e6)}"}}`, 0),
    /has dtype "x+…x+", expected one of/,
  ],
  ['an escape in a name', safetensorsFile('{"\\u001b[2J":3}', 0), /tensor "\\x1b\[2J" has no object/],
];

describe.each([
  ['PNG', pngs],
  ['JPEG', jpegs],
  ['PPM and WebP', others],
] as const)('%s', (_, cases) => {
  it.each(cases)('%s', async (_what, bytes, message) => {
    const text = await timed(() => rejectionOf(decodeImage(bytes, 'x')));
    expect(text).toMatch(message);
    await expect(decodeImage(bytes, 'x')).rejects.toThrow(UserError);
  });
});

describe.each([
  ['zip', zips],
  ['pickle', pickles],
  ['tar and stream', legacy],
  ['safetensors', tables],
] as const)('%s', (_, cases) => {
  it.each(cases)('%s', async (_what, bytes, message) => {
    const text = await timed(() => rejectionOf(Promise.resolve().then(() => parseStateDict(bytes, 'x'))));
    expect(text).toMatch(message);
    expect(() => parseStateDict(bytes, 'x')).toThrow(UserError);
  });
});

describe('harmless for all their strangeness', () => {
  const names = async (bytes: Uint8Array) => {
    const { tensors, metadata } = await timed(() => parseStateDict(bytes, 'x'));
    return [[...tensors].map(([name, tensor]) => [name, tensor.toFloat32().length]), metadata];
  };

  it('names of every object', async () => {
    const header = `{"__proto__":${entry(0, 4)},"constructor":${entry(4, 8)},"__metadata__":null}`;
    expect(await names(safetensorsFile(header, 8))).toEqual([
      [
        ['__proto__', 1],
        ['constructor', 1],
      ],
      {},
    ]);
  });

  it('tuples doubled 60 times beside the tensors', async () => {
    expect(await names(torchFile(`X\x01\0\0\0m${bomb(60, '\x86')}s`))).toEqual([[['w', 4]], {}]);
  });

  it('functions that would harm: none is called', async () => {
    for (const name of [
      'torch.hub\nload',
      'builtins\n__import__',
      'posix\nsystem',
      'a.b\nc',
      '__proto__\nx',
    ]) {
      const owned = join(tmpdir(), 'cfr-owned');
      const call = torchFile(
        `X\x01\0\0\0mc${name}\n(X${String.fromCharCode(owned.length + 6)}\0\0\0touch ${owned}tRs`,
      );
      await names(call).catch((error: Error) =>
        expect(error.message).toMatch(/nothing was executed|an object of the unsupported global/),
      );
      expect(existsSync(owned)).toBe(false);
    }
  });

  it('a storage without a checksum, as torch.save may write it', async () => {
    const part = { name: 'a/data/1', crc: 0, content: Uint8Array.from({ length: 16 }, () => 0x3f) };
    expect((await names(torchFile('', tensorCode('1'), [part])))[0]).toEqual([['w', 4]]);
  });

  it('a storage larger than its tensors may see', async () => {
    const part = { name: 'a/data/1', content: new Uint8Array(64) };
    const text = await rejectionOf(names(torchFile('', tensorCode('1', 'K\x05\x85'), [part])));
    expect(text).toMatch(/needs 5 elements, its storage has 4/);
  });
});

describe.skipIf(process.platform === 'win32')('paths that are no files', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cfr-hostile-'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    symlinkSync('loop', join(folder, 'loop'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['a device', () => '/dev/zero', /got a device or a pipe/],
    ['a pipe', () => join(folder, 'fifo'), /got a device or a pipe/],
    ['a folder', () => folder, /got a folder/],
    ['a link to itself', () => join(folder, 'loop'), /a link that leads to itself/],
    ['a name of 300 letters', () => join(folder, 'x'.repeat(300)), /no possible name of a file/],
    ['a name with a NUL', () => join(folder, 'a\0b'), /a\\x00b: expected .* no possible name of a file/],
  ])('%s', async (_what, path, message) => {
    for (const read of [readImage, readStateDict]) {
      await expect(timed<unknown>(() => read(path()))).rejects.toThrow(UserError);
      expect(await rejectionOf(read(path()))).toMatch(message);
    }
  });
});

describe('text of files', () => {
  it('moves no cursor and hides nothing', () => {
    expect(printable('\x1b[2J\x9b1m\r\n\u202eabc\ufeff\ud800')).toBe(
      '\\x1b[2J\\x9b1m\\x0d\\x0a\\u{202e}abc\\u{feff}\\u{d800}',
    );
    expect(printable('naïve 猫 😀')).toBe('naïve 猫 😀');
    expect(printable('x'.repeat(1000), 10)).toBe('xxxxx…xxxxx');
    expect(new UserError(`a\x1b${'x'.repeat(10_000)}: do this`).message).toMatch(/^a\\x1bx+…x+: do this$/);
    expect(new UserError('x'.repeat(10_000)).message.length).toBeLessThan(2100);
  });

  it('means the same as JSON, in characters that a terminal may have', () => {
    const value = { 'a\x9b1m': ['\x1b[2J', '\u202e\u2028\ud800', 'naïve 猫 😀\n', '\u{e0001}'] };
    const json = printableJson(JSON.stringify(value, null, 2));
    expect(JSON.parse(json)).toEqual(value);
    expect(json).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
    expect(json).toContain('naïve 猫 😀');
    expect(json).toContain('\\u009b');
    const said: string[] = [];
    const stream = { write: (text: string) => said.push(text) };
    new TerminalConsole(stream, stream, { json: true }).document(value);
    expect(said.join('')).toBe(`${json}\n`);
  });

  it('is compared in bounded time', async () => {
    const labels = Array.from({ length: 1000 }, (_, i) => `${i}${'x'.repeat(30_000)}`);
    expect(await timed(() => suggestion('x'.repeat(30_000), [...labels, 'cat']))).toBe('');
    expect(await timed(() => suggestion('cta', [...labels, 'cat']))).toBe('');
    expect(suggestion('resnet8', ['resnet18', 'vgg11'])).toBe('; did you mean "resnet18"?');
  });
});
