/**
 * Seeded damage to every fixture and to hostile files, read in child processes: an error of ours or a result, each within
 * 2 s and 20 times the file's size and 64 MB above the idle process. `FUZZ_SECONDS`, `FUZZ_SEED`: how long, and from where.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32 } from '../../base/crc32.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test', 'fixtures');
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 60);
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const LIMIT_MS = 2000;
const FILES_A_PROCESS = 200;

/** Reads one file after the other; the growth of the greatest resident size is that of the largest so far. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import { decodeImage } from './data/image-files.js';
import { readPythonBatch } from './data/cifar-python.js';
import { openNpz } from './data/npz.js';
import { parseStateDict } from './weights/state-dict.js';

const read = async (bytes, path) => {
  const failed = [];
  const attempt = async (action) => {
    try {
      await action();
    } catch (error) {
      if (error.name !== 'UserError') failed.push(String(error.stack));
      else if (error.message.length > 2200 || /[\\x00-\\x1f\\x7f-\\x9f]/.test(error.message)) failed.push('message: ' + JSON.stringify(error.message));
    }
  };
  await attempt(async () => {
    const { width, height, data } = await decodeImage(bytes, 'x');
    if (data.length !== 3 * width * height) throw new Error('another number of bytes than pixels');
  });
  await attempt(() => {
    for (const { shape, toFloat32 } of parseStateDict(bytes, 'x').tensors.values())
      if (toFloat32().length !== shape.reduce((a, b) => a * b, 1)) throw new Error('another number of values than its shape');
  });
  await attempt(() => readPythonBatch(bytes, 'x', 'labels', 10));
  await attempt(async () => { const data = await openNpz(path); for (let i = 0; i < data.length; i++) await data.get(i); });
  return failed;
};
// What is loaded at first use is no file's fault.
for (const path of process.argv.slice(2)) await read(readFileSync(path), path);
const idle = process.resourceUsage().maxRSS;
process.on('message', async (path) => {
  const start = performance.now();
  const failed = await read(readFileSync(path), path);
  process.send({ failed, ms: performance.now() - start, bytes: 1024 * (process.resourceUsage().maxRSS - idle) });
});
process.send('ready');
`;

const folder = join(tmpdir(), `cfr-fuzz-${process.pid}`);
// Inside the project, so that its packages are found.
const program = join(root, 'node_modules', '.cfr-test', 'fuzz.mjs');
const warm = ['jpeg/420.jpg', 'jpeg/420.png', 'weights/zip-deflated.pth', 'data/grey.npz'].map((name) =>
  join(fixtures, name),
);

let child: ChildProcess | undefined;
let served = 0;

async function reply<T>(action: () => void, ms: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    const done = (value?: T) => {
      clearTimeout(timer);
      child?.removeAllListeners();
      resolve(value);
    };
    child?.once('message', (message) => done(message as T));
    child?.once('exit', () => done());
    action();
  });
}

async function start(): Promise<void> {
  child?.kill('SIGKILL');
  child = fork(program, warm);
  served = 0;
  expect(await reply(() => {}, 30_000)).toBe('ready');
}

interface Answer {
  readonly failed: readonly string[];
  readonly ms: number;
  readonly bytes: number;
}

/** What is wrong with how the file is read, if anything. */
async function judge(bytes: Uint8Array): Promise<string | undefined> {
  const path = join(folder, 'file');
  writeFileSync(path, bytes);
  if (!child || served++ >= FILES_A_PROCESS) await start();
  // Twice the time for a busy machine; the child's own clock is what counts.
  const answer = await reply<Answer>(() => child?.send(path), 2 * LIMIT_MS);
  if (!answer || answer.bytes > 20 * bytes.length + 2 ** 26 || answer.ms > LIMIT_MS) {
    await start();
    return answer
      ? `${Math.round(answer.ms)} ms, ${(answer.bytes / 2 ** 20).toFixed(0)} MiB`
      : 'no answer in time';
  }
  return answer.failed[0];
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

/** Small ones: large fixtures only take time. */
const files = (readdirSync(fixtures, { recursive: true }) as string[])
  .map((name) => join(fixtures, name))
  .filter((path) => /\.(png|jpg|pth|safetensors|npz|pickle)$|_batch$/.test(path))
  .filter((path) => statSync(path).size < 50_000)
  .sort();

describe('damaged files', () => {
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    buildSync({
      stdin: { contents: PROGRAM, resolveDir: root, loader: 'js' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: program,
    });
  });
  afterAll(() => {
    child?.kill('SIGKILL');
  });

  it(
    `are read or refused within their limits, for ${SECONDS} s from seed ${SEED}`,
    async () => {
      expect(files.length).toBeGreaterThan(80);
      const originals = files.map((path) => new Uint8Array(readFileSync(path)));
      const end = performance.now() + 1000 * SECONDS;
      const found: string[] = [];
      let round = 0;
      for (; performance.now() < end && found.length < 10; round++) {
        const random = randomFrom(SEED + round);
        const which = random(files.length);
        const raw = damaged(originals[which]!, originals[random(files.length)]!, random);
        const bytes = random(4) > 0 ? unchecked(raw) : raw;
        const problem = await judge(bytes);
        if (problem === undefined) continue;
        const kept = join(folder, `found-${SEED + round}`);
        writeFileSync(kept, bytes);
        found.push(`${kept} (${files[which]!.slice(fixtures.length + 1)}): ${problem}`);
      }
      console.log(`${round} files`);
      expect(found).toEqual([]);
      expect(round).toBeGreaterThan(SECONDS);
    },
    1000 * SECONDS + 60_000,
  );
});
