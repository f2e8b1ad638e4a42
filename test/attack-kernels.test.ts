/** The attack's kernels one by one against f64 references: loss, updates, rounding, budget. */
import { beforeAll, describe, expect, it } from 'vitest';
import { classWorkgroup, SLOTS, STATE, shaders, WORKGROUP } from '../attack/kernels.js';
import type { Engine } from '../engine/engine.js';
import { F32 } from '../engine/template.js';
import { runKernel } from './attack-support.js';
import { type MinimalState, minimalStep, paperStep, perturbed, round8 } from './reference/attack.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

const f64 = (values: ArrayLike<number>) => Float64Array.from(values);
const norm2 = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
const pixelArray = (random: Random, length: number) =>
  Float32Array.from({ length }, () => random.below(256) / 255);

/** A mask with zeros, ones and soft values. */
const maskArray = (random: Random, length: number) =>
  random.uniformArray(length).map((value) => (value < 0.4 ? 0 : value > 0.95 ? 1 : value));

function stateOf(images: number, slots: Partial<Record<keyof typeof SLOTS, number>>): Float32Array {
  const state = new Float32Array(images * STATE);
  for (let image = 0; image < images; image++) {
    for (const [name, value] of Object.entries(slots)) {
      state[image * STATE + SLOTS[name as keyof typeof SLOTS]] = value;
    }
  }
  return state;
}
const slot = (state: ArrayLike<number>, name: keyof typeof SLOTS, image = 0) =>
  state[image * STATE + SLOTS[name]]!;

function layout(pixels: number) {
  return { ...SLOTS, STATE, WG: WORKGROUP, ELEMENTS: 3 * pixels, PIXELS: pixels };
}

describe('loss', () => {
  /** CE, and its gradient over 1 - softmax[goal]: computed among the others, so that neither vanishes near certainty. */
  const reference = (z: Float64Array, goal: number) => {
    const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b));
    const rest = z.map((value, c) => (c === goal ? Number.NEGATIVE_INFINITY : value));
    const peak = most(rest);
    const sum = rest.reduce((total, value) => total + Math.exp(value - peak), 0);
    const t = peak + Math.log(sum) - z[goal]!;
    return {
      loss: t > 0 ? t + Math.log1p(Math.exp(-t)) : Math.log1p(Math.exp(t)),
      gradient: rest.map((value, c) => (c === goal ? -1 : Math.exp(value - peak) / sum)),
      others: 1 / (1 + Math.exp(-t)),
      best: z.indexOf(most(z)),
    };
  };

  for (const [classes, spread] of [
    [2, 1],
    [3, 10],
    [10, 5],
    [17, 40],
    [1000, 3],
  ] as const) {
    for (const targeted of [false, true]) {
      it(`classes=${classes} spread=${spread} targeted=${targeted}`, async () => {
        const random = new Random(classes);
        const n = 4;
        const logits = random.normalArray(n * classes, spread);
        const goal = random.labels(n, classes);
        // One image that the net is sure of: its own logit far ahead.
        logits[goal[1]! + classes] = 30 * spread;
        for (const unit of [false, true]) {
          const [state, kept, seed] = await runKernel(engine, {
            shader: shaders.loss,
            constants: {
              ...SLOTS,
              STATE,
              WG: classWorkgroup(classes),
              CLASSES: classes,
              TARGETED: targeted,
              UNIT: unit,
              RANK: 2,
            },
            reads: [logits, goal, Float32Array.of(0.5, 0.25, 0.125, 0.4, 0.3, 0.2)],
            writes: [stateOf(n, { SLOT_ITERATION: 1, SLOT_NORM: 0.75 }), new Float32Array(n * classes)],
            outputs: [n * classes],
            workgroups: [n, 1, 1],
          });
          expect(kept).toEqual(logits);
          for (let image = 0; image < n; image++) {
            const z = f64(logits.subarray(image * classes, (image + 1) * classes));
            const { loss, gradient, others, best } = reference(z, goal[image]!);
            const sign = targeted ? -1 : 1;
            expectClose([slot(state!, 'SLOT_LOSS', image)], [sign * loss], {
              rtol: 2e-5,
              atol: 1e-37,
              label: 'loss',
            });
            const scale = unit ? sign : sign * others;
            expectClose(
              seed!.slice(image * classes, (image + 1) * classes),
              gradient.map((value) => value * scale),
              { rtol: 2e-5, atol: 1e-30, label: 'gradient' },
            );
            expect(slot(state!, 'SLOT_FOOLS', image)).toBe((best === goal[image]) === targeted ? 1 : 0);
            expect(slot(state!, 'SLOT_STEP', image)).toBe(0.25);
            expect(slot(state!, 'SLOT_GAMMA', image)).toBe(Math.fround(0.3));
            expect(slot(state!, 'SLOT_BEST_NORM', image)).toBe(0.75);
            expect(slot(state!, 'SLOT_BEST_AT', image)).toBe(1);
          }
        }
      });
    }
  }

  it('breaks ties for the first class, as arg max does', async () => {
    const logits = Float32Array.of(1, 1, 0, 1, 0, 1);
    const [state] = await runKernel(engine, {
      shader: shaders.loss,
      constants: { ...SLOTS, STATE, WG: 16, CLASSES: 3, TARGETED: false, UNIT: false, RANK: 2 },
      reads: [logits, Uint32Array.of(0, 2), Float32Array.of(1, 0)],
      writes: [stateOf(2, {}), new Float32Array(6)],
      outputs: [6],
      workgroups: [2, 1, 1],
    });
    expect([slot(state!, 'SLOT_FOOLS', 0), slot(state!, 'SLOT_FOOLS', 1)]).toEqual([0, 1]);
  });

  it('keeps the least norm (minimal) or the highest loss, fooled first (budget)', async () => {
    const judge = async (rank: number, fools: boolean, slots: Parameters<typeof stateOf>[1]) => {
      const logits = fools ? Float32Array.of(0, 1) : Float32Array.of(1, 0);
      const [state, kept] = await runKernel(engine, {
        shader: shaders.loss,
        constants: { ...SLOTS, STATE, WG: 16, CLASSES: 2, TARGETED: false, UNIT: true, RANK: rank },
        reads: [logits, Uint32Array.of(0), Float32Array.of(1, 0)],
        writes: [stateOf(1, { SLOT_JUDGED: 1, ...slots }), new Float32Array(2)],
        outputs: [2],
        workgroups: [1, 1, 1],
      });
      const improved = slot(state!, 'SLOT_IMPROVED') === 1;
      expect(Array.from(kept!)).toEqual(improved ? Array.from(logits) : [0, 0]);
      return improved;
    };
    const loss = Math.log(1 + Math.E);
    expect(await judge(0, true, { SLOT_NORM: 1 })).toBe(true);
    expect(await judge(0, false, { SLOT_NORM: 1 })).toBe(false);
    expect(await judge(0, true, { SLOT_NORM: 1, SLOT_FOUND: 1, SLOT_BEST_NORM: 1 })).toBe(false);
    expect(await judge(0, true, { SLOT_NORM: 1, SLOT_FOUND: 1, SLOT_BEST_NORM: 1.1 })).toBe(true);
    expect(await judge(1, false, { SLOT_JUDGED: 0, SLOT_BEST_LOSS: 0 })).toBe(true);
    expect(await judge(1, true, { SLOT_BEST_LOSS: loss + 1 })).toBe(true);
    expect(await judge(1, true, { SLOT_BEST_LOSS: loss - 0.1, SLOT_FOUND: 1 })).toBe(true);
    expect(await judge(1, true, { SLOT_BEST_LOSS: loss + 0.1, SLOT_FOUND: 1 })).toBe(false);
    expect(await judge(1, false, { SLOT_BEST_LOSS: 0.1, SLOT_FOUND: 1 })).toBe(false);
  });
});

describe('start', () => {
  it('rounds to exactly k/255 in f32, for every k', async () => {
    const x = Float32Array.from({ length: 3 * 86 }, (_, k) => Math.min(k, 255) / 255);
    const mask = new Float32Array(86).fill(1);
    const nudge = x.map((_, e) => ((e % 7) - 3) * 0.0006);
    const [state, , iterate] = await runKernel(engine, {
      shader: shaders.init,
      constants: { ...layout(86), ROUND: true, CLIP: false, MOMENTUM: false, RADIUS: new F32(0.3) },
      reads: [x, mask],
      writes: [stateOf(1, { SLOT_BEST_AT: 9 }), nudge, new Float32Array(x.length)],
      workgroups: [1, 1, 1],
    });
    expect(Array.from(iterate!)).toEqual(Array.from(x));
    expect(slot(state!, 'SLOT_RADIUS')).toBe(Math.fround(0.3));
    expect([slot(state!, 'SLOT_NORM'), slot(state!, 'SLOT_BEST_AT'), slot(state!, 'SLOT_MASK_MAX')]).toEqual([
      0, 0, 1,
    ]);
  });

  it('reaches every level from its neighbours', async () => {
    const levels = Array.from({ length: 3 * 86 }, (_, k) => Math.min(k, 255));
    const x = Float32Array.from(levels, (k) => k / 255);
    const moves = Float32Array.from(levels, (k) => (k < 255 ? 1 : -1) / 255);
    const [, , iterate] = await runKernel(engine, {
      shader: shaders.init,
      constants: { ...layout(86), ROUND: true, CLIP: false, MOMENTUM: false, RADIUS: new F32(0.3) },
      reads: [x, new Float32Array(86).fill(1)],
      writes: [stateOf(1, {}), moves, new Float32Array(x.length)],
      workgroups: [1, 1, 1],
    });
    expect(Array.from(iterate!)).toEqual(levels.map((k) => Math.fround((k < 255 ? k + 1 : 254) / 255)));
  });
});

describe('minimal step', () => {
  for (const pixels of [1, 5, 17, 289, 1024]) {
    for (const fooled of [false, true]) {
      it(`pixels=${pixels} fooled=${fooled}`, async () => {
        const n = 3;
        const random = new Random(pixels);
        const elements = 3 * pixels;
        const x = pixelArray(random, n * elements);
        const mask = maskArray(random, n * pixels);
        mask[0] = 0.7;
        const delta = random.normalArray(n * elements, 0.02);
        const gradient = random.normalArray(n * elements, 1e-3);
        const iterate = pixelArray(random, n * elements);
        const best = random.uniformArray(n * elements);
        const step = 4;
        const stepLength = 0.01 + (0.99 * (1 + Math.cos((Math.PI * step) / 30))) / 2;
        const [state, nextDelta, next, kept] = await runKernel(engine, {
          shader: shaders.minimal,
          constants: layout(pixels),
          reads: [x, mask, gradient],
          writes: [
            stateOf(n, {
              SLOT_RADIUS: 0.4,
              SLOT_GAMMA: 0.1,
              SLOT_STEP: stepLength,
              SLOT_ITERATION: step,
              SLOT_FOOLS: fooled ? 1 : 0,
              SLOT_IMPROVED: fooled ? 1 : 0,
            }),
            delta,
            iterate,
            best,
          ],
          workgroups: [n, 1, 1],
        });
        expect(kept).toEqual(fooled ? iterate : best);
        for (let image = 0; image < n; image++) {
          const of = (data: ArrayLike<number>, size = elements) =>
            f64(Array.from(data).slice(image * size, (image + 1) * size));
          const before: MinimalState = {
            delta: of(delta),
            radius: 0.4,
            best: of(x),
            bestNorm: Number.POSITIVE_INFINITY,
          };
          const expected = minimalStep(before, {
            x: of(x),
            mask: of(mask, pixels),
            quantised: of(iterate),
            fooled,
            gradient: of(gradient),
            step,
            steps: 30,
          });
          // delta = p / M: relative to M's least values, near .4, and to the radius.
          expectClose(of(nextDelta!), expected.delta, { atol: 2e-6, rtol: 1e-5, label: 'delta' });
          expectClose([slot(state!, 'SLOT_RADIUS', image)], [expected.radius], {
            rtol: 1e-6,
            label: 'radius',
          });
          const clean = of(x);
          const moved = perturbed(clean, expected.delta, of(mask, pixels));
          const reached = of(next!);
          // Values within f32 accuracy of a half may go either way.
          const clear = moved.map((value) => (Math.abs(((value * 255) % 1) - 0.5) < 1e-3 ? 0 : 1));
          expectClose(
            reached.map((value, e) => value * clear[e]!),
            moved.map((value, e) => Math.fround(round8(value)) * clear[e]!),
            { label: 'iterate' },
          );
          const norm = norm2(reached.map((value, e) => value - clean[e]!));
          expectClose([slot(state!, 'SLOT_NORM', image)], [norm], { rtol: 1e-5, atol: 1e-7 });
          expect(slot(state!, 'SLOT_ITERATION', image)).toBe(step + 1);
        }
      });
    }
  }

  it('leaves the radius alone in the first step, and X where the mask is zero', async () => {
    const random = new Random(8);
    const x = pixelArray(random, 51);
    const [state, delta, next] = await runKernel(engine, {
      shader: shaders.minimal,
      constants: layout(17),
      reads: [x, new Float32Array(17), random.normalArray(51)],
      writes: [
        stateOf(1, { SLOT_RADIUS: 0.3, SLOT_STEP: 1, SLOT_GAMMA: 0.1 }),
        new Float32Array(51),
        x.slice(),
        x.slice(),
      ],
      workgroups: [1, 1, 1],
    });
    expect(slot(state!, 'SLOT_RADIUS')).toBe(Math.fround(0.3));
    expect(slot(state!, 'SLOT_NORM')).toBe(0);
    expect(Array.from(delta!)).toEqual(new Array(51).fill(0));
    expect(next).toEqual(x);
  });
});

describe('paper step', () => {
  const random = new Random(21);
  const pixels = 77;
  const elements = 3 * pixels;
  const x = pixelArray(random, elements);
  const mask = maskArray(random, pixels);
  const gradient = random.normalArray(elements, 0.3);
  const run = (delta: Float32Array, loss: number, clip: number, floor = 1e-30) => {
    const norm = norm2(delta.map((value, e) => value * mask[e % pixels]!));
    return runKernel(engine, {
      shader: shaders.paper,
      constants: {
        ...layout(pixels),
        TEMPERATURE: new F32(0.1),
        BETA: new F32(1),
        CLIP: clip,
        FLOOR: new F32(floor),
      },
      reads: [x, mask, gradient],
      writes: [stateOf(1, { SLOT_LOSS: loss, SLOT_NORM: norm, SLOT_STEP: 10 }), delta, x.slice()],
      workgroups: [1, 1, 1],
    });
  };

  for (const deviation of [1, 1e-2, 1e-5, 1e-9]) {
    it(`agrees with the reference, delta of deviation ${deviation}`, async () => {
      const delta = random.normalArray(elements, deviation);
      const [state, next, iterate] = await run(delta, 0.31, 1);
      const expected = paperStep(f64(delta), {
        x: f64(x),
        mask: f64(mask),
        crossEntropy: 0.31,
        gradient: f64(gradient),
      });
      expectClose(next!, expected.delta, { rtol: 2e-5, atol: 2e-6 * deviation });
      expectClose(iterate!, perturbed(f64(x), expected.delta, f64(mask)), { atol: 1e-6 });
      const after = norm2(expected.delta.map((value, e) => value * mask[e % pixels]!));
      expectClose([slot(state!, 'SLOT_NORM')], [after], { rtol: 1e-5 });
    });
  }

  it('stays finite at the pole', async () => {
    const [state, next] = await run(new Float32Array(elements), 0.31, 1);
    expect(Math.max(...Array.from(next!, Math.abs))).toBeLessThan(1e-15);
    expect(slot(state!, 'SLOT_NORM')).toBeLessThan(1e-15);
  });

  it('reads clipping as asked', async () => {
    const delta = random.normalArray(elements, 1);
    const [, free, unclipped] = await run(delta, 0.31, 0);
    const outside = Array.from(unclipped!).filter((value) => value < 0 || value > 1).length;
    expect(outside).toBeGreaterThan(0);
    const [, projected] = await run(delta, 0.31, 2);
    const clipped = perturbed(f64(x), f64(free!), f64(mask));
    expectClose(perturbed(f64(x), f64(projected!), f64(mask)), clipped, { atol: 1e-6 });
    for (const [e, value] of projected!.entries()) {
      const shown = x[e]! + value * mask[e % pixels]!;
      expect(shown >= -1e-6 && shown <= 1 + 1e-6).toBe(true);
    }
  });
});

describe('budget step', () => {
  const pixels = 300;
  const elements = 3 * pixels;
  const n = 2;
  const run = async (budget: number, linf: boolean, seed: number, decay = 0.9) => {
    const random = new Random(seed);
    const x = pixelArray(random, n * elements);
    const mask = maskArray(random, n * pixels);
    const gradient = random.normalArray(n * elements, 1e-2);
    const constants = {
      ...layout(pixels),
      LINF: linf,
      BUDGET: new F32(budget),
      LEVELS: new F32(Math.floor(budget * 255 + 1e-4)),
      DECAY: new F32(decay),
    };
    let writes: (Float32Array | Uint32Array)[] = [
      stateOf(n, { SLOT_STEP: 0.7, SLOT_MASK_MAX: 1 }),
      new Float32Array(n * elements),
      x,
      x,
      new Float32Array(n * elements),
    ];
    for (let i = 0; i < 3; i++) {
      writes = await runKernel(engine, {
        shader: shaders.budget,
        constants,
        reads: [x, mask, gradient],
        writes,
        workgroups: [n, 1, 1],
      });
    }
    return { x, mask, gradient, state: writes[0]!, product: writes[1]!, iterate: writes[2]! };
  };

  for (const budget of [0.01, 0.05, 0.3, 2, 9]) {
    it(`l2 budget=${budget}: held after rounding, and used`, async () => {
      const { x, mask, gradient, state, iterate } = await run(budget, false, 4);
      for (let image = 0; image < n; image++) {
        const from = image * elements;
        const moved = f64(iterate.slice(from, from + elements)).map((value, e) => value - x[from + e]!);
        expect(norm2(moved)).toBeLessThanOrEqual(budget * (1 + 1e-5));
        expectClose([slot(state, 'SLOT_NORM', image)], [norm2(moved)], { rtol: 1e-5, atol: 1e-7 });
        // One 8-bit step is 1/255: a budget of a few of them cannot be met exactly.
        if (budget >= 0.3) expect(norm2(moved)).toBeGreaterThan(0.9 * budget);
        let gain = 0;
        for (let e = 0; e < elements; e++) {
          if (mask[image * pixels + (e % pixels)] === 0) expect(moved[e]).toBe(0);
          gain += moved[e]! * gradient[from + e]!;
        }
        expect(gain).toBeGreaterThanOrEqual(0);
        expect(
          Array.from(iterate.slice(from, from + elements)).every(
            (v) => v === Math.fround(Math.round(v * 255) / 255),
          ),
        ).toBe(true);
      }
    });
  }

  for (const budget of [1 / 255, 8 / 255, 0.03, 0.5]) {
    it(`linf budget=${budget}: held after rounding, and used`, async () => {
      const { x, mask, gradient, iterate } = await run(budget, true, 5);
      const levels = Math.floor(budget * 255 + 1e-4);
      let most = 0;
      for (let e = 0; e < n * elements; e++) {
        const moved = Math.round(255 * iterate[e]!) - Math.round(255 * x[e]!);
        const m = mask[Math.floor(e / elements) * pixels + (e % pixels)]!;
        if (m === 0) expect(moved).toBe(0);
        else if (moved !== 0) expect(Math.sign(moved)).toBe(Math.sign(gradient[e]!));
        most = Math.max(most, Math.abs(moved));
      }
      expect(most).toBe(levels);
    });
  }

  it('gives X back where the mask is zero', async () => {
    const random = new Random(6);
    const x = pixelArray(random, elements);
    for (const linf of [false, true]) {
      const [, , iterate] = await runKernel(engine, {
        shader: shaders.budget,
        constants: {
          ...layout(pixels),
          LINF: linf,
          BUDGET: new F32(1),
          LEVELS: new F32(255),
          DECAY: new F32(0.9),
        },
        reads: [x, new Float32Array(pixels), random.normalArray(elements)],
        writes: [
          stateOf(1, { SLOT_STEP: 1 }),
          new Float32Array(elements),
          x.slice(),
          x.slice(),
          new Float32Array(elements),
        ],
        workgroups: [1, 1, 1],
      });
      expect(iterate).toEqual(x);
    }
  });
});
