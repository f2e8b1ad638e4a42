/**
 * The ops table. Total over `OpName`: an op without a row is a compile error, and tests, gradient checks and
 * micro-benchmarks iterate over the same rows.
 */
import type { OpAttributes, OpName } from './attributes';
import { convolutionOps } from './convolution';
import { lossOps } from './loss';
import { matmulOps } from './matmul';
import { pointwiseOps } from './pointwise';
import { poolingOps } from './pooling';
import type { OpRow } from './row';
import { spatialOps } from './spatial';

export type { OpAttributes, OpName } from './attributes';

export const ops: { readonly [K in OpName]: OpRow<OpAttributes[K]> } = {
  ...convolutionOps,
  ...matmulOps,
  ...pointwiseOps,
  ...poolingOps,
  ...lossOps,
  ...spatialOps,
};
