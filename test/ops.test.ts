/**
 * Every row of the ops table on the device against the f64 references: the value and the vector-Jacobian product towards each
 * differentiable operand, with random cotangents, on poisoned buffers.
 */
import { describe, expect, test } from 'vitest';
import { ops } from '../engine/ops/index.js';
import { sampleCases } from './reference/cases.js';
import { type ReferenceName, references } from './reference/references.js';
import { testEngine } from './support/device.js';
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
