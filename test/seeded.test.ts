/** Seeded weights must be the same bits as in Python (test/golden/nets.py), or no golden file of a net means anything. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type NetFacts, openGolden } from './support/golden.js';
import { seededPixels, seededStateDict, seededTensor } from './support/seeded.js';

interface Row {
  readonly name: string;
  readonly shape: readonly number[];
  readonly seed: number;
  readonly at: readonly number[];
  readonly bits: readonly number[];
  readonly xor: number;
}

interface PixelRow {
  readonly name: string;
  readonly shape: readonly [number];
  readonly seed: number;
  readonly pixels: readonly number[];
  readonly sum: number;
}

const rows = JSON.parse(readFileSync(new URL('./golden/seeded.json', import.meta.url), 'utf8')) as (
  | Row
  | PixelRow
)[];

describe('seeded values equal those of Python', () => {
  it.each(rows.filter((row) => 'bits' in row).map((row) => [row.name, row.seed, row] as const))(
    '%s, seed %i',
    (_, _seed, row) => {
      const values = seededTensor(row.name, row.shape, row.seed);
      const bits = new Uint32Array(values.buffer);
      expect(row.at.map((i) => bits[i])).toEqual(row.bits);
      let xor = 0;
      for (let i = 0; i < bits.length; i++) xor ^= bits[i]! ^ i;
      expect(xor >>> 0).toBe(row.xor);
    },
  );

  it.each(rows.filter((row) => 'pixels' in row).map((row) => [row.name, row] as const))(
    'pixels "%s"',
    (_, row) => {
      const k = Array.from(seededPixels(row.name, row.shape[0], row.seed), (value) =>
        Math.round(value * 255),
      );
      expect(k.slice(0, row.pixels.length)).toEqual(row.pixels);
      expect(k.reduce((sum, value) => sum + value, 0)).toBe(row.sum);
    },
  );

  it('gives the pixels that a golden file stores', () => {
    const golden = openGolden<NetFacts>('resnet18-cifar');
    const { data, shape } = golden.pixels();
    expect(shape).toEqual([2, 3, 32, 32]);
    expect(seededPixels('pixels', data.length, golden.facts.seed)).toEqual(data);
  });
});

describe('seeded values', () => {
  it('differ by name and seed', () => {
    const first = (name: string, seed: number) => seededTensor(name, [64, 3, 3, 3], seed)[0];
    expect(new Set([first('a', 0), first('b', 0), first('a', 1), first('b', 1)]).size).toBe(4);
  });

  it('make a state dict that reads lazily', () => {
    const { tensors } = seededStateDict({ 'fc.weight': [10, 512], 'fc.bias': [10] }, 1);
    expect([...tensors.keys()]).toEqual(['fc.weight', 'fc.bias']);
    expect(tensors.get('fc.bias')?.toFloat32()).toEqual(seededTensor('fc.bias', [10], 1));
    expect(tensors.get('fc.weight')?.toFloat32().length).toBe(5120);
  });
});
