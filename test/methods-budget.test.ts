/** What the rows of test/methods/budget.ts do not say: restarts, the bisection, the ensemble, schedules, settings that contradict each other. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { type AttackResult, attackSettings, feed, traceAttack } from '../attack/driver.js';
import { SLOTS } from '../attack/kernels.js';
import { predictions } from '../attack/logits.js';
import { sides } from '../attack/methods/parts/square.js';
import type { Engine } from '../engine/engine.js';
import type { Model } from '../nets/model.js';
import { BATCH, ELEMENTS, fixtureModel, images, runMethod } from './methods/fixture.js';
import { testEngine } from './support/device.js';

let engine: Engine;
let model: Model;
let labels: Uint32Array;
const x = images();
/** An l2 budget of one level in one value: nothing fools. */
const TINY = 1 / 255;

beforeAll(async () => {
  engine = await testEngine();
  model = fixtureModel();
  const classifier = await createClassifier(engine, model, BATCH);
  labels = predictions(await classifier.run(x), 10);
  classifier.destroy();
});

const run = (options: Parameters<typeof runMethod>[2]) => runMethod(engine, model, options, labels);

/** Cross-entropy of each image's result. */
function losses({ logitsAdv }: AttackResult, classes: ArrayLike<number> = labels): number[] {
  return Array.from({ length: BATCH }, (_, image) => {
    const z = Array.from(logitsAdv.slice(image * 10, (image + 1) * 10));
    const peak = Math.max(...z);
    return peak + Math.log(z.reduce((sum, v) => sum + Math.exp(v - peak), 0)) - z[classes[image]!]!;
  });
}

function norms({ xAdv }: AttackResult): number[] {
  return Array.from({ length: BATCH }, (_, image) =>
    Math.hypot(
      ...xAdv.slice(image * ELEMENTS, (image + 1) * ELEMENTS).map((v, e) => v - x[image * ELEMENTS + e]!),
    ),
  );
}

describe('pgd', () => {
  it('keeps the restart of the highest loss where none fools', async () => {
    const options = { method: 'pgd', norm: 'l2', epsilon: 0.02, alpha: 0.001, iterations: 1 };
    const one = await run({ ...options, restarts: 1 });
    const many = await run({ ...options, restarts: 6 });
    expect(many.success).not.toContain(true);
    const [first, best] = [losses(one), losses(many)];
    for (const [image, loss] of best.entries()) expect(loss).toBeGreaterThanOrEqual(first[image]!);
    expect(best.some((loss, image) => loss > first[image]!)).toBe(true);
    expect(many.forwards).toEqual(new Array(BATCH).fill(12));
  });

  it('does not try again what it has fooled', async () => {
    const { success, forwards, backwards } = await run({ method: 'pgd', iterations: 5, restarts: 3 });
    expect(success).toEqual(new Array(BATCH).fill(true));
    expect([forwards, backwards]).toEqual([new Array(BATCH).fill(6), new Array(BATCH).fill(5)]);
  });

  it('keeps what comes nearest to a target that it does not reach', async () => {
    const target = (labels[0]! + 1) % 10;
    const { success, xAdv } = await run({ method: 'pgd', norm: 'l2', epsilon: 0.05, iterations: 2, target });
    expect(success[0]).toBe(false);
    expect(xAdv.slice(0, ELEMENTS)).not.toEqual(x.slice(0, ELEMENTS));
  });
});

describe('apgd', () => {
  it('finds less at every search that it adds', async () => {
    const options = { method: 'apgd', norm: 'l2', minimal: true, epsilon: 1, iterations: 5 };
    const [two, five] = [await run({ ...options, searches: 2 }), await run({ ...options, searches: 5 })];
    expect(two.success).toEqual(new Array(BATCH).fill(true));
    expect(five.success).toEqual(new Array(BATCH).fill(true));
    const [before, after] = [norms(two), norms(five)];
    for (const [image, norm] of after.entries()) expect(norm).toBeLessThan(before[image]!);
  });

  it('ends a run at its best point, not at its last', async () => {
    const { method, settings } = attackSettings({ method: 'apgd', iterations: 9 }, model.spec);
    const { frame } = traceAttack(model, method, settings, BATCH);
    const program = await engine.compile(frame.graph);
    feed(program, frame, settings, x, labels);
    await program.run(['explain', 1], ['begin', 1], ['start', 1]);
    const seen: Float32Array[] = [];
    for (let step = 0; step < 4; step++) {
      seen.push(await program.read(frame.iterate));
      await program.run(['step', 1]);
    }
    // A last point that no step would lead to: the clean image, on which the net is right.
    program.write(frame.iterate, x);
    await program.run(['end', 1]);
    const end = await program.read(frame.iterate);
    program.destroy();
    for (let image = 0; image < BATCH; image++) {
      const of = (all: Float32Array) => all.slice(image * ELEMENTS, (image + 1) * ELEMENTS).join();
      expect(seen.map(of)).toContain(of(end));
    }
  });

  it('goes for one class after the other', async () => {
    const options = { method: 'apgd-t', norm: 'l2', epsilon: TINY, iterations: 2 };
    const all = await run(options);
    expect(all.success).not.toContain(true);
    expect(all.forwards).toEqual(new Array(BATCH).fill(9 * 4));
    expect(all.backwards).toEqual(new Array(BATCH).fill(9 * 2));
  });
});

describe('autoattack', () => {
  it('gives each attack what is left', async () => {
    const options = { method: 'autoattack', norm: 'l2', iterations: 2, targets: 2, queries: 4 };
    const none = await run({ ...options, epsilon: TINY });
    expect(none.success).not.toContain(true);
    expect(none.forwards).toEqual(new Array(BATCH).fill(3 * 4 + 2 * 5 + 4));
    expect(none.backwards).toEqual(new Array(BATCH).fill(3 * 2 + 2 * 2));
    const all = await run({ ...options, epsilon: 2 });
    expect(all.success).toEqual(new Array(BATCH).fill(true));
    expect([all.forwards, all.backwards]).toEqual([new Array(BATCH).fill(4), new Array(BATCH).fill(2)]);
  });

  it.each([
    ['l2', 0.3],
    ['linf', 2 / 255],
  ] as const)(
    'has FAB-T in its place: in %s it fools by itself, within epsilon, and leaves alone what is done',
    async (norm, epsilon) => {
      const { method, settings } = attackSettings(
        { method: 'autoattack', norm, epsilon, iterations: 8 },
        model.spec,
      );
      const { frame } = traceAttack(model, method, settings, BATCH);
      const program = await engine.compile(frame.graph);
      feed(program, frame, settings, x, labels);
      const run = [
        ['start fab', 1],
        ['step fab', 8],
        ['end fab', 1],
        ['judge fab', 1],
      ] as const;
      await program.run(['explain', 1], ['begin', 1], ...run);
      const columns = frame.state.shape[1]!;
      const slot = async (name: keyof typeof SLOTS) => {
        const state = await program.read(frame.state);
        return Array.from({ length: BATCH }, (_, image) => state[image * columns + SLOTS[name]]!);
      };
      const found = await slot('SLOT_FOUND');
      expect(found.filter((flag) => flag === 1).length).toBeGreaterThanOrEqual(2);
      expect(await slot('SLOT_DONE')).toEqual(found);
      const fooled = await program.read(frame.iterate);
      for (const value of await slot(norm === 'l2' ? 'SLOT_L2' : 'SLOT_LINF'))
        expect(value).toBeLessThanOrEqual(epsilon + 1e-6);
      await program.run(['start fab', 1], ['step fab', 1]);
      const after = await program.read(frame.iterate);
      for (let image = 0; image < BATCH; image++)
        if (found[image] === 1)
          expect(after.slice(image * ELEMENTS, (image + 1) * ELEMENTS)).toEqual(
            fooled.slice(image * ELEMENTS, (image + 1) * ELEMENTS),
          );
      program.destroy();
    },
  );
});

describe('square', () => {
  it('has squares that shrink by the schedule', () => {
    // p 0.8 of 32x32, halved after 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000 of 10,000 queries.
    const linf = sides(10_000, 0.8, 32, 'linf', true);
    expect([0, 10, 11, 50, 51, 201, 501, 1001, 2001, 4001, 6001, 8001].map((at) => linf[at])).toEqual([
      29, 29, 20, 20, 14, 10, 7, 5, 4, 3, 2, 1,
    ]);
    expect(sides(100, 0.8, 32, 'linf', true)[1]).toBe(14);
    expect(sides(100, 0.8, 32, 'linf', false)[1]).toBe(29);
    const l2 = sides(10_000, 0.8, 32, 'l2', true);
    expect([0, 11, 51, 501, 2001, 9999].map((at) => l2[at])).toEqual([29, 21, 15, 7, 5, 3]);
  });
});

describe('settings', () => {
  it('refuse what contradicts itself, and say what to do', () => {
    const net = model.spec;
    expect(() => attackSettings({ method: 'rand-fgsm', epsilon: 2 / 255, alpha: 3 / 255 }, net)).toThrow(
      /^alpha: expected a random step of at most epsilon/,
    );
    expect(() => attackSettings({ method: 'apgd-t', targets: 10 }, net)).toThrow(
      'targets: expected at most 9, the other classes, got 10',
    );
    expect(() => attackSettings({ method: 'autoattack' }, { ...net, classes: 2 })).toThrow(/use apgd/);
    expect(() => attackSettings({ method: 'apgd', loss: 'dlr' }, { ...net, classes: 2 })).toThrow(
      /^loss: expected ce/,
    );
    expect(() => attackSettings({ method: 'apgd', searches: 3 }, net)).toThrow(
      /^searches: expected no value/,
    );
  });
});
