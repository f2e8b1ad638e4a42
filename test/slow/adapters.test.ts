/** The same run on two adapters: other kernels and other rounding, the same answers within bounds. Lavapipe against SwiftShader. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import type { ImageResult } from '../../report/run-files.js';
import { temporaryFolder } from '../cli-fakes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const IMAGES = 8;
/** SwiftShader takes ten times as long. */
const ITERATIONS = 10;

beforeAll(() => {
  expect(spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root }).status).toBe(0);
});

function run(adapter: string): Map<number, ImageResult> {
  const out = join(temporaryFolder(), adapter);
  const argv = [
    'attack',
    '--dataset',
    'cifar10-sample',
    '--limit',
    String(IMAGES),
    '--iterations',
    String(ITERATIONS),
    '--sheet',
    '0',
    '--out',
    out,
  ];
  const none =
    adapter === 'swiftshader' ? { VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' } : {};
  const ended = spawnSync(process.execPath, [join(root, 'dist/cli.js'), ...argv], {
    env: { ...process.env, ...none, CFR_ADAPTER: adapter, CFR_DETERMINISTIC: '1' },
    encoding: 'utf8',
  });
  expect(ended.status, ended.stderr).toBe(0);
  const lines = readFileSync(join(out, 'results.jsonl'), 'utf8').trim().split('\n');
  return new Map(lines.map((line) => JSON.parse(line) as ImageResult).map((line) => [line.index, line]));
}

test('predictions, success and sizes agree', () => {
  const [one, other] = [run('lavapipe'), run('swiftshader')];
  expect([one.size, other.size]).toEqual([IMAGES, IMAGES]);
  let [clean, l2, same] = [0, 0, 0];
  for (const [index, a] of one) {
    const b = other.get(index)!;
    expect([b.clean.class, b.correct, b.success, b.cfr], `image ${index}`).toEqual([
      a.clean.class,
      a.correct,
      a.success,
      a.cfr,
    ]);
    clean = Math.max(clean, Math.abs(a.clean.confidence - b.clean.confidence));
    const apart = Math.abs(a.l2 - b.l2) / Math.max(a.l2, b.l2, 1e-9);
    l2 = Math.max(l2, apart);
    if (apart === 0 && a.l0 === b.l0) same++;
  }
  console.log(
    `${IMAGES} images: clean confidence within ${clean.toExponential(1)}, l2 of each within ${(100 * l2).toFixed(1)} %, ${same} with the same norms`,
  );
  // f32 through 18 layers.
  expect(clean).toBeLessThan(1e-4);
  // A search may take another turn at a last bit; the median is what results are quoted by.
  const median = (lines: Map<number, ImageResult>) =>
    [...lines.values()].map((line) => line.l2).sort((x, y) => x - y)[IMAGES / 2]!;
  expect(Math.abs(median(one) - median(other)) / median(one)).toBeLessThan(0.02);
  expect(l2).toBeLessThan(0.25);
}, 1_800_000);
