/** The small net of the methods' tests (test/golden/methods/common.py has the same), its images, and what must hold of every result. */
import { expect } from 'vitest';
import { type AttackResult, createAttack, type RunOptions } from '../../attack/driver.js';
import { measure } from '../../attack/measures.js';
import type { Engine } from '../../engine/engine.js';
import type { Model } from '../../nets/model.js';
import { seededModel } from '../attack-support.js';
import { openGolden } from '../support/golden.js';
import { seededPixels } from '../support/seeded.js';

export const BATCH = 4;
export const PIXELS = 32 * 32;
export const ELEMENTS = 3 * PIXELS;
export const SIZE = { channels: 3, height: 32, width: 32 };

/** n images of random pixels; the first two are those of the golden runs. */
export const images = (n = BATCH) => seededPixels('images', n * ELEMENTS, 5);

/** ResNet-20 with seeded weights, its last bias from a golden file. */
export function fixtureModel(group = 'cfr'): Model {
  const model = seededModel('resnet20', {}, 3);
  const values = openGolden<object>(`methods-${group}`).tensor('bias').data;
  const bias = model.params.get('linear.bias')!;
  return {
    ...model,
    params: new Map([...model.params, ['linear.bias', { ...bias, toFloat32: () => values }]]),
  };
}

/** One run of a method on the first `count` images. */
export async function runMethod(
  engine: Engine,
  model: Model,
  options: Readonly<Record<string, unknown>>,
  labels: Uint32Array,
  {
    count = BATCH,
    batch = BATCH,
    mask,
    run = {},
  }: { count?: number; batch?: number; mask?: Float32Array; run?: RunOptions } = {},
): Promise<AttackResult> {
  const attack = await createAttack(engine, model, options, batch, mask);
  try {
    return await attack.run(images().slice(0, count * ELEMENTS), labels.slice(0, count), run);
  } finally {
    attack.destroy();
  }
}

/** Box, 8 bits, region and budget, in the bytes that are saved. */
export function expectHeld(
  result: AttackResult,
  {
    mask,
    within = {},
  }: { mask?: Float32Array | undefined; within?: Readonly<Partial<Record<string, number>>> | undefined },
): void {
  const x = images();
  for (let image = 0; image < result.count; image++) {
    const clean = x.subarray(image * ELEMENTS, (image + 1) * ELEMENTS);
    const adversarial = result.xAdv.subarray(image * ELEMENTS, (image + 1) * ELEMENTS);
    expect(adversarial.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(adversarial.every((value) => value === Math.fround(Math.round(value * 255) / 255))).toBe(true);
    if (mask) expect(adversarial.every((value, e) => mask[e % PIXELS]! > 0 || value === clean[e])).toBe(true);
    const norms = measure(clean, adversarial, SIZE);
    for (const [norm, most] of Object.entries(within))
      expect(norms[norm as 'l2'], `${norm} of image ${image}`).toBeLessThanOrEqual(most! * (1 + 1e-6));
  }
}
