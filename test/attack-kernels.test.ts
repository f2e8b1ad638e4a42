/** The attacks' kernels one by one against f64 references: verdict and losses, what the net is shown, regions, random numbers, updates. */
import { beforeAll, describe, expect, it } from 'vitest';
import { classWorkgroup, OWN_SLOTS, pieces, SLOTS, shaders, WORKGROUP } from '../attack/kernels.js';
import { fillNormal } from '../attack/random.js';
import type { Engine } from '../engine/engine.js';
import { F32 } from '../engine/template.js';
import attackMinimal from '../shaders/attack_minimal.wgsl';
import attackPaper from '../shaders/attack_paper.wgsl';
import { shaderSource } from '../shaders/source.js';
import { runKernel } from './attack-support.js';
import { type MinimalState, minimalStep, paperStep, perturbed } from './reference/attack.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

const ALL = { ...SLOTS, SLOT_RADIUS: OWN_SLOTS, SLOT_P: OWN_SLOTS + 1 };
type Slot = keyof typeof ALL;
const STATE = OWN_SLOTS + 2;

const f64 = (values: ArrayLike<number>) => Float64Array.from(values);
const norm2 = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
const pixelArray = (random: Random, length: number) =>
  Float32Array.from({ length }, () => random.below(256) / 255);

/** A mask with zeros, ones and soft values. */
const maskArray = (random: Random, length: number) =>
  random.uniformArray(length).map((value) => (value < 0.4 ? 0 : value > 0.95 ? 1 : value));

function stateOf(images: number, slots: Partial<Record<Slot, number>>): Float32Array {
  const state = new Float32Array(images * STATE);
  for (let image = 0; image < images; image++)
    for (const [name, value] of Object.entries(slots)) state[image * STATE + ALL[name as Slot]] = value;
  return state;
}
const slot = (state: ArrayLike<number>, name: Slot, image = 0) => state[image * STATE + ALL[name]]!;

function layout(pixels: number) {
  return { ...ALL, STATE, WG: WORKGROUP, ELEMENTS: 3 * pixels, PIXELS: pixels };
}

const LOSSES = ['ce', 'ce-unit', 'margin', 'dlr'] as const;

interface Judged {
  readonly loss: (typeof LOSSES)[number];
  readonly targeted?: boolean;
  readonly rank?: number;
  readonly final?: boolean;
  readonly slots?: Partial<Record<Slot, number>>;
}

async function judge(logits: Float32Array, goal: Uint32Array, labels: Uint32Array, options: Judged) {
  const n = goal.length;
  const classes = logits.length / n;
  const [state, kept, trace, seed] = (await runKernel(engine, {
    shader: shaders.judge,
    constants: {
      ...ALL,
      STATE,
      WG: classWorkgroup(classes),
      CLASSES: classes,
      TARGETED: options.targeted ?? false,
      LOSS: LOSSES.indexOf(options.loss),
      RANK: options.rank ?? 2,
      NORM: SLOTS.SLOT_L2,
      BEST_NORM: SLOTS.SLOT_BEST_L2,
      FINAL: options.final ?? false,
      ADVANCE: true,
      STOPS: false,
      CONFIDENT: false,
      FORWARDS: 1,
      BACKWARDS: 2,
      TRACE: 3,
    },
    reads: [logits, goal, labels],
    writes: [stateOf(n, options.slots ?? {}), new Float32Array(n * classes), new Float32Array(n * 6)],
    outputs: [n * classes],
    workgroups: [n, 1, 1],
  })) as Float32Array[];
  return { state: state!, kept: kept!, trace: trace!, seed: seed! };
}

describe('judge', () => {
  /** Losses in f64, as functions of the logits; the attack raises them. */
  const reference: Record<
    (typeof LOSSES)[number],
    (z: number[], goal: number, label: number, targeted: boolean) => number
  > = {
    ce: (z, goal, _, targeted) => {
      const peak = Math.max(...z);
      const ce = peak + Math.log(z.reduce((sum, value) => sum + Math.exp(value - peak), 0)) - z[goal]!;
      return targeted ? -ce : ce;
    },
    'ce-unit': (...all) => reference.ce(...all),
    margin: (z, goal, _, targeted) => {
      const rival = Math.max(...z.filter((__, c) => c !== goal));
      return targeted ? z[goal]! - rival : rival - z[goal]!;
    },
    dlr: (z, goal, label, targeted) => {
      const sorted = [...z].sort((a, b) => b - a);
      if (targeted)
        return -(z[label]! - z[goal]!) / (sorted[0]! - (sorted[2]! + (sorted[3] ?? sorted[2]!)) / 2);
      const rival = Math.max(...z.filter((_, c) => c !== goal));
      return -(z[goal]! - rival) / (sorted[0]! - sorted[2]!);
    },
  };

  for (const loss of LOSSES) {
    for (const targeted of [false, true]) {
      for (const classes of [3, 10, 17, 300]) {
        it(`${loss} targeted=${targeted} classes=${classes}`, async () => {
          const random = new Random(classes);
          const n = 4;
          const logits = random.normalArray(n * classes, 3);
          const labels = random.labels(n, classes);
          const goal = targeted ? labels.map((label) => (label + 1) % classes) : labels;
          const { state, seed, trace, kept } = await judge(logits, goal, labels, {
            loss,
            targeted,
            slots: { SLOT_STEPS: 1, SLOT_L2: 0.75, SLOT_FORWARDS: 5 },
          });
          expect(kept).toEqual(logits);
          for (let image = 0; image < n; image++) {
            const z = Array.from(logits.slice(image * classes, (image + 1) * classes));
            const at = (values: number[]) => reference[loss](values, goal[image]!, labels[image]!, targeted);
            expectClose([slot(state, 'SLOT_LOSS', image)], [at(z)], {
              rtol: 3e-5,
              atol: 1e-5,
              label: 'loss',
            });
            // Central differences; ce-unit is its gradient over 1 - softmax[goal].
            const gradient = z.map((_, c) => {
              const moved = (by: number) => at(z.map((value, k) => (k === c ? value + by : value)));
              return (moved(1e-5) - moved(-1e-5)) / 2e-5;
            });
            const softmax =
              Math.exp(z[goal[image]!]! - Math.max(...z)) /
              z.reduce((sum, v) => sum + Math.exp(v - Math.max(...z)), 0);
            const scale = loss === 'ce-unit' ? 1 / (1 - softmax) : 1;
            expectClose(
              seed.slice(image * classes, (image + 1) * classes),
              gradient.map((value) => value * scale),
              { rtol: 1e-4, atol: 1e-5, label: 'gradient' },
            );
            const best = z.indexOf(Math.max(...z));
            expect(slot(state, 'SLOT_FOOLS', image)).toBe((best === goal[image]) === targeted ? 1 : 0);
            expectClose(
              [slot(state, 'SLOT_MARGIN', image)],
              [reference.margin(z, goal[image]!, 0, targeted)],
              { atol: 1e-5 },
            );
            expect(slot(state, 'SLOT_BEST_L2', image)).toBe(0.75);
            expect([
              slot(state, 'SLOT_BEST_AT', image),
              slot(state, 'SLOT_STEP', image),
              slot(state, 'SLOT_STEPS', image),
            ]).toEqual([1, 1, 2]);
            expect([
              slot(state, 'SLOT_FORWARDS', image),
              slot(state, 'SLOT_BACKWARDS', image),
              slot(state, 'SLOT_FOUND_AT', image),
            ]).toEqual([6, 2, 8]);
            expect(trace[image * 6 + 3]).toBe(0.75);
            expectClose([trace[image * 6 + 2]!], [at(z)], { rtol: 3e-5, atol: 1e-5 });
          }
        });
      }
    }
  }

  it('neither loss nor gradient vanishes on an image that the net is sure of', async () => {
    const logits = Float32Array.of(60, 0, 1);
    const { state, seed } = await judge(logits, Uint32Array.of(0), Uint32Array.of(0), { loss: 'ce-unit' });
    const t = 1 + Math.log(1 + Math.exp(-1)) - 60;
    expectClose([slot(state, 'SLOT_LOSS')], [Math.exp(t)], { rtol: 1e-4, atol: 1e-45 });
    expectClose(seed, [-1, 1 / (1 + Math.E), Math.E / (1 + Math.E)], { rtol: 1e-5 });
  });

  it('breaks ties for the first class, as arg max does', async () => {
    const { state } = await judge(
      Float32Array.of(1, 1, 0, 1, 0, 1),
      Uint32Array.of(0, 2),
      Uint32Array.of(0, 2),
      { loss: 'ce' },
    );
    expect([slot(state, 'SLOT_FOOLS', 0), slot(state, 'SLOT_FOOLS', 1)]).toEqual([0, 1]);
  });

  it('keeps the least norm, the highest loss (fooled first), the latest, or nothing', async () => {
    const kept = async (rank: number, fools: boolean, slots: Judged['slots']) => {
      const logits = fools ? Float32Array.of(0, 1) : Float32Array.of(1, 0);
      const result = await judge(logits, Uint32Array.of(0), Uint32Array.of(0), {
        loss: 'ce',
        rank,
        slots: { SLOT_JUDGED: 1, ...slots },
      });
      const improved = slot(result.state, 'SLOT_IMPROVED') === 1;
      expect(Array.from(result.kept)).toEqual(improved ? Array.from(logits) : [0, 0]);
      return improved;
    };
    const loss = Math.log(1 + Math.E);
    expect(await kept(0, true, { SLOT_L2: 1 })).toBe(true);
    expect(await kept(0, false, { SLOT_L2: 1 })).toBe(false);
    expect(await kept(0, true, { SLOT_L2: 1, SLOT_FOUND: 1, SLOT_BEST_L2: 1 })).toBe(false);
    expect(await kept(0, true, { SLOT_L2: 1, SLOT_FOUND: 1, SLOT_BEST_L2: 1.1 })).toBe(true);
    expect(await kept(1, false, { SLOT_JUDGED: 0, SLOT_BEST_LOSS: 0 })).toBe(true);
    expect(await kept(1, true, { SLOT_BEST_LOSS: loss + 1 })).toBe(true);
    expect(await kept(1, true, { SLOT_BEST_LOSS: loss - 0.1, SLOT_FOUND: 1 })).toBe(true);
    expect(await kept(1, true, { SLOT_BEST_LOSS: loss + 0.1, SLOT_FOUND: 1 })).toBe(false);
    expect(await kept(1, false, { SLOT_BEST_LOSS: 0.1, SLOT_FOUND: 1 })).toBe(false);
    expect(await kept(2, false, { SLOT_FOUND: 1 })).toBe(true);
    expect(await kept(3, true, {})).toBe(false);
  });

  it('the final one keeps what was found before rounding, and is counted for images that are done, too', async () => {
    const { state } = await judge(Float32Array.of(1, 0), Uint32Array.of(0), Uint32Array.of(0), {
      loss: 'ce',
      final: true,
      slots: {
        SLOT_FOUND: 1,
        SLOT_BEST_L0: 3,
        SLOT_BEST_LINF: 0.5,
        SLOT_L0: 4,
        SLOT_BEST_AT: 7,
        SLOT_STEPS: 9,
        SLOT_DONE: 1,
        SLOT_FORWARDS: 6,
      },
    });
    const read = (...names: Slot[]) => names.map((name) => slot(state, name));
    expect(read('SLOT_FLOAT_FOUND', 'SLOT_FLOAT_L0', 'SLOT_FLOAT_LINF')).toEqual([1, 3, 0.5]);
    expect(read('SLOT_FOUND', 'SLOT_BEST_L0', 'SLOT_BEST_AT', 'SLOT_FORWARDS', 'SLOT_BACKWARDS')).toEqual([
      0, 4, 7, 7, 2,
    ]);
  });
});

const MODES = { exact: 0, round: 1, linf: 2, l2: 3 } as const;

async function see(
  mode: keyof typeof MODES,
  x: Float32Array,
  iterate: Float32Array,
  mask: Float32Array,
  epsilon = 1,
) {
  const pixels = mask.length;
  const [state, seen] = (await runKernel(engine, {
    shader: shaders.see,
    constants: { ...layout(pixels), MODE: MODES[mode], SETTINGS: 1, SET_EPSILON: 0 },
    reads: [x, iterate, mask, ...(MODES[mode] >= 2 ? [Float32Array.of(epsilon)] : [])],
    writes: [stateOf(1, {})],
    outputs: [x.length],
    workgroups: [1, 1, 1],
  })) as Float32Array[];
  return { state: state!, seen: seen! };
}

describe('what the net is shown', () => {
  it('rounds to exactly k/255 in f32, for every k, and from its neighbours', async () => {
    const x = Float32Array.from({ length: 3 * 86 }, (_, k) => Math.min(k, 255) / 255);
    const ones = new Float32Array(86).fill(1);
    const { seen, state } = await see(
      'round',
      x,
      x.map((value, e) => value + ((e % 7) - 3) * 0.0006),
      ones,
    );
    expect(Array.from(seen)).toEqual(Array.from(x));
    expect(slot(state, 'SLOT_L2')).toBe(0);
    const next = await see(
      'round',
      x,
      x.map((value, e) => value + (e < 255 ? 1 : -1) / 255),
      ones,
    );
    expect(Array.from(next.seen)).toEqual(
      Array.from(x, (_, k) => Math.fround((k < 255 ? k + 1 : 254) / 255)),
    );
  });

  it.each([0.01, 1 / 255, 8 / 255, 0.5])('holds linf %f in whole levels', async (epsilon) => {
    const random = new Random(5);
    const x = pixelArray(random, 900);
    const mask = maskArray(random, 300);
    const iterate = x.map((value) =>
      Math.min(1, Math.max(0, value + epsilon * (2 * random.uniformArray(1)[0]! - 1) * 1.2)),
    );
    const { seen, state } = await see('linf', x, iterate, mask, epsilon);
    const levels = Math.floor(epsilon * 255 + 1e-4);
    let most = 0;
    for (const [e, value] of seen.entries()) {
      const moved = Math.round(255 * value) - Math.round(255 * x[e]!);
      expect(value).toBe(Math.fround(Math.round(255 * value) / 255));
      if (mask[e % 300] === 0) expect(moved).toBe(0);
      most = Math.max(most, Math.abs(moved));
    }
    expect(most).toBe(levels);
    expectClose([slot(state, 'SLOT_LINF')], [levels / 255], { atol: 1e-6 });
  });

  it.each([0.01, 0.05, 0.3, 2, 9])('holds l2 %f, and uses it', async (epsilon) => {
    const random = new Random(4);
    const x = pixelArray(random, 900);
    const mask = maskArray(random, 300);
    const p = random.normalArray(900).map((value, e) => value * mask[e % 300]!);
    const scale = epsilon / norm2(p);
    const iterate = x.map((value, e) => Math.min(1, Math.max(0, value + p[e]! * scale)));
    const { seen, state } = await see('l2', x, iterate, mask, epsilon);
    const moved = f64(seen).map((value, e) => value - x[e]!);
    expect(norm2(moved)).toBeLessThanOrEqual(epsilon * (1 + 1e-5));
    // One 8-bit step is 1/255: a budget of a few of them cannot be met exactly.
    if (epsilon >= 0.3)
      expect(norm2(moved)).toBeGreaterThan(0.9 * norm2(iterate.map((value, e) => value - x[e]!)));
    expect(moved.every((value, e) => mask[e % 300]! > 0 || value === 0)).toBe(true);
    expect(seen.every((value) => value === Math.fround(Math.round(value * 255) / 255))).toBe(true);
    const norms = [
      moved.filter((value) => value !== 0).length,
      moved.reduce((sum, v) => sum + Math.abs(v), 0),
      norm2(moved),
      Math.max(...moved.map(Math.abs)),
    ];
    expectClose(
      (['SLOT_L0', 'SLOT_L1', 'SLOT_L2', 'SLOT_LINF'] as const).map((name) => slot(state, name)),
      norms,
      { rtol: 1e-5, atol: 1e-6 },
    );
  });

  it('is the clean image where the mask is zero, whatever the iterate holds', async () => {
    const random = new Random(6);
    const x = pixelArray(random, 51);
    for (const mode of ['exact', 'round', 'linf', 'l2'] as const) {
      const { seen } = await see(mode, x, random.uniformArray(51), new Float32Array(17));
      expect(seen).toEqual(x);
    }
  });
});

describe('regions', () => {
  const pixels = 500;
  const random = new Random(9);
  const cam = random.uniformArray(2 * pixels);
  const inside = (image: number) =>
    Array.from(cam.slice(image * pixels, (image + 1) * pixels), (v) => v >= Math.fround(0.7));
  const counts = [0, 1].map((image) => inside(image).filter(Boolean).length);
  const region = async (kind: number, empty = 0) => {
    const [mask, area] = await runKernel(engine, {
      shader: shaders.region,
      constants: { WG: WORKGROUP, PIXELS: pixels, KIND: kind, SETTINGS: 1, SET_TAU: 0 },
      reads: [
        cam,
        Uint32Array.of(0, counts[0]!, empty, empty ? 0 : counts[1]!),
        Uint32Array.of(7, 0, 7, 1),
        Float32Array.from({ length: pixels }, (_, p) => (p < 40 ? 0.5 : 0)),
        Float32Array.of(0.7, 0.7),
      ],
      writes: [cam.slice(), new Uint32Array(2)],
      workgroups: [2, 1, 1],
    });
    return { mask: mask as Float32Array, area: Array.from(area!) };
  };

  it('all, outside of the CFR, given, as it is', async () => {
    expect((await region(0)).area).toEqual([pixels, pixels]);
    const outside = await region(1);
    expect(outside.area).toEqual(counts.map((count) => pixels - count));
    expect(Array.from(outside.mask.slice(0, pixels))).toEqual(inside(0).map((yes) => (yes ? 0 : 1)));
    expect((await region(4)).area).toEqual([40, 40]);
    expect((await region(5)).mask).toEqual(cam);
    expect((await region(1, 1)).area).toEqual([pixels - counts[0]!, 0]);
  });

  it('as many random pixels as the CFR has, outside of it or anywhere', async () => {
    const elsewhere = await region(2);
    expect(elsewhere.area).toEqual(counts);
    const first = elsewhere.mask.slice(0, pixels);
    expect(first.filter((m, p) => m > 0 && inside(0)[p]).length).toBe(0);
    const anywhere = await region(3);
    expect(anywhere.area).toEqual(counts);
    const hit = anywhere.mask.slice(0, pixels).filter((m, p) => m > 0 && inside(0)[p]).length;
    expect(hit).toBeGreaterThan(counts[0]! * 0.1);
    expect(hit).toBeLessThan(counts[0]! * 0.6);
    expect(anywhere.mask.slice(pixels)).not.toEqual(anywhere.mask.slice(0, pixels));
  });
});

it('random numbers on the device are those of the host', async () => {
  const shader = shaderSource(
    'random',
    `@group(0) @binding(0) var<storage, read_write> words: array<u32>;
     @group(0) @binding(1) var<storage, read_write> normals: array<f32>;
     @compute @workgroup_size(64)
     fn main(@builtin(global_invocation_id) id: vec3u) {
       let v = random4(11u, 5u, id.x, 3u);
       for (var k = 0u; k < 4u; k++) { words[4u * id.x + k] = v[k]; }
       let a = normal2(v.x, v.y); let b = normal2(v.z, v.w);
       normals[4u * id.x] = a.x; normals[4u * id.x + 1u] = a.y; normals[4u * id.x + 2u] = b.x; normals[4u * id.x + 3u] = b.y;
     }`,
    pieces.random,
  );
  const [, normals] = await runKernel(engine, {
    shader,
    constants: {},
    reads: [],
    writes: [new Uint32Array(256), new Float32Array(256)],
    workgroups: [1, 1, 1],
  });
  const host = new Float32Array(256);
  fillNormal(host, 11, 5, 3);
  // The device draws from 24 bits of each word, the host from 32.
  expectClose(normals!, host, { atol: 2e-4, rtol: 2e-3 });
});

const minimalShader = shaderSource('attack_minimal', attackMinimal, pieces.total);
const paperShader = shaderSource('attack_paper', attackPaper, pieces.total);

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
        const step = 4;
        const cosine = Float32Array.from({ length: 30 }, (_, k) => (1 + Math.cos((Math.PI * k) / 30)) / 2);
        const [state, nextDelta, next] = await runKernel(engine, {
          shader: minimalShader,
          constants: {
            ...layout(pixels),
            SETTINGS: 5,
            SET_RADIUS: 0,
            SET_GAMMA: 1,
            SET_GAMMA_END: 2,
            SET_STEP_START: 3,
            SET_STEP_END: 4,
          },
          reads: [
            x,
            mask,
            gradient,
            Float32Array.from({ length: 5 * n }, (_, k) => [9, 0.1, 0.1, 1, 0.01][k % 5]!),
            cosine,
          ],
          writes: [
            stateOf(n, { SLOT_RADIUS: 0.4, SLOT_STEP: step, SLOT_FOOLS: fooled ? 1 : 0 }),
            delta,
            iterate,
          ],
          workgroups: [n, 1, 1],
        });
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
          const moved = perturbed(of(x), expected.delta, of(mask, pixels));
          expectClose(of(next!), moved, { atol: 2e-6, label: 'iterate' });
        }
      });
    }
  }

  it('starts from its first radius, and leaves X where the mask is zero', async () => {
    const random = new Random(8);
    const x = pixelArray(random, 51);
    const [state, delta, next] = await runKernel(engine, {
      shader: minimalShader,
      constants: {
        ...layout(17),
        SETTINGS: 5,
        SET_RADIUS: 0,
        SET_GAMMA: 1,
        SET_GAMMA_END: 2,
        SET_STEP_START: 3,
        SET_STEP_END: 4,
      },
      reads: [
        x,
        new Float32Array(17),
        random.normalArray(51),
        Float32Array.of(0.3, 0.1, 0.1, 1, 0.01),
        Float32Array.of(1, 0.5),
      ],
      writes: [stateOf(1, { SLOT_RADIUS: 7 }), new Float32Array(51), x.slice()],
      workgroups: [1, 1, 1],
    });
    expect(slot(state!, 'SLOT_RADIUS')).toBe(Math.fround(0.3));
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
      shader: paperShader,
      constants: {
        ...layout(pixels),
        SETTINGS: 3,
        SET_TEMPERATURE: 0,
        SET_ETA: 1,
        SET_BETA: 2,
        CLIP: clip,
        FLOOR: new F32(floor),
      },
      reads: [x, mask, gradient, Float32Array.of(0.1, 10, 1)],
      writes: [stateOf(1, { SLOT_LOSS: loss, SLOT_P: norm }), delta, x.slice()],
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
      expectClose([slot(state!, 'SLOT_P')], [after], { rtol: 1e-5 });
    });
  }

  it('stays finite at the pole', async () => {
    const [state, next] = await run(new Float32Array(elements), 0.31, 1);
    expect(Math.max(...Array.from(next!, Math.abs))).toBeLessThan(1e-15);
    expect(slot(state!, 'SLOT_P')).toBeLessThan(1e-15);
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
