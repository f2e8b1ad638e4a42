/** Faithfulness of maps: curves on nets of known answers, areas, degenerate maps, intervals. */
import { describe, expect, it } from 'vitest';
import type { Classifier } from '../attack/classifier.js';
import {
  areaUnder,
  blended,
  evidenceOrder,
  type FaithfulnessSettings,
  faithfulnessOf,
} from '../attack/faithfulness.js';
import { dispose } from '../base/disposable.js';
import { faithfulnessFigure, faithfulnessRow, summariseFaithfulness } from '../experiments/faithfulness.js';
import { makeSpec } from '../nets/spec.js';
import { meanWithInterval } from '../report/statistics.js';

const spec = { ...makeSpec('resnet20', {}), height: 2, width: 4, mean: [0.5, 0.25, 0.75] as const };
const classes = spec.classes;
const settings: FaithfulnessSettings = { steps: 8, baseline: 'black' };

/** Says class 1 by the red of the pixels `where`, all others by nothing: logit = 10 * mean red there. */
const reds = (where: readonly number[]): Classifier => ({
  async run(x) {
    const n = x.length / 24;
    const logits = new Float32Array(n * classes);
    for (let i = 0; i < n; i++)
      logits[i * classes + 1] = (10 * where.reduce((sum, p) => sum + x[24 * i + p]!, 0)) / where.length;
    return logits;
  },
  destroy() {},
  [dispose]() {},
});
const probability = (logit: number) => Math.exp(logit) / (Math.exp(logit) + classes - 1);
const white = new Float32Array(24).fill(1);

describe('curves', () => {
  it('of a map that is right about a net, and of one that is wrong', async () => {
    const right = Float32Array.of(1, 0.9, 0, 0, 0, 0, 0, 0);
    const wrong = right.map((value) => 1 - value);
    const [[good], [bad]] = (await faithfulnessOf(
      reds([0, 1]),
      spec,
      white,
      [1],
      [right, wrong],
      [0],
      settings,
    )) as [[never], [never]] & Awaited<ReturnType<typeof faithfulnessOf>>;
    const one = good as Awaited<ReturnType<typeof faithfulnessOf>>[0][0];
    const other = bad as typeof one;
    expect(one.shares).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map((k) => k / 8));
    const expected = [10, 5, 0, 0, 0, 0, 0, 0, 0].map(probability);
    for (const [k, value] of expected.entries()) expect(one.deletion[k]).toBeCloseTo(value, 6);
    const shown = [0, 5, 10, 10, 10, 10, 10, 10, 10].map(probability);
    for (const [k, value] of shown.entries()) expect(one.insertion[k]).toBeCloseTo(value, 6);
    expect(one.deletionArea).toBeLessThan(other.deletionArea);
    expect(one.insertionArea).toBeGreaterThan(other.insertionArea);
    expect(one.deletionArea).toBeCloseTo(areaUnder(one.shares, one.deletion), 12);
    // Through the map the net sees (1 + 0.9) / 2 of the red.
    expect(one.drop).toBeCloseTo(1 - probability(9.5) / probability(10), 5);
    expect(one.increase).toBe(false);
    expect(other.drop).toBeGreaterThan(one.drop);
  });

  it('keep both ends, whatever the steps', async () => {
    for (const steps of [1, 3, 8, 4096]) {
      const [[one]] = (await faithfulnessOf(
        reds([0]),
        spec,
        white,
        [1],
        [Float32Array.from({ length: 8 }, (_, p) => p / 8)],
        [0],
        { ...settings, steps },
      )) as [[Awaited<ReturnType<typeof faithfulnessOf>>[0][0]]];
      expect(one.shares.at(0)).toBe(0);
      expect(one.shares.at(-1)).toBe(1);
      expect(one.shares.length).toBe(Math.min(steps, 8) + 1);
      expect(one.deletion[0]).toBe(one.insertion.at(-1));
      expect(one.deletion.at(-1)).toBe(one.insertion[0]);
    }
  });

  it('rise where the evidence against the class is hidden', async () => {
    // Red of pixel 7 speaks against class 1: the others' logits are it.
    const against: Classifier = {
      async run(x) {
        const logits = new Float32Array(classes);
        logits[2] = 10 * x[7]!;
        return logits;
      },
      destroy() {},
      [dispose]() {},
    };
    const map = Float32Array.of(1, 1, 1, 1, 1, 1, 1, 0);
    const [[one]] = (await faithfulnessOf(against, spec, white, [1], [map], [0], settings)) as [
      [Awaited<ReturnType<typeof faithfulnessOf>>[0][0]],
    ];
    expect(one).toMatchObject({ drop: 0, increase: true });
  });

  it('of a blank map are those of a random order, the same each time and for each image its own', () => {
    const blank = new Float32Array(64);
    const order = evidenceOrder(blank, 0, 3);
    expect(new Set(order).size).toBe(64);
    expect(order).toEqual(evidenceOrder(blank, 0, 3));
    expect(order).not.toEqual(evidenceOrder(blank, 0, 4));
    expect(order).not.toEqual(Uint32Array.from(blank, (_, p) => p));
    expect(evidenceOrder(Float32Array.of(0.1, 0.3, 0.2), 0, 0)).toEqual(Uint32Array.of(1, 2, 0));
  });

  it('the baseline is what was said, to the bit where a pixel is kept', () => {
    const x = Float32Array.from({ length: 24 }, (_, i) => i / 24);
    const half = blended(x, Float32Array.of(1, 0, 1, 0, 1, 0, 1, 0), spec.mean);
    expect(half[0]).toBe(x[0]);
    expect([half[1], half[9], half[17]]).toEqual([0.5, 0.25, 0.75]);
    expect(blended(x, new Float32Array(8), [0, 0, 0]).every((value) => value === 0)).toBe(true);
  });
});

describe('over images', () => {
  const image = (area: number, increase: boolean) => ({
    shares: [0, 1],
    deletion: [2 * area, 0],
    insertion: [0, 2 * area],
    deletionArea: area,
    insertionArea: area,
    drop: area,
    increase,
  });

  it('means and intervals', () => {
    const images = Array.from({ length: 16 }, (_, i) => image(i % 2 === 0 ? 0.1 : 0.3, i % 2 === 0));
    const summary = summariseFaithfulness('gradcam', images, 1);
    expect(summary.n).toBe(16);
    expect(summary.deletion!.mean).toBeCloseTo(0.2, 12);
    // 2.1314 * sqrt(0.16 / 15) / sqrt(16)
    expect(summary.deletion!.interval!.high - 0.2).toBeCloseTo(0.05503, 4);
    expect(summary.averageIncrease!.rate).toBe(0.5);
    expect(faithfulnessRow(summary)).toMatchObject({
      explanation: 'gradcam',
      n: 16,
      empty: 1,
      increase: 0.5,
    });
    const svg = faithfulnessFigure('net', [summary], settings);
    expect(svg).toContain('Deletion, low is good on net');
    expect(svg).toContain('gradcam (area 0.200)');
  });

  it('nothing and one image are no intervals', () => {
    expect(meanWithInterval([], [0, 1])).toBeNull();
    expect(meanWithInterval([3], [0, 9])).toEqual({ mean: 3, interval: null });
    expect(summariseFaithfulness('cam', [], 0)).toMatchObject({
      n: 0,
      deletion: null,
      averageIncrease: null,
    });
  });
});
