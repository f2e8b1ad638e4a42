/** Every method: held to its written-out PyTorch twin, and to what must hold of any attack. A method's row is in test/methods/. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { propagationsOf } from '../attack/cost.js';
import { attackSettings, createAttack, feed, traceAttack } from '../attack/driver.js';
import { predictions } from '../attack/logits.js';
import { measure } from '../attack/measures.js';
import { METHODS } from '../attack/methods/index.js';
import type { Engine } from '../engine/engine.js';
import type { Model } from '../nets/model.js';
import {
  BATCH,
  ELEMENTS,
  expectHeld,
  fixtureModel,
  images,
  PIXELS,
  runMethod,
  SIZE,
} from './methods/fixture.js';
import { CASES } from './methods/index.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { openGolden } from './support/golden.js';
import { Random } from './support/random.js';

let engine: Engine;
let model: Model;
let labels: Uint32Array;
const x = images();

async function classify(pixels: Float32Array): Promise<Uint32Array> {
  const classifier = await createClassifier(engine, model, BATCH);
  const classes = predictions(await classifier.run(pixels), 10);
  classifier.destroy();
  return classes;
}

beforeAll(async () => {
  engine = await testEngine();
  model = fixtureModel();
  labels = await classify(x);
});

it('every method has a row', () => {
  expect(new Set(CASES.map(({ options }) => options.method))).toEqual(
    new Set(METHODS.map(({ name }) => name)),
  );
});

describe.each(CASES)('$name', (one) => {
  const { options, golden, fools } = one;
  let ran: ReturnType<typeof runMethod> | undefined;
  /** Compiling and running costs seconds: the tests that only look at the result share it. */
  const plain = () => {
    ran ??= runMethod(engine, model, options, labels);
    return ran;
  };

  it('fools, and says what it did', async () => {
    const result = await plain();
    expectHeld(result, { within: one.within });
    expect(result.classesAdv).toEqual(await classify(result.xAdv));
    for (let image = 0; image < BATCH; image++) {
      const changed = result.xAdv
        .slice(image * ELEMENTS, (image + 1) * ELEMENTS)
        .some((v, e) => v !== x[image * ELEMENTS + e]);
      expect(result.success[image]).toBe(changed && result.classesAdv[image] !== labels[image]);
      expect(result.forwards[image]).toBeGreaterThan(0);
      expect(result.found[image]).toBeLessThanOrEqual(result.forwards[image]! + result.backwards[image]!);
    }
    expect(result.success.filter(Boolean).length).toBeGreaterThanOrEqual(fools);

    if (one.noiseMay) return;
    const random = new Random(1);
    const noisy = x.slice();
    for (let image = 0; image < BATCH; image++) {
      const at = image * ELEMENTS;
      const { l2 } = measure(x.subarray(at, at + ELEMENTS), result.xAdv.subarray(at, at + ELEMENTS), SIZE);
      const noise = random.normalArray(ELEMENTS);
      const scale = l2 / Math.hypot(...noise);
      for (const [e, value] of noise.entries())
        noisy[at + e] = Math.min(
          1,
          Math.max(0, Math.fround(Math.round(255 * (x[at + e]! + scale * value)) / 255)),
        );
    }
    const after = await classify(noisy);
    const byNoise = after.filter((c, image) => c !== labels[image]).length;
    expect(byNoise).toBeLessThan(result.success.filter(Boolean).length);
  });

  it('costs what is said of it before', async () => {
    const { forwards, backwards } = await plain();
    const spent = forwards.map((count, image) => count + backwards[image]!);
    const { method, settings } = attackSettings(options, model.spec);
    const said = propagationsOf(model, method, settings);
    // An image that is done early spends less.
    const early = traceAttack(model, method, settings, 1).traced.stops || one.name === 'apgd-t minimal';
    expect(Math.max(...spent)).toBeLessThanOrEqual(said);
    if (!early) expect(spent).toEqual(spent.map(() => said));
  });

  it('is the same again, whatever shares the batch', async () => {
    const whole = await plain();
    const again = await runMethod(engine, model, options, labels);
    expect(again.xAdv).toEqual(whole.xAdv);
    const attack = await createAttack(engine, model, options, BATCH);
    const last = await attack.run(x.slice(3 * ELEMENTS), labels.slice(3), {
      indices: [3],
      stepsPerSubmission: 2,
    });
    attack.destroy();
    expect(last.xAdv).toEqual(whole.xAdv.slice(3 * ELEMENTS));
    expect([last.forwards[0], last.backwards[0], last.found[0]]).toEqual([
      whole.forwards[3],
      whole.backwards[3],
      whole.found[3],
    ]);
  });

  it('stays in its region', async () => {
    const mask = new Float32Array(PIXELS);
    for (let p = 0; p < PIXELS; p++) mask[p] = p % 32 < 20 && p > 200 ? 1 : 0;
    const result = await runMethod(engine, model, { ...options, region: 'file:mask.png' }, labels, { mask });
    expectHeld(result, { mask, within: one.within });
    expect(result.regionPixels).toEqual(new Array(BATCH).fill(mask.filter((m) => m > 0).length));
  });

  it.runIf(one.nothing)('does nothing where its settings say so', async () => {
    const result = await runMethod(engine, model, { ...options, ...one.nothing }, labels);
    expect(result.xAdv).toEqual(x);
    expect(result.success).toEqual(new Array(BATCH).fill(false));
  });

  it.runIf(one.reaches !== undefined)('reaches a target', async () => {
    const target = (labels[0]! + 1) % 10;
    const result = await runMethod(engine, model, { ...options, ...one.reaching, target }, labels);
    if (!one.reaching) expectHeld(result, { within: one.within });
    const reached = result.success.filter((success, image) => success && labels[image] !== target).length;
    expect(result.success).toEqual(
      Array.from(result.classesAdv, (c, image) => c === target && labels[image] !== target),
    );
    expect(reached).toBeGreaterThanOrEqual(one.reaches!);
  });

  it.runIf(golden)('equals PyTorch for five steps', async () => {
    const { group, atol, share } = golden!;
    const twin = openGolden<{ labels: number[]; cases: Record<string, { method: string }> }>(
      `methods-${group}`,
    );
    const given = twin.facts.cases[one.name]!;
    const { method, settings } = attackSettings(given, model.spec);
    const { frame, traced } = traceAttack(model, method, settings, 2);
    const program = await engine.compile(frame.graph);
    feed(program, frame, settings, x.slice(0, 2 * ELEMENTS), labels.slice(0, 2));
    expect(Array.from(labels.slice(0, 2))).toEqual(twin.facts.labels);
    if (traced.start) await program.write(traced.start.variable, new Float32Array(2 * ELEMENTS));
    const { before, step } = one.procedures ?? { before: [['begin', 1]], step: [['step', 1]] };
    await program.run(['explain', 1], ...before);
    const norms = twin.tensor(`${one.name}.norms`).data;
    for (let at = 0; at < 5; at++) {
      await program.run(...step);
      const iterate = await program.read(frame.iterate);
      for (let image = 0; image < 2; image++) {
        const l2 = Math.hypot(
          ...iterate
            .slice(image * ELEMENTS, (image + 1) * ELEMENTS)
            .map((v, e) => v - x[image * ELEMENTS + e]!),
        );
        expectClose([l2], [norms[(at * 2 + image) * 4 + 2]!], {
          rtol: 0.02,
          atol: 1e-4,
          label: `l2 of step ${at}, image ${image}`,
        });
      }
    }
    const last = await program.read(frame.iterate);
    const expected = twin.tensor(`${one.name}.last`).data;
    const apart = last.filter((value, e) => !(Math.abs(value - expected[e]!) <= atol)).length / last.length;
    expect(apart, 'share of the last iterate that differs').toBeLessThanOrEqual(share);
    program.destroy();
  });
});
