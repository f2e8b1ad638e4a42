/** The measures against scikit-image and numpy (test/golden/make_measures.py), and the rates of a run by hand. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aggregate, measure, type Outcome, type PlaneShape, ssim } from '../attack/measures.js';
import { UserError } from '../base/errors.js';

interface Golden {
  name: string;
  shape: [number, number, number];
  base: 'noise' | 'smooth';
  reach: number | null;
  l0: number;
  l1: number;
  l2: number;
  linf: number;
  ssim: number;
}

const golden = JSON.parse(readFileSync(new URL('golden/measures.json', import.meta.url), 'utf8')) as Golden[];

/** The same bytes as make_measures.py noise(). */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function smooth({ channels, height, width }: PlaneShape): Uint8Array {
  const bytes = new Uint8Array(channels * height * width);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) bytes[at++] = Math.abs(((3 * x + 5 * y + 40 * c) % 510) - 255);
    }
  }
  return bytes;
}

function rebuild(entry: Golden): { shape: PlaneShape; x: Float32Array; xAdv: Float32Array } {
  const [channels, height, width] = entry.shape;
  const shape = { channels, height, width };
  const length = channels * height * width;
  const before = entry.base === 'noise' ? noise(length, 7) : smooth(shape);
  let after: Uint8Array;
  if (entry.reach === null) {
    after = noise(length, 8);
  } else {
    const reach = entry.reach;
    const steps = noise(length, 99);
    after = before.map((b, i) => Math.min(255, Math.max(0, b + (steps[i]! % (2 * reach + 1)) - reach)));
  }
  const unit = (bytes: Uint8Array) => Float32Array.from(bytes, (b) => b / 255);
  return { shape, x: unit(before), xAdv: unit(after) };
}

describe('measure', () => {
  it.each(golden)('agrees with scikit-image: $name', (entry) => {
    const { shape, x, xAdv } = rebuild(entry);
    const got = measure(x, xAdv, shape);
    expect(got.l0).toBe(entry.l0);
    expect(got.l1).toBeCloseTo(entry.l1, 9);
    expect(got.l2).toBeCloseTo(entry.l2, 9);
    expect(got.linf).toBeCloseTo(entry.linf, 12);
    expect(got.ssim).toBeCloseTo(entry.ssim, 9);
  });

  it('gives exactly zero and one for identical images', () => {
    const { shape, x } = rebuild(golden[0]!);
    expect(measure(x, x.slice(), shape)).toEqual({ l0: 0, l1: 0, l2: 0, linf: 0, ssim: 1 });
  });

  it('sees only what survives the rounding to 8 bits', () => {
    const shape = { channels: 3, height: 11, width: 11 };
    const x = new Float32Array(363).fill(100 / 255);
    const xAdv = x.slice();
    xAdv[5] = 100.4 / 255;
    xAdv[9] = 103.4 / 255;
    const got = measure(x, xAdv, shape);
    expect(got.l0).toBe(1);
    expect(got.linf).toBe(3 / 255);
    expect(got.l2).toBe(3 / 255);
  });

  it('refuses what it cannot measure', () => {
    const shape = { channels: 1, height: 11, width: 11 };
    const fine = new Float32Array(121).fill(0.5);
    const holed = fine.slice();
    holed[3] = Number.NaN;
    const wide = fine.slice();
    wide[4] = -1.5;
    expect(() => measure(fine, holed, shape)).toThrow(/xAdv: expected pixels in \[0,1\], got NaN at index 3/);
    expect(() => measure(wide, fine, shape)).toThrow(/x: expected pixels in \[0,1\], got -1.5 at index 4/);
    expect(() => measure(fine, fine.subarray(1), shape)).toThrow(/expected 121 values \(1x11x11\), got 120/);
    const thin = { channels: 1, height: 12, width: 10 };
    expect(() => measure(fine.subarray(1), fine.subarray(1), thin)).toThrow(UserError);
    expect(() => ssim(fine.subarray(1), fine.subarray(1), thin)).toThrow(
      /at least 11x11 pixels .* got 10x12/,
    );
  });

  it('does not depend on the scale of the values', () => {
    const { shape, x, xAdv } = rebuild(golden[1]!);
    const scaled = (values: Float32Array) => values.map((v) => Math.round(v * 255));
    expect(ssim(scaled(x), scaled(xAdv), shape, 255)).toBeCloseTo(ssim(x, xAdv, shape), 6);
  });
});

describe('aggregate', () => {
  const outcome = (correct: boolean, success: boolean, l0: number): Outcome => ({
    correct,
    success,
    l0,
    l1: l0 * 2,
    l2: l0 * 3,
    linf: l0 * 4,
    ssim: 1 - l0 / 100,
  });

  it('takes the rate over the images that were right and the means over those that were fooled', () => {
    const got = aggregate([
      outcome(true, true, 10),
      outcome(true, true, 20),
      outcome(true, false, 1000),
      // Wrong from the start: neither a success of the attack nor part of its means.
      outcome(false, true, 5000),
    ]);
    expect(got).toMatchObject({ images: 4, correct: 3, succeeded: 2, asr: 2 / 3 });
    expect(got.mean).toMatchObject({ l0: 15, l1: 30, l2: 45, linf: 60 });
    expect(got.mean?.ssim).toBeCloseTo(0.85, 12);
  });

  it('has no rate without a right image and no mean without a success', () => {
    expect(aggregate([])).toEqual({
      images: 0,
      correct: 0,
      succeeded: 0,
      asr: null,
      mean: null,
      median: { l0: null, l1: null, l2: null, linf: null },
    });
    const three = [outcome(true, true, 1), outcome(true, true, 3), outcome(true, false, 2)];
    expect(aggregate(three).median.l2).toBe(aggregate([outcome(true, true, 3)]).median.l2);
    expect(aggregate([...three, outcome(true, false, 1)]).median.l2).toBeNull();
    expect(aggregate([outcome(false, true, 1)])).toMatchObject({ asr: null, mean: null });
    expect(aggregate([outcome(true, false, 1)])).toMatchObject({ asr: 0, mean: null });
  });
});
