/**
 * Every row of the ops table on the device against the f64 references: the value and the vector-Jacobian product towards each
 * differentiable operand, with random cotangents, on poisoned buffers.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../engine/engine.js';
import { Graph } from '../engine/graph.js';
import { ops } from '../engine/ops/index.js';
import { sampleCases } from './reference/cases.js';
import { type ReferenceName, references } from './reference/references.js';
import { ownEngine, testEngine } from './support/device.js';
import { checkOp } from './support/op-check.js';

/** Ops that only appear as gradients of others, or only as split products; what tests them. */
const COVERED_BY: Readonly<Record<string, string>> = {
  conv2dInputGradient: 'conv2d',
  conv2dWeightGradient: 'conv2d',
  reluGradient: 'relu',
  batchNormTrainingSums: 'batchNormTraining',
  batchNormTrainingGradient: 'batchNormTraining',
  channelSum: 'scaleShift',
  channelDot: 'scaleShift',
  maxPool2dGradient: 'maxPool2d',
  avgPool2dGradient: 'avgPool2d',
  adaptiveAvgPool2dGradient: 'adaptiveAvgPool2d',
  softmaxGradient: 'softmax',
  crossEntropyGradient: 'crossEntropy',
  softCrossEntropyGradient: 'softCrossEntropy',
  scatter: 'gather',
  subsamplePadGradient: 'subsamplePad',
  resizeBilinearGradient: 'resizeBilinear',
  sliceColumns: 'split.test.ts',
  concatColumns: 'split.test.ts',
};

test('every op has a reference or names what covers it', () => {
  const known = [...Object.keys(references), ...Object.keys(COVERED_BY)].sort();
  expect(known).toEqual([...Object.keys(ops)].sort());
});

for (const op of Object.keys(references) as ReferenceName[]) {
  describe(op, () => {
    for (const [seed, sample] of sampleCases[op].entries()) {
      test(sample.label, async () => checkOp(await testEngine(), op, sample as never, seed + 1));
    }
  });
}

// What a CPU adapter does otherwise: there the sums of a channel are made by one workgroup.
describe('batch-norm in training, its sums split over workgroups as on a GPU', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await ownEngine({});
    (engine.traits as { software: boolean }).software = false;
  });

  test('splits them', async () => {
    const graph = new Graph();
    const x = graph.input('x', [3, 2, 4, 5]);
    const one = graph.constant('one', [2], Float32Array.of(1, 1));
    graph.procedure('main', () => ({ y: graph.batchNormTraining(x, one, one).y }));
    const program = await engine.compile(graph);
    expect(program.dispatches('main').map(({ label }) => label)).toContainEqual(
      expect.stringMatching(/combine$/),
    );
    program.destroy();
  });

  for (const op of ['batchMoments', 'batchNormTraining'] as const)
    for (const [seed, sample] of sampleCases[op].entries())
      test(`${op} ${sample.label}`, async () => checkOp(engine, op, sample as never, seed + 1));
});
