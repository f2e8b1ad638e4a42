/** The f64 references are what the GPU is judged by: each gradient is checked by central differences. */
import { describe, expect, it } from 'vitest';
import type { OpAttributes } from '../engine/ops/attributes.js';
import { sampleCases, sampleCotangent, sampleInputs } from './reference/cases.js';
import { type Nd, nd, type Reference, type ReferenceName, references } from './reference/references.js';
import type { SampleCase } from './reference/sample-case.js';
import { expectClose } from './support/compare.js';
import { Random } from './support/random.js';

const EPSILON = 1e-6;

/** d sum(cotangent * forward) / d inputs[operand][i], by central differences. */
function centralDifference(
  value: (inputs: readonly Nd[]) => number,
  inputs: readonly Nd[],
  operand: number,
  i: number,
) {
  const at = (offset: number) => {
    const moved = inputs.map((input) => nd(input.shape, input.data));
    moved[operand]!.data[i]! += offset;
    return value(moved);
  };
  return (at(EPSILON) - at(-EPSILON)) / (2 * EPSILON);
}

/** Up to `count` different positions of a tensor, the ends among them. */
function positions(length: number, count: number, random: Random): number[] {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  return [...new Set([0, length - 1, ...Array.from({ length: count - 2 }, () => random.below(length))])];
}

function checkGradient<K extends ReferenceName>(op: K, sample: SampleCase<K>, seed: number): void {
  const reference = references[op] as Reference<K>;
  const attributes: OpAttributes[K] = sample.attributes;
  const inputs = sampleInputs(op, sample, seed);
  const y = reference.forward(attributes, inputs);
  const cotangent = sampleCotangent(y.shape, seed);
  const value = (moved: readonly Nd[]) =>
    reference.forward(attributes, moved).data.reduce((sum, v, i) => sum + v * cotangent.data[i]!, 0);

  const gradients = reference.vjp(attributes, inputs, cotangent);
  expect(gradients.length).toBe(inputs.length);
  const random = new Random(seed);
  for (const [operand, gradient] of gradients.entries()) {
    if (!gradient) continue;
    expect(gradient.shape).toEqual(inputs[operand]!.shape);
    const at = positions(gradient.data.length, 10, random);
    expectClose(
      at.map((i) => gradient.data[i]!),
      at.map((i) => centralDifference(value, inputs, operand, i)),
      { atol: 1e-5, rtol: 1e-3, label: `${op} ${sample.label}, operand ${operand}` },
    );
  }
}

describe.each(Object.keys(references) as ReferenceName[])('%s', (op) => {
  const samples = sampleCases[op] as readonly SampleCase<typeof op>[];
  it.each(
    samples.filter((sample) => sample.values !== 'ties').map((sample) => [sample.label, sample] as const),
  )('gradient: %s', (_, sample) => checkGradient(op, sample, 1 + samples.indexOf(sample)));
});
