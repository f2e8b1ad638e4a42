/**
 * Ten steps of training against PyTorch's in f64 (test/golden/training.py): augmentation, adversary, net, loss, every gradient, optimiser, running statistics and averages.
 * Errors add up over the steps, and an adversary's signs make them jump: up to each step a float32 engine may be off by what float32 PyTorch is off by, times `SLACK`.
 */
import { describe, expect, test } from 'vitest';
import { parameterNames } from '../nets/families.js';
import type { Model } from '../nets/model.js';
import { makeSpec } from '../nets/spec.js';
import { createTrainer } from '../train/trainer.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { openGolden } from './support/golden.js';
import { seededTensor } from './support/seeded.js';

interface Case {
  readonly arch: string;
  readonly width: number | null;
  readonly size: number;
  readonly adversary: { readonly alpha: number; readonly steps: number } | null;
  readonly optimiser: 'sgd' | 'adam' | 'adamw';
  readonly rate: number;
  readonly smoothing: number;
  readonly float32: {
    readonly losses: readonly number[];
    readonly weights: number;
    readonly average: number;
  };
}

const SLACK = 20;
/** Steps of adversarial training before the sign of a gradient near zero may have moved a pixel the other way, and the share of a loss that this may then change. */
const CALM = 3;
const JUMP = 0.02;
/** What any float32 engine may be off by: greatest difference of a loss, NMSE of what the steps have changed. */
const LEAST = { losses: 2e-4, moved: 1e-7 };
/** Of a tensor, the values that the golden file has. */
const KEPT = 128;

const golden = openGolden<{
  readonly seed: number;
  readonly batch: number;
  readonly steps: number;
  readonly cases: Readonly<Record<string, Case>>;
}>('training');
const { seed, batch, steps, cases } = golden.facts;

function seededModel({ arch, width }: Case): Model {
  const spec = makeSpec(arch, {
    form: 'cifar',
    ...(width === null ? {} : { widths: [1, 2, 4, 8, 8].map((factor) => factor * width) }),
  });
  const params = new Map(
    [...parameterNames(spec)].map(([name, shape]) => {
      const values = seededTensor(name, shape, seed);
      return [name, { shape, dtype: 'f32' as const, toFloat32: () => values }];
    }),
  );
  return { name: arch, spec, params, labels: [], assumptions: [], open: [] };
}

const bytes = Uint8Array.from(golden.pixels().data, (value) => Math.round(value * 255));
const data = {
  name: 'golden',
  length: batch,
  size: [32, 32] as const,
  labels: Uint32Array.from({ length: batch }, (_, i) => i % 10),
  read: (index: number) => bytes.subarray(index * 3072, (index + 1) * 3072),
};

describe('ten steps', () => {
  test.each(Object.entries(cases))('%s', async (name, row) => {
    const { size, adversary, optimiser, rate, smoothing, float32 } = row;
    const model = seededModel(row);
    const trainer = await createTrainer(await testEngine(), model, {
      data,
      stages: [{ size: [size, size], epochs: steps }],
      batch,
      rate,
      seed,
      optimiser,
      smoothing,
      ...(adversary
        ? {
            at: adversary.steps === 1 ? ('fast' as const) : ('pgd' as const),
            alpha: adversary.alpha,
            attackSteps: adversary.steps,
          }
        : {}),
    });
    try {
      for (let step = 0; step < steps; step++) await trainer.advance();
      const { tensors } = parseSafetensors(await trainer.save(), 'checkpoint');
      const losses = golden.tensor(`${name}.losses`).data;
      const label = `${name}: losses`;
      // One pass has no errors to add up.
      expectClose(trainer.losses.slice(0, 1), losses.subarray(0, 1), { atol: 5e-5, label });
      for (const [step, limit] of float32.losses.entries()) {
        const jumps = adversary && step >= CALM ? JUMP * losses[step]! : 0;
        const atol = Math.max(LEAST.losses, SLACK * limit, jumps);
        expectClose([trainer.losses[step]!], [losses[step]!], { atol, label: `${label}, step ${step}` });
      }
      for (const kind of ['weights', 'average'] as const) {
        let [error, moved] = [0, 0];
        for (const [parameter, { toFloat32 }] of model.params) {
          const expected = golden.tensor(`${name}.${kind}.${parameter}`).data;
          const actual = tensors.get(`${kind}.${parameter}`)!.toFloat32();
          const start = toFloat32();
          expect(expected.length).toBe(Math.min(KEPT, start.length));
          for (const [i, value] of expected.entries()) {
            error += (actual[i]! - value) ** 2;
            moved += (start[i]! - value) ** 2;
          }
        }
        expect(moved).toBeGreaterThan(0);
        expect(error / moved, kind).toBeLessThanOrEqual(Math.max(LEAST.moved, SLACK * float32[kind]));
      }
    } finally {
      trainer.destroy();
    }
  });
});
