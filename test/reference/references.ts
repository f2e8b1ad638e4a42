/** The table of f64 references, keyed by the op names of engine/graph.ts: what the GPU is compared with. */
import { conv2d, matmul } from './conv.js';
import type { Reference, ReferenceName } from './nd.js';
import {
  add,
  batchNorm,
  crossEntropy,
  gather,
  multiply,
  relu,
  reshape,
  scale,
  scaleShift,
  softmax,
} from './pointwise.js';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d, resizeBilinear, subsamplePad } from './spatial.js';
import { batchMoments, batchNormTraining, dropout, rowSpread, rowSum, softCrossEntropy } from './training.js';

export type { Nd, Reference, ReferenceName } from './nd.js';
export { nd } from './nd.js';

export const references: { readonly [K in ReferenceName]: Reference<K> } = {
  conv2d,
  matmul,
  relu,
  add,
  scaleShift,
  multiply,
  scale,
  dropout,
  batchNorm,
  batchMoments,
  batchNormTraining,
  maxPool2d,
  avgPool2d,
  adaptiveAvgPool2d,
  reshape,
  softmax,
  crossEntropy,
  softCrossEntropy,
  rowSum,
  rowSpread,
  gather,
  subsamplePad,
  resizeBilinear,
};
