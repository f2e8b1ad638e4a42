/** Photos larger than what the net sees: overlays and adversarial photos at their own size. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { preprocess } from '../data/image.js';
import { readImage } from '../data/image-files.js';
import type { Image } from '../data/rgb.js';
import type { ImageResult } from '../report/run-files.js';
import { type FakeOptions, cfr as fake, image, temporaryFolder } from './cli-fakes.js';
import { contentsOf } from './support/contents.js';

/** The class of what the fake net sees is that of its first pixel. */
function photo(seed: number, width: number, height: number): Image {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => 60 + 4 * seed + ((i * 13) % 90));
  return { width, height, data };
}

const files = { 'a.png': photo(1, 96, 64), 'small.png': image(2), 'b.png': photo(2, 64, 80) };
const cfr = (argv: readonly string[], options: FakeOptions = {}) => fake(argv, { files, ...options });
const command = (out: string, ...more: string[]) => [
  ...['attack', ...Object.keys(files), '--iterations', '1', '--batch', '2', '--sheet', '0', '--out', out],
  ...more,
];
const lines = (out: string): ImageResult[] =>
  readFileSync(join(out, 'results.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const sizeOf = async (path: string) => {
  const { width, height } = await readImage(path);
  return [width, height];
};

test('of image files, overlays and adversarial photos have the size of the file', async () => {
  const out = temporaryFolder();
  const { code, out: said } = await cfr(command(out));
  expect(code).toBe(0);
  expect(said).toContain(
    `adversarial photos of full size: 2 of 2, in ${join(out, 'full-size')}; the net, with its preprocessing, is fooled by them`,
  );
  for (const name of ['a', 'b'] as const) {
    const original = files[`${name}.png`];
    const size = [original.width, original.height];
    expect(await sizeOf(join(out, 'overlay', `${name}.png`))).toEqual(size);
    expect(await sizeOf(join(out, 'cam', `${name}.png`))).toEqual([32, 32]);
    const full = await readImage(join(out, 'full-size', `${name}.png`));
    expect([full.width, full.height]).toEqual(size);
    expect(full.data).not.toEqual(original.data);
    // The saved file, through the net's own preprocessing.
    const seen = preprocess(full, { inputSize: 32, form: 'cifar' });
    expect(seen.data).toEqual((await readImage(join(out, 'adversarial', `${name}.png`))).data);
  }
  expect(lines(out).map((line) => line.photo)).toEqual([
    { width: 96, height: 64, l2: expect.any(Number), linf: expect.any(Number), differing: 0 },
    undefined,
    { width: 64, height: 80, l2: expect.any(Number), linf: expect.any(Number), differing: 0 },
  ]);
  expect(await sizeOf(join(out, 'overlay', 'small.png'))).toEqual([128, 128]);
  expect(existsSync(join(out, 'full-size', 'small.png'))).toBe(false);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('full-size/a.png');
});

test('--overlay-size net: as the net sees it; of data sets by default', async () => {
  const out = temporaryFolder();
  await cfr(command(out, '--overlay-size', 'net'));
  expect(await sizeOf(join(out, 'overlay', 'a.png'))).toEqual([128, 128]);
  expect(existsSync(join(out, 'full-size'))).toBe(false);
  expect(lines(out)[0]).not.toHaveProperty('photo');
  // Another size is another run.
  const other = await cfr(command(out));
  expect([other.code, other.err]).toEqual([
    2,
    expect.stringMatching(/overlaySize unset there, "original" here; use the same settings to go on/),
  ]);
  const wrong = await cfr(command(out, '--overlay-size', 'large'));
  expect([wrong.code, wrong.err]).toEqual([
    2,
    expect.stringContaining('--overlay-size: expected net or original, got "large"'),
  ]);
  const { err, code } = await cfr([
    'attack',
    '--dataset',
    'cifar10-sample',
    '--limit',
    '1',
    '--out',
    temporaryFolder(),
  ]);
  expect([code, err]).toEqual([0, expect.not.stringContaining('overlay')]);
});

test('explain draws on the photo', async () => {
  const out = temporaryFolder();
  await cfr(['explain', 'a.png', '--out', out]);
  expect(await sizeOf(join(out, 'overlay', 'a.png'))).toEqual([96, 64]);
  await cfr(['explain', 'a.png', '--out', out, '--overlay-size', 'net']);
  expect(await sizeOf(join(out, 'overlay', 'a.png'))).toEqual([128, 128]);
});

test('an adversarial photo that is lost is made again; shards come to the same bytes', async () => {
  const out = temporaryFolder();
  await cfr(command(out));
  const whole = contentsOf(out);
  rmSync(join(out, 'full-size', 'b.png'));
  const { err } = await cfr(command(out));
  expect(err).toContain('1 images are done again');
  expect(contentsOf(out).get('full-size/b.png')).toEqual(whole.get('full-size/b.png'));

  const parts = temporaryFolder();
  for (const shard of ['0/2', '1/2']) await cfr(command(parts, '--shard', shard));
  expect((await cfr(['merge', parts])).code).toBe(0);
  expect(contentsOf(parts)).toEqual(whole);
});

test('where there is none, it is said why', async () => {
  const out = temporaryFolder();
  let changed = false;
  // From the attack on the file is another.
  const changing = new Proxy(files, {
    get: (target, name) => (changed && name === 'a.png' ? photo(3, 96, 64) : Reflect.get(target, name)),
  });
  const { out: said } = await cfr(['attack', 'a.png', '--out', out, '--sheet', '0'], {
    files: changing,
    onBatch: () => {
      changed = true;
    },
  });
  expect(said).toContain('adversarial photos of full size: none of 1\n');
  expect(said).toContain('a.png: the file was changed or removed while the attack ran');
  expect(existsSync(join(out, 'full-size'))).toBe(false);
});
