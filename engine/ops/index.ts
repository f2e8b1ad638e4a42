/**
 * The ops table. Total over `OpName`: an op without a row is a compile error, and tests, gradient checks and
 * micro-benchmarks iterate over the same rows.
 */
import type { OpAttributes, OpName } from './attributes.js';
import { convolutionOps } from './convolution.js';
import { lossOps } from './loss.js';
import { matmulOps } from './matmul.js';
import { normalisationOps } from './normalisation.js';
import { pointwiseOps } from './pointwise.js';
import { poolingOps } from './pooling.js';
import type { OpRow } from './row.js';
import { spatialOps } from './spatial.js';

export type { OpAttributes, OpName } from './attributes.js';

export const ops: { readonly [K in OpName]: OpRow<OpAttributes[K]> } = {
  ...convolutionOps,
  ...matmulOps,
  ...pointwiseOps,
  ...normalisationOps,
  ...poolingOps,
  ...lossOps,
  ...spatialOps,
};
