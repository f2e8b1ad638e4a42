/** Seeded damage to files: case n is the same bytes in every process, so that a case that hangs its process can be told by its number. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from '../../base/crc32.js';

interface Original {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Lists in text, which no fixture is a file of. */
const TEXTS: readonly Original[] = [
  { name: 'list.csv', bytes: Buffer.from('file,class\na.png,3\n"b,1.png","cat, grey"\nc/d.jpg,n01440764\n') },
  { name: 'results.jsonl', bytes: Buffer.from('{"index":0,"source":"a"}\n{"index":1,"source":"b"}\n') },
];

/** Every small file below the folders; large ones only take time. */
export function originals(folders: readonly string[]): Original[] {
  const files = folders.flatMap((folder) =>
    (readdirSync(folder, { recursive: true }) as string[]).map((name) => ({
      name,
      path: join(folder, name),
    })),
  );
  const kinds = /\.(png|jpg|webp|ppm|pgm|pth|safetensors|npz|pickle)$|_batch$/;
  return files
    .filter(({ path }) => kinds.test(path) && statSync(path).size < 50_000)
    .map(({ name, path }): Original => ({ name, bytes: new Uint8Array(readFileSync(path)) }))
    .concat(TEXTS)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a reader must never do, which that of `fuzz-child.ts` does with these files: numbers -1, -2, -3. Proof that the judge would see it. */
export const TRAPS = ['trap: hangs', 'trap: takes 200 MB', 'trap: throws'] as const;

/** The bytes of a case, and the file that they were made of. */
export function damagedCase(all: readonly Original[], number: number): Original {
  const trap = TRAPS[-1 - number];
  if (trap !== undefined) return { name: trap, bytes: Buffer.from(trap) };
  const random = randomFrom(number);
  const { name, bytes } = all[random(all.length)]!;
  const raw = damaged(bytes, all[random(all.length)]!.bytes, random);
  return { name, bytes: random(4) > 0 ? unchecked(raw) : raw };
}

function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x85ebca6b) >>> 0;
    return Math.floor(((mixed ^ (mixed >>> 16)) >>> 0) % below);
  };
}

const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** A few changes of the usual kinds: bits, bytes, numbers at their ends, pieces cut, doubled or taken from elsewhere. */
function damaged(original: Uint8Array, other: Uint8Array, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(original);
  for (let count = 1 + random(4); count > 0 && bytes.length > 8; count--) {
    const at = random(bytes.length - 8);
    const length = 1 + random(Math.min(64, bytes.length - at));
    switch (random(7)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes.writeUInt32LE(NUMBERS[random(NUMBERS.length)]!, at);
        break;
      case 3:
        bytes.writeUInt32BE(NUMBERS[random(NUMBERS.length)]!, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      default: {
        const from = random(other.length);
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          other.subarray(from, from + length),
          bytes.subarray(at),
        ]);
      }
    }
  }
  return bytes;
}

/** With checksums that are right again (PNG) or left out (zip): else little behind them would ever be read. */
function unchecked(bytes: Buffer): Buffer {
  const png = bytes.subarray(1, 4).toString('latin1') === 'PNG';
  for (let at = 8; png && at + 12 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end - 4)), end - 4);
    at = end;
  }
  for (let at = bytes.indexOf('PK\x01\x02'); at >= 0 && at + 20 <= bytes.length; ) {
    bytes.writeUInt32LE(0, at + 16);
    at = bytes.indexOf('PK\x01\x02', at + 20);
  }
  return bytes;
}
