/** The problems that have several variants (engine/variants/): everything that the choice among them may depend on, and their operands. */
import type { Operand } from './dispatch.js';

/**
 * What follows the accumulation of a convolution or product, fused into its last kernel:
 * `v = acc + bias[channel] + residual[i]`, then `max(v, 0)` (relu) or `mask[i] > 0 ? v : 0` (mask: the gradient of ReLU).
 */
export interface Epilogue {
  readonly bias: boolean;
  readonly residual: boolean;
  readonly activation: 'none' | 'relu' | 'mask';
}

export interface EpilogueOperands {
  readonly bias?: Operand;
  /** Shape of the output. */
  readonly residual?: Operand;
  /** Shape of the output. */
  readonly mask?: Operand;
}

/** 2-D convolution (cross-correlation, as in PyTorch), NCHW, f32, dilation 1, groups 1. */
export interface ConvProblem {
  readonly batch: number;
  readonly inChannels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Symmetric zero padding (rows, columns). May exceed kernel/2; may be such that the last rows of the input are unused. */
  readonly padding: readonly [number, number];
  /**
   * `oihw`: weight [outChannels, inChannels, kh, kw].
   * `flipped`: weight stored as [inChannels, outChannels, kh, kw] and read rotated by 180 degrees: element (o, i, r, c) is
   * stored[i, o, kh-1-r, kw-1-c]. So the input gradient of a stride-1 convolution is a convolution again.
   */
  readonly weightLayout: 'oihw' | 'flipped';
  readonly epilogue: Epilogue;
}

export interface ConvIO extends EpilogueOperands {
  readonly input: Operand;
  readonly weight: Operand;
  readonly output: Operand;
}

/** The input gradient of a convolution with a stride above 1. Named by the forward convolution: dy [n, outChannels, outHeight, outWidth] -> dx [n, inChannels, inHeight, inWidth]. */
export interface ConvInputGradientProblem {
  readonly batch: number;
  readonly inChannels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  /** Applies to dx. */
  readonly epilogue: Epilogue;
}

/** input = dy, weight = the forward weight [outChannels, inChannels, kh, kw], output = dx. */
export type ConvInputGradientIO = ConvIO;

/** The weight gradient of a convolution, named by the forward convolution: x, dy -> dw [outChannels, inChannels, kh, kw]. */
export type ConvWeightGradientProblem = Omit<ConvInputGradientProblem, 'epilogue'>;

export interface ConvWeightGradientIO {
  readonly x: Operand;
  readonly dy: Operand;
  readonly output: Operand;
}

/** C[m, n] = A[m, k] B[k, n]; A is stored [k, m] when transposeA, B is stored [n, k] when transposeB. */
export interface MatmulProblem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** bias has n elements. */
  readonly epilogue: Epilogue;
}

export interface MatmulIO extends EpilogueOperands {
  readonly a: Operand;
  readonly b: Operand;
  readonly output: Operand;
}
