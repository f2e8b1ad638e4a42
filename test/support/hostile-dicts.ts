/** Weights files made to harm, one of each kind, with what must be said of them. */
import { fixture } from '../fixtures/weights/fixtures.js';
import { ascii, safetensorsFile, tarFile, tensorCode, torchFile, type ZipPart, zipFile } from './archives.js';
import { changed, type HostileFile } from './hostile-images.js';

const overlapping = (count: number): Uint8Array => {
  const parts: ZipPart[] = Array.from({ length: count }, (_, i) => ({
    name: `a/data/${i}`,
    content: new Uint8Array(2 ** 16),
  }));
  return zipFile(parts.map((part, i) => (i === 0 ? part : { ...part, at: 0 })));
};

/** An entry whose content is another entry, header and all. */
const nested = (): Uint8Array => {
  const inner: ZipPart = { name: 'a/data/1', content: new Uint8Array(16) };
  const content = zipFile([inner]).subarray(0, 30 + inner.name.length + 16);
  return zipFile([
    { name: 'a/data/0', content },
    { ...inner, at: 30 + inner.name.length },
  ]);
};

/** The last entry of the directory, as if it were larger. */
const beyond = (bytes: Uint8Array): Uint8Array => {
  const last = Buffer.from(bytes).lastIndexOf('PK\x01\x02');
  return changed(changed(bytes, last + 20, 0xff, 0xff, 0, 0), last + 24, 0xff, 0xff, 0, 0);
};

export const zips: readonly HostileFile[] = [
  ['an entry within another', nested(), /a\/data\/1 shares bytes with another entry/],
  ['another method in the local header', changed(torchFile(), 8, 8), /another entry in its own header/],
  ['an entry beyond the data', beyond(torchFile()), /a\/data\/0 lies beyond the end of the data/],
  [
    'less deflated data than declared',
    torchFile('', tensorCode('1'), [
      { name: 'a/data/1', deflated: true, size: 32, content: new Uint8Array(16) },
    ]),
    /does not match its size/,
  ],
  [
    'a megabyte of 16 bytes',
    torchFile('', tensorCode('1'), [
      { name: 'a/data/1', deflated: true, size: 2 ** 20, content: new Uint8Array(16) },
    ]),
    /claims 1048576 bytes from/,
  ],
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
export const bomb = (times: number, open: string): string =>
  `)q\x01${Array.from({ length: times }, () => `0h\x01h\x01${open}q\x01`).join('')}`;

/** Little-endian. */
const int32 = (value: number): string =>
  String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);

const long = (bytes: number): string =>
  `\x8b${String.fromCharCode(bytes & 255, (bytes >> 8) & 255, bytes >> 16, 0)}${'\x7f'.repeat(bytes)}`;

export const pickles: readonly HostileFile[] = [
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
  [
    'a list as a key among the pairs of a dict',
    torchFile('X\x01\0\0\0occollections\nOrderedDict\n]]K\x01\x86a\x85Rs'),
    /an item that is no pair/,
  ],
  [
    'a part of a storage that ends beyond it',
    torchFile('', tensorCode('0').replace('K\x04tQ', 'K\x04(X\x01\0\0\0vK\x03K\x04ttQ')),
    /its storage is missing/,
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
const four = `\x04${'\0'.repeat(23)}`;
/** The magic number, the protocol, the system, the objects, the keys of the storages, the storages. */
const twice = ascii(
  '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.' +
    `\x80\x02}X\x01\0\0\0w${tensorCode('0')}s.\x80\x02](X\x01\0\0\x000X\x01\0\0\x000e.${four}${four}`,
);
export const legacy: readonly HostileFile[] = [
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
  ['a file that ends beyond a tar', tarFile([['a', ascii('b'), '77777777777']]), /truncated tar archive/],
  [
    '65 axes',
    tarFile([
      ['storages', ascii('\x80\x02K\0.\x80\x02].')],
      ['tensors', ascii('\x80\x02K\x01.\x80\x02(K\x01K\0Nt.\x41\0\0\0\0\0\0\0')],
      ['pickle', ascii('\x80\x02}.')],
    ]),
    /a tensor has 65 axes/,
  ],
  ['a storage of a stream twice', twice, /storage 0 is there twice/],
  ['a stream that ends in its storages', stream.subarray(0, stream.length - 3), /truncated/],
];

export const entry = (begin: number, end: number, shape = `[${(end - begin) / 4}]`) =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;
export const tables: readonly HostileFile[] = [
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
