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
import { rejectionOf } from './fixtures/weights/fixtures.js';
import { safetensorsFile, tensorCode, torchFile } from './support/archives.js';
import { bomb, entry, legacy, pickles, tables, zips } from './support/hostile-dicts.js';
import { jpegs, others, pngs } from './support/hostile-images.js';

/** Of the processor: a busy machine is no fault of a file's. */
const LIMIT_MS = 2000;

async function timed<T>(action: () => T | Promise<T>): Promise<T> {
  const start = process.cpuUsage();
  try {
    return await action();
  } finally {
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(LIMIT_MS);
  }
}

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
