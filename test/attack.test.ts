/** Whole attacks on a small net: step by step against the f64 references, and what must hold of every result. */
import { beforeAll, describe, expect, it } from 'vitest';
import { padded } from '../attack/batches.js';
import {
  type AttackOptions,
  type AttackResult,
  attackSettings,
  createAttack,
  feed,
  type RunOptions,
  traceAttack,
} from '../attack/driver.js';
import { OWN_SLOTS, SLOTS } from '../attack/kernels.js';
import { isSettled, joinResults, resultOf, settledResult, settles } from '../attack/results.js';
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { forward, type Model } from '../nets/model.js';
import { balancedResnet, ELEMENTS, PIXELS, randomImages, tinyResnet } from './attack-support.js';
import { type MinimalState, minimalStep, paperStep, perturbed, round8 } from './reference/attack.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

let engine: Engine;
let model: Model;
/** Every program has this batch, so that all tests share the pipelines of the net. */
const BATCH = 4;
/** The net's predictions are their labels. */
const x = randomImages(BATCH);
let labels: Uint32Array;

beforeAll(async () => {
  engine = await testEngine();
  model = tinyResnet();
  const { logits } = await classify(x);
  model = balancedResnet(
    Array.from(
      { length: 10 },
      (_, c) => logits.filter((_, i) => i % 10 === c).reduce((sum, z) => sum + z, 0) / BATCH,
    ),
  );
  labels = (await classify(x)).classes;
});

const f64 = (values: ArrayLike<number>) => Float64Array.from(values);
const norm2 = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
const part = <T extends Float32Array | Uint32Array>(data: T, image: number, size = ELEMENTS) =>
  data.slice(image * size, (image + 1) * size) as T;

/** Loss, its gradient and the classes by the engine's own ops. */
async function lossAt(images: Float32Array, goal: Uint32Array) {
  const graph = new Graph();
  const n = goal.length;
  const input = graph.input('x', [BATCH, 3, 32, 32]);
  const index = graph.input('labels', [BATCH], 'u32');
  let tensors: Record<'loss' | 'gradient' | 'logits', Tensor> | undefined;
  graph.procedure('loss', () => {
    const { logits } = forward(graph, model, input);
    const loss = graph.crossEntropy(logits, index);
    tensors = { loss, logits, gradient: gradients(loss, [input])[0]! };
    return tensors;
  });
  const program = await engine.compile(graph);
  program.write(input, padded(images, n, BATCH));
  program.write(index, padded(goal, n, BATCH));
  await program.run(['loss', 1]);
  const { loss, gradient, logits } = tensors!;
  const result = {
    loss: (await program.read(loss)).slice(0, n),
    gradient: (await program.read(gradient)).slice(0, images.length),
    logits: (await program.read(logits)).slice(0, 10 * n),
  };
  program.destroy();
  return result;
}

async function classify(images: Float32Array) {
  const n = images.length / ELEMENTS;
  const { logits } = await lossAt(images, new Uint32Array(n));
  const classes = Uint32Array.from({ length: n }, (_, image) => {
    const row = Array.from(part(logits, image, 10));
    return row.indexOf(Math.max(...row));
  });
  return { logits, classes };
}

async function run(
  options: AttackOptions,
  count = 3,
  runOptions: RunOptions = {},
  goal = labels,
): Promise<AttackResult> {
  const attack = await createAttack(engine, model, options, BATCH);
  const result = await attack.run(x.slice(0, count * ELEMENTS), goal.slice(0, count), runOptions);
  attack.destroy();
  return result;
}

/** What a caller may rely on, whatever the settings. */
async function expectSound(
  result: AttackResult,
  count: number,
  goal = labels,
  target?: number,
): Promise<void> {
  const { logits, classes } = await classify(result.xAdv);
  expectClose(result.logitsAdv, logits, { atol: 1e-5, rtol: 1e-5, label: 'logitsAdv' });
  expect(result.classesAdv).toEqual(classes);
  for (let image = 0; image < count; image++) {
    const clean = part(x, image);
    const adversarial = part(result.xAdv, image);
    const mask = part(result.mask, image, PIXELS);
    const delta = part(result.delta, image);
    const changed = adversarial.some((value, e) => value !== clean[e]);
    const fooled = target === undefined ? classes[image] !== goal[image] : classes[image] === target;
    expect(result.success[image]).toBe(changed && fooled && result.classes[image] !== target);
    expect(adversarial.every((value) => value === Math.fround(Math.round(value * 255) / 255))).toBe(true);
    expect(adversarial.every((value, e) => value === clean[e] || mask[e % PIXELS]! > 0)).toBe(true);
    const shown = perturbed(f64(clean), f64(delta), f64(mask));
    expectClose(
      adversarial.map((value) => Math.round(value * 255)),
      shown.map((value) => 255 * value),
      {
        atol: 0.501,
        label: 'X + delta*M, rounded',
      },
    );
  }
}

describe('minimal', () => {
  it('follows the reference step by step', async () => {
    const steps = 5;
    const { method, settings } = attackSettings({ iterations: steps, gamma: 0.1, gammaEnd: 0.1 }, model.spec);
    const { frame } = traceAttack(model, method, settings, BATCH);
    const program = await engine.compile(frame.graph);
    feed(program, frame, settings, x, labels);
    await program.run(['explain', 1], ['begin', 1]);
    const mask = await program.read(frame.explanation.mask);
    let states: MinimalState[] = Array.from({ length: BATCH }, (_, image) => ({
      delta: new Float64Array(ELEMENTS),
      radius: 0.3,
      best: f64(part(x, image)),
      bestNorm: Number.POSITIVE_INFINITY,
    }));
    for (let step = 0; step < steps; step++) {
      const iterate = (await program.read(frame.iterate)).map((value) => Math.fround(round8(value)));
      const { gradient, logits } = await lossAt(iterate, labels);
      await program.run(['step', 1]);
      const next = await program.read(frame.iterate);
      const state = await program.read(frame.state);
      states = states.map((before, image) => {
        const m = f64(part(mask, image, PIXELS));
        const clean = f64(part(x, image));
        const row = Array.from(part(logits, image, 10));
        const expected = minimalStep(before, {
          x: clean,
          mask: m,
          quantised: f64(part(iterate, image)),
          fooled: row.indexOf(Math.max(...row)) !== labels[image],
          gradient: f64(part(gradient, image)),
          step,
          steps,
        });
        const slot = (name: keyof typeof SLOTS, of: number = SLOTS[name]) =>
          state[image * (OWN_SLOTS + 2) + of]!;
        const reached = part(next, image);
        expectClose(reached, perturbed(clean, expected.delta, m), {
          atol: 2e-5,
          label: `iterate of step ${step}`,
        });
        expectClose([slot('SLOT_STEPS', OWN_SLOTS)], [expected.radius], { rtol: 1e-6, label: 'radius' });
        if (Number.isFinite(expected.bestNorm))
          expectClose([slot('SLOT_BEST_L2')], [expected.bestNorm], { rtol: 1e-5 });
        // From the device's own state, so that a pixel rounded the other way does not add up.
        const delta = expected.delta.map((_, e) =>
          m[e % PIXELS]! > 0 ? (reached[e]! - clean[e]!) / m[e % PIXELS]! : 0,
        );
        return { ...expected, delta };
      });
      const best = await program.read(frame.best);
      for (const [image, { best: expected }] of states.entries())
        expect(part(best, image)).toEqual(Float32Array.from(expected));
    }
    program.destroy();
  });

  it('fools with little, and says how many steps that took', async () => {
    const result = await run({ iterations: 20 }, BATCH);
    await expectSound(result, BATCH);
    expect(result.success).toEqual(new Array(BATCH).fill(true));
    expect(Math.max(...result.iterations)).toBeLessThanOrEqual(20);
    expect(Math.min(...result.iterations)).toBeGreaterThanOrEqual(1);
  });

  it('more steps never give more perturbation in the mean', async () => {
    const lengths: number[] = [];
    for (const iterations of [5, 40]) {
      const { xAdv, success } = await run({ iterations }, BATCH);
      expect(success).toEqual(new Array(BATCH).fill(true));
      lengths.push(norm2(xAdv.map((value, e) => value - x[e]!)));
    }
    expect(lengths[1]).toBeLessThan(lengths[0]!);
  });

  it('reaches a target', async () => {
    const target = (labels[0]! + 1) % 10;
    const result = await run({ iterations: 30, target, radius: 1 }, BATCH);
    const away = Array.from(labels, (label) => label !== target);
    for (let image = 0; image < BATCH; image++) {
      if (away[image]) expect(result.success[image]).toBe(result.classesAdv[image] === target);
    }
    expect(result.success.filter((success, image) => success && away[image]).length).toBeGreaterThan(1);
  });

  it('never counts an image that was the target before', async () => {
    const { classes } = await run({ iterations: 1 }, 3);
    for (const mode of ['minimal', 'budget'] as const) {
      const result = await run({ mode, target: classes[0]!, iterations: 3 }, 3);
      expect(result.success[0]).toBe(false);
    }
  });

  it('leaves what is already wrong as it is, and does not count it', async () => {
    const wrong = labels.map((label) => (label + 1) % 10);
    const result = await run({ iterations: 4 }, 3, {}, wrong);
    expect(result.xAdv).toEqual(x.slice(0, 3 * ELEMENTS));
    expect(result.success).toEqual([false, false, false]);
    expect(result.logitsAdv).toEqual(result.logits);
  });

  it('random noise of the same length in the same mask does not fool', async () => {
    const result = await run({ iterations: 30 }, BATCH);
    const random = new Random(1);
    const noisy = x.slice();
    for (let image = 0; image < BATCH; image++) {
      const length = norm2(part(result.xAdv, image).map((value, e) => value - part(x, image)[e]!));
      const noise = random
        .normalArray(ELEMENTS)
        .map((value, e) => value * result.mask[image * PIXELS + (e % PIXELS)]!);
      const scale = length / norm2(noise);
      for (const [e, value] of noise.entries()) {
        noisy[image * ELEMENTS + e]! = round8(
          Math.min(1, Math.max(0, noisy[image * ELEMENTS + e]! + value * scale)),
        );
      }
    }
    const fooled = (await classify(noisy)).classes.filter((c, image) => c !== labels[image]).length;
    expect(result.success.filter(Boolean).length).toBe(BATCH);
    expect(fooled).toBeLessThanOrEqual(1);
  });
});

describe('paper', () => {
  it('follows the reference step by step from a given delta', async () => {
    const deltaInit = new Random(2).normalArray(x.length, 0.5);
    const { method, settings } = attackSettings({ mode: 'paper', iterations: 4 }, model.spec);
    const { frame, traced } = traceAttack(model, method, settings, BATCH);
    const { variable } = traced.start!;
    const program = await engine.compile(frame.graph);
    feed(program, frame, settings, x, labels);
    program.write(variable, deltaInit);
    await program.run(['explain', 1], ['begin', 1]);
    const mask = await program.read(frame.explanation.mask);
    let before = deltaInit;
    for (let step = 0; step < 4; step++) {
      const shown = await program.read(frame.iterate);
      const { gradient, loss } = await lossAt(shown, labels);
      await program.run(['step', 1]);
      const after = await program.read(variable);
      for (let image = 0; image < BATCH; image++) {
        const m = f64(part(mask, image, PIXELS));
        const clean = f64(part(x, image));
        expectClose(part(shown, image), perturbed(clean, f64(part(before, image)), m), { atol: 1e-6 });
        const { delta } = paperStep(f64(part(before, image)), {
          x: clean,
          mask: m,
          crossEntropy: loss[image]!,
          gradient: f64(part(gradient, image)),
        });
        expectClose(part(after, image), delta, { atol: 1e-5, rtol: 1e-3, label: `delta of step ${step}` });
      }
      before = after;
    }
    program.destroy();
  });

  it.each(['forward', 'project', 'final', 'none'] as const)('is sound with clip %s', async (clip) => {
    const result = await run({ mode: 'paper', clip, iterations: 5 });
    await expectSound(result, 3);
    expect(result.iterations).toEqual([5, 5, 5]);
  });

  it.each(['sum', 'mean', 'binary'] as const)('is sound with %s masks', async (maskNorm) => {
    await expectSound(await run({ mode: 'paper', maskNorm, iterations: 3 }), 3);
  });

  it('starts where it is told', async () => {
    const starts: Float32Array[] = [];
    for (const deltaInit of ['normal', 'uniform', 'zeros', 0.01, 'signs:0.034']) {
      const { delta } = await run({
        mode: 'paper',
        deltaInit,
        iterations: 1,
        eta: 1e-9,
        tau: 0,
        maskNorm: 'binary',
      });
      starts.push(delta);
    }
    const [normal, uniform, zeros, small, signs] = starts as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const deviation = (values: Float32Array) => norm2(values) / Math.sqrt(values.length);
    expect(deviation(normal)).toBeCloseTo(1, 1);
    expect(deviation(uniform)).toBeCloseTo(Math.sqrt(1 / 3), 1);
    expect(deviation(zeros)).toBeLessThan(1e-15);
    expectClose(
      small,
      normal.map((value) => 0.01 * value),
      { atol: 1e-6 },
    );
    expectClose(signs.map(Math.abs), new Float32Array(signs.length).fill(0.034), { atol: 1e-6 });
    const positive = signs.filter((value) => value > 0).length;
    expect(Math.abs(positive / signs.length - 0.5)).toBeLessThan(0.02);
  });

  it('reaches a target', async () => {
    const target = (labels[0]! + 1) % 10;
    const result = await run(
      { mode: 'paper', target, iterations: 30, eta: 1000, tau: 0, maskNorm: 'binary' },
      BATCH,
    );
    await expectSound(result, BATCH, undefined, target);
    const away = Array.from(labels, (label) => label !== target);
    expect(result.success.filter((success, image) => success && away[image]).length).toBeGreaterThan(0);
    expect(result.delta.every(Number.isFinite)).toBe(true);
  });
});

describe('budget', () => {
  it.each([
    ['l2', 0.5],
    ['l2', 0.1],
    ['linf', 4 / 255],
    ['linf', 0.01],
  ] as const)('holds %s %f and raises the loss most', async (norm, budget) => {
    const result = await run({ mode: 'budget', norm, budget, iterations: 8 });
    await expectSound(result, 3);
    const { loss } = await lossAt(result.xAdv, labels.slice(0, 3));
    const clean = await lossAt(x.slice(0, 3 * ELEMENTS), labels.slice(0, 3));
    const random = new Random(3);
    const noisy = x.slice(0, 3 * ELEMENTS);
    for (let image = 0; image < 3; image++) {
      const moved = part(result.xAdv, image).map((value, e) => value - part(x, image)[e]!);
      const used = norm === 'l2' ? norm2(moved) : Math.max(...Array.from(moved, Math.abs));
      expect(used).toBeLessThanOrEqual(budget * (1 + 1e-5) + 1e-7);
      const signs = moved.map((value) => (random.uniform() < 0.5 ? value : -value));
      for (const [e, value] of signs.entries()) noisy[image * ELEMENTS + e]! += value;
    }
    const noise = await lossAt(noisy, labels.slice(0, 3));
    for (let image = 0; image < 3; image++) {
      expect(loss[image]! - clean.loss[image]!).toBeGreaterThan(
        3 * Math.abs(noise.loss[image]! - clean.loss[image]!),
      );
    }
  });

  it('a larger budget gives more loss', async () => {
    const losses: number[] = [];
    for (const budget of [0.2, 1]) {
      const { xAdv } = await run({ mode: 'budget', budget, iterations: 8 });
      losses.push(Math.min(...(await lossAt(xAdv, labels.slice(0, 3))).loss));
    }
    expect(losses[1]).toBeGreaterThan(losses[0]!);
  });
});

const EVERY_MODE: readonly AttackOptions[] = [
  { mode: 'minimal', iterations: 6 },
  { mode: 'paper', iterations: 6 },
  { mode: 'budget', iterations: 6, budget: 0.5 },
  { mode: 'budget', iterations: 6, norm: 'linf', target: 4 },
];

describe.each(EVERY_MODE)('%o', (options) => {
  it('gives the same bytes again, in any split, and with any neighbours', async () => {
    const attack = await createAttack(engine, model, options, BATCH);
    const indices = [7, 1, 5, 2];
    const first = await attack.run(x, labels, { indices });
    expect(await attack.run(x, labels, { indices })).toEqual(first);
    const ticks: number[] = [];
    const onProgress = (done: number) => ticks.push(done);
    expect(await attack.run(x, labels, { indices, stepsPerSubmission: 4, onProgress })).toEqual(first);
    expect(ticks).toEqual([4, 6]);
    const { signal } = new AbortController();
    expect(await attack.run(x, labels, { indices, signal })).toEqual(first);
    // With its own explanation, which is the batch's.
    const explanation = await attack.explain(x, labels);
    expect(explanation).toEqual(pick(first, Object.keys(explanation)));
    expect(await attack.run(x, labels, { indices, explanation })).toEqual(first);
    // Image 2 alone, padded with itself.
    const alone = await attack.run(part(x, 2), labels.slice(2, 3), { indices: [5] });
    expect(alone.xAdv).toEqual(part(first.xAdv, 2));
    expect(alone.delta).toEqual(part(first.delta, 2));
    expect(alone.logitsAdv).toEqual(part(first.logitsAdv, 2, 10));
    expect([alone.success, alone.iterations]).toEqual([[first.success[2]], [first.iterations[2]]]);
    attack.destroy();
  });

  it('gives X back without a step', async () => {
    const stepless = options.mode === 'paper' ? { eta: 0 } : { stepStart: 0 };
    const result = await run({ ...options, ...stepless });
    expect(result.xAdv).toEqual(x.slice(0, 3 * ELEMENTS));
    expect(result.success).toEqual([false, false, false]);
    expect(result.logitsAdv).toEqual(result.logits);
  });

  it('stops when told to', async () => {
    const attack = await createAttack(engine, model, options, BATCH);
    const controller = new AbortController();
    const stopped = attack.run(part(x, 0), labels.slice(0, 1), {
      signal: controller.signal,
      stepsPerSubmission: 2,
      onProgress: () => controller.abort(new Error('stopped')),
    });
    await expect(stopped).rejects.toThrow('stopped');
    expect((await attack.run(part(x, 0), labels.slice(0, 1))).count).toBe(1);
    attack.destroy();
  });
});

/** Some members of an object. */
function pick(from: object, keys: readonly string[]) {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

it('an explanation of other images counts', async () => {
  const attack = await createAttack(engine, model, { iterations: 1 }, BATCH);
  const shown = part(x, 0);
  const explanation = await attack.explain(shown, labels.slice(0, 1));
  const empty = { ...explanation, mask: new Float32Array(PIXELS) };
  const { xAdv } = await attack.run(shown, labels.slice(0, 1), { explanation: empty });
  expect(xAdv).toEqual(shown);
  await expect(attack.run(x, labels, { explanation })).rejects.toThrow(
    /that of 4 images, the run's, got one of 1/,
  );
  attack.destroy();
});

describe('images that need no attack', () => {
  const clean = async (count: number) => (await classify(x.slice(0, count * ELEMENTS))).classes;

  it.each(['untargeted', 'targeted'] as const)(
    'get the result that the %s attack gives them',
    async (kind) => {
      const own = await clean(BATCH);
      // Labels that the net denies; and the first image's class as target.
      const wrong = own.map((winner) => (winner + 1) % 10);
      const options = kind === 'targeted' ? { target: own[0]! } : {};
      const attack = await createAttack(engine, model, { iterations: 4, ...options }, BATCH);
      const result = await attack.run(x, wrong);
      const explanation = await attack.explain(x, wrong);
      attack.destroy();
      const settled = [...wrong.keys()].filter((i) => isSettled(attack.settings, own[i]!, wrong[i]!));
      expect(settled).toEqual(
        kind === 'targeted' ? [...own.keys()].filter((i) => own[i] === own[0]) : [0, 1, 2, 3],
      );
      for (const i of settled) {
        // The attack spends passes on them; what it gives is the same.
        const { forwards, backwards, found, trace, iterations, ...given } = resultOf(result, i);
        expect(forwards[0]! + backwards[0]! + iterations[0]! + found[0]! + trace.length).toBeGreaterThan(0);
        expect(settledResult(resultOf(explanation, i), part(x, i))).toMatchObject(given);
      }
    },
  );

  it('are none in the other modes', () => {
    const settled = (options: AttackOptions) => {
      const { method, settings } = attackSettings(options, model.spec);
      return settles(method, settings);
    };
    expect([settled({ mode: 'paper' }), settled({ mode: 'budget' }), settled({})]).toEqual([
      false,
      false,
      true,
    ]);
    expect(isSettled(attackSettings({}, model.spec).settings, 2, 2)).toBe(false);
  });

  it('results come apart and together again', async () => {
    const result = await run({ iterations: 1 });
    const parts = [0, 1, 2].map((i) => resultOf(result, i));
    expect(parts[1]!.count).toBe(1);
    expect(parts[1]!.xAdv).toEqual(part(result.xAdv, 1));
    expect(parts[1]!.cfrPixels).toEqual([result.cfrPixels[1]]);
    expect(joinResults(parts)).toEqual(result);
  });
});

it('another seed or index gives another start', async () => {
  const options: AttackOptions = { mode: 'paper', iterations: 1 };
  const results = [
    await run(options),
    await run({ ...options, seed: 1 }),
    await run(options, 3, { indices: [3, 4, 5] }),
  ];
  expect(new Set(results.map(({ delta }) => delta[5])).size).toBe(3);
});

it('refuses what it cannot attack', async () => {
  const attack = await createAttack(engine, model, {}, BATCH);
  const bad = (images: Float32Array, options?: RunOptions) =>
    expect(attack.run(images, labels.slice(0, 1), options)).rejects;
  await bad(part(x, 0).map((value) => value * 0.999)).toThrow(/expected 8-bit pixels k\/255/);
  await bad(part(x, 0), { deltaInit: new Float32Array(3072) }).toThrow(
    /deltaInit: expected none with method cfr/,
  );
  for (const stepsPerSubmission of [0, -1, 0.5, Number.NaN])
    await bad(part(x, 0), { stepsPerSubmission }).toThrow(
      /stepsPerSubmission: expected an integer of at least 1/,
    );
  const paper = await createAttack(engine, model, { mode: 'paper' }, BATCH);
  const short = { deltaInit: new Float32Array(3) };
  await expect(paper.run(part(x, 0), labels.slice(0, 1), short)).rejects.toThrow(
    /deltaInit: expected 3072 values/,
  );
  paper.destroy();
  const both = [attack.run(part(x, 0), labels.slice(0, 1)), attack.run(part(x, 0), labels.slice(0, 1))];
  await expect(both[1]).rejects.toThrow(/one run at a time/);
  await both[0];
  attack.destroy();
});
