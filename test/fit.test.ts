/** Fitting one patch to a set: it goes on to the byte, and what is given is what was fitted. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { createAttack } from '../attack/driver.js';
import { fitPatch, type PatchBatch } from '../attack/fit.js';
import { predictions } from '../attack/logits.js';
import type { Engine } from '../engine/engine.js';
import type { Model } from '../nets/model.js';
import { ELEMENTS, fixtureModel, images } from './methods/fixture.js';
import { testEngine } from './support/device.js';

const options = { area: 0.4, stepSize: 0.1, iterations: 24 };
let engine: Engine;
let model: Model;
let batches: PatchBatch[];
const x = images();

beforeAll(async () => {
  engine = await testEngine();
  model = fixtureModel();
  const classifier = await createClassifier(engine, model, 4);
  const labels = predictions(await classifier.run(x), 10);
  classifier.destroy();
  batches = [0, 2].map((first) => ({
    x: x.slice(first * ELEMENTS, (first + 2) * ELEMENTS),
    labels: labels.slice(first, first + 2),
  }));
});

describe('fitPatch', () => {
  it('goes on from a saved state to the same bytes', async () => {
    const whole = await fitPatch(engine, model, batches, options, { until: 5 });
    const half = await fitPatch(engine, model, batches, options, { until: 2 });
    expect(half.patch).not.toEqual(whole.patch);
    const rest = await fitPatch(engine, model, batches, options, { from: half, until: 5 });
    expect(rest).toEqual(whole);
    expect(whole).toMatchObject({ step: 5, seed: 0 });
  });

  it('refuses a state of another seed or size, and batches of several sizes', async () => {
    const from = { patch: new Float32Array(3), step: 1, seed: 1 };
    await expect(fitPatch(engine, model, batches, options, { from })).rejects.toThrow('seed 0');
    await expect(fitPatch(engine, model, batches, { ...options, seed: 1 }, { from })).rejects.toThrow(
      'got 3',
    );
    await expect(fitPatch(engine, model, [], options)).rejects.toThrow('batches');
  });

  it('makes of a set of one image what the method makes of that image', async () => {
    const short = { area: 0.4, stepSize: 0.1, iterations: 6 };
    const [first] = batches;
    const alone = { x: first!.x.slice(0, ELEMENTS), labels: first!.labels.slice(0, 1) };
    const { patch } = await fitPatch(engine, model, [alone], short);
    const results = [];
    for (const [kind, one] of [
      ['given', patch],
      ['given', new Float32Array(patch.length).fill(0.5)],
      ['own', undefined],
    ] as const) {
      const options = { method: 'adv-patch', ...short, patch: kind };
      const attack = await createAttack(engine, model, options, 1, undefined, one);
      results.push((await attack.run(alone.x, alone.labels)).xAdv);
      attack.destroy();
    }
    const [given, grey, own] = results;
    expect(given).toEqual(own);
    expect(grey).not.toEqual(own);
    await expect(
      createAttack(engine, model, { method: 'adv-patch', ...short, patch: 'given' }, 1),
    ).rejects.toThrow('patch: expected');
  });
});
