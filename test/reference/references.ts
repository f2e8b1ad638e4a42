/** The table of f64 references, keyed by the op names of engine/graph.ts: what the GPU is compared with. */
import { conv2d, matmul } from './conv';
import type { Reference, ReferenceName } from './nd';
import { add, batchNorm, crossEntropy, gather, relu, reshape, scaleShift, softmax } from './pointwise';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d, resizeBilinear, subsamplePad } from './spatial';

export type { Nd, Reference, ReferenceName } from './nd';
export { nd } from './nd';

export const references: { readonly [K in ReferenceName]: Reference<K> } = {
  conv2d,
  matmul,
  relu,
  add,
  scaleShift,
  batchNorm,
  maxPool2d,
  avgPool2d,
  adaptiveAvgPool2d,
  reshape,
  softmax,
  crossEntropy,
  gather,
  subsamplePad,
  resizeBilinear,
};
