/** The example of docs/training.md: it runs, it learns, and the page shows it as it is. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { trainCnn } from '../docs/examples/train-cnn.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

test('a three-layer CNN learns which colour a picture has', async () => {
  const random = new Random(1);
  const batch = (): [Float32Array, Uint32Array] => {
    const labels = random.labels(16, 4);
    const pixels = Float32Array.from({ length: 16 * 768 }, (_, i) => {
      const own = Math.floor(i / 256) % 3 === labels[Math.floor(i / 768)];
      return random.uniform(own ? 0.4 : 0, own ? 1 : 0.6);
    });
    return [pixels, labels];
  };
  const losses = await trainCnn(await testEngine(), 16, 60, batch);
  expect(losses).toHaveLength(60);
  const mean = (some: readonly number[]) => some.reduce((a, b) => a + b) / some.length;
  expect(mean(losses.slice(-5))).toBeLessThan(0.7 * mean(losses.slice(0, 5)));
});

test('the page shows the example, a loop of forty lines', () => {
  const code = readFileSync('docs/examples/train-cnn.ts', 'utf8');
  expect(readFileSync('docs/training.md', 'utf8')).toContain(code.slice(code.indexOf('import')).trim());
  const lines = code
    .slice(code.indexOf('export async function'))
    .split('\n')
    .filter((line) => line.trim() !== '');
  expect(lines.length).toBeLessThanOrEqual(45);
});
