/** What a command takes and where it writes: folders, globs, standard input, adapters, numbered folders, the line of progress. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { progressLine, TerminalConsole } from '../cli/console.js';
import { nodeServices } from '../cli/node-services.js';
import { encodePng } from '../data/image-files.js';
import { displayWidth } from '../report/table.js';
import { numberedFolder } from '../run/folder.js';
import { imageFiles } from '../run/inputs.js';
import { cfr, image, temporaryFolder } from './cli-fakes.js';

/** Files of a folder, some in a folder of it; one is no image. */
function folderOfImages(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'b'));
  for (const [i, name] of ['a10.png', 'a9.PNG', 'b/c.png', 'b/d.webp', 'b/e.JPEG'].entries())
    writeFileSync(join(folder, name), encodePng(image(i)));
  writeFileSync(join(folder, 'notes.txt'), 'no image');
  return folder;
}

describe('images', () => {
  test('folders and globs become their images, by name, numbers by their size', async () => {
    const folder = folderOfImages();
    const names = (files: readonly string[]) => files.map((file) => file.slice(folder.length + 1));
    expect(names(await imageFiles([folder]))).toEqual([
      'a9.PNG',
      'a10.png',
      'b/c.png',
      'b/d.webp',
      'b/e.JPEG',
    ]);
    expect(names(await imageFiles([join(folder, '*.png')]))).toEqual(['a10.png']);
    expect(names(await imageFiles([join(folder, '**/*.{png,PNG}')]))).toEqual([
      'a9.PNG',
      'a10.png',
      'b/c.png',
    ]);
    // What is not there is told with its batch.
    expect(await imageFiles(['gone.png', '-'])).toEqual(['gone.png', '-']);
    const odd = join(folder, 'a[1].png');
    writeFileSync(odd, encodePng(image(0)));
    expect(await imageFiles([odd])).toEqual([odd]);
  });

  test('a folder or glob without images, and standard input twice, are mistakes', async () => {
    const folder = temporaryFolder();
    await expect(imageFiles([folder])).rejects.toThrow(/expected a folder with images .*, got none/);
    await expect(imageFiles([join(folder, '*.png')])).rejects.toThrow(
      /expected files that it matches .*, got none/,
    );
    await expect(imageFiles(['-', '-'])).rejects.toThrow(/standard input \(-\) once, got it twice/);
    const { code, err } = await cfr(['classify', folder]);
    expect(code).toBe(2);
    expect(err).toMatch(/^cfr: images: .*expected a folder with images/);
  });

  test('a command takes a folder', async () => {
    const out = join(temporaryFolder(), 'run');
    const { code } = await cfr(['attack', folderOfImages(), '--out', out, '--sheet', '0']);
    expect(code).toBe(0);
    const lines = readFileSync(join(out, 'results.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { source: string }).source.split('/').at(-1))).toEqual([
      'a9.PNG',
      'a10.png',
      'c.png',
      'd.webp',
      'e.JPEG',
    ]);
  });
});

test('- is the image that comes in on standard input, which is read once', async () => {
  const png = encodePng(image(3));
  // In two pieces, as pipes bring it.
  const input = Readable.from([png.subarray(0, 100), png.subarray(100)]) as unknown as typeof process.stdin;
  const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(input);
  try {
    const stream = { write() {} };
    const services = nodeServices(new TerminalConsole(stream, stream), new AbortController().signal, {
      command: 'cfr',
      version: '1',
    });
    expect(await services.digest('-')).toBe(createHash('sha256').update(png).digest('hex'));
    expect((await services.readImage('-')).data).toEqual(image(3).data);
    expect((await services.readImage('-')).data).toEqual(image(3).data);
  } finally {
    stdin.mockRestore();
  }
});

test('--adapter chooses for one command', async () => {
  const files = { 'a.png': image(1) };
  expect((await cfr(['classify', 'a.png', '--adapter', 'lavapipe'], { files })).adapter).toBe('lavapipe');
  expect((await cfr(['classify', 'a.png'], { files })).adapter).toBeUndefined();
});

test('a quoted glob is spelled out by the program', async () => {
  const { code, out } = await cfr(['classify', join(folderOfImages(), '**/*.{png,webp}'), '--json']);
  expect(code).toBe(0);
  expect((JSON.parse(out) as { source: string }[]).map(({ source }) => source.split('/').at(-1))).toEqual([
    'a10.png',
    'c.png',
    'd.webp',
  ]);
});

test('--out where no folder can be made ends at once, with one line', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  for (const out of [join(file, 'below', 'run'), '/proc/none/run']) {
    const { code, err, batches } = await cfr(['attack', '--dataset', 'cifar10-sample', '--out', out]);
    expect(code).toBe(2);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toMatch(/^cfr: --out .*: expected a folder that can be written, got: .*; choose another/);
    expect(batches).toEqual([]);
  }
});

test('default folders are counted, and found again by what was asked', async () => {
  const parent = temporaryFolder();
  const make = (name: string, fingerprint: object) => {
    mkdirSync(join(parent, name));
    writeFileSync(join(parent, name, 'run.json'), JSON.stringify({ format: 1, fingerprint }));
  };
  expect(await numberedFolder(join(parent, 'none'), 'net-cfr', { tau: 1 })).toBe(
    join(parent, 'none', 'net-cfr-1'),
  );
  make('net-cfr-1', { tau: 1, batch: 8 });
  make('net-cfr-3', { tau: 2 });
  make('net-cfr-x', { tau: 4 });
  make('net-cfr-minimal-7', { tau: 4 });
  expect(await numberedFolder(parent, 'net-cfr', { tau: 1 })).toBe(join(parent, 'net-cfr-1'));
  expect(await numberedFolder(parent, 'net-cfr', { tau: 2, batch: 4 })).toBe(join(parent, 'net-cfr-3'));
  expect(await numberedFolder(parent, 'net-cfr', { tau: 4 })).toBe(join(parent, 'net-cfr-4'));
  expect(readdirSync(parent)).not.toContain('net-cfr-4');
});

test('the line of progress fits any terminal, and shows what counts most', () => {
  const facts = {
    title: 'attack',
    share: 0.5,
    done: '128/256',
    unit: 'images',
    status: 'ASR 98 %, l2 0.171',
    rate: '12.3 images/s',
    left: '3 min 05 s',
  };
  for (const columns of [10, 20, 40, 60, 80, 200]) {
    const line = progressLine(columns, facts);
    expect(displayWidth(line), String(columns)).toBeLessThan(columns);
    expect(line).toContain('128/256');
  }
  expect(progressLine(40, facts)).toMatch(/^attack █+░+ 128\/256( \| .* left)?$/);
  expect(progressLine(80, facts)).toContain('ASR 98 %, l2 0.171');
  expect(progressLine(200, facts)).toContain('12.3 images/s');
});
