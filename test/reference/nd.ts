/** Arrays and types that the f64 references share. JS numbers are doubles: plain loops are the reference arithmetic. */
import type { OpAttributes } from '../../engine/ops/attributes.js';

/** Row-major values. Class indices are stored as whole numbers. */
export interface Nd {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/**
 * One op: its value, and its vector-Jacobian product: for each input the gradient of `sum(cotangent * forward)`, or
 * undefined for inputs that are not differentiated (class indices, ReLU masks).
 */
export interface Reference<K extends ReferenceName> {
  forward(attributes: OpAttributes[K], inputs: readonly Nd[]): Nd;
  vjp(attributes: OpAttributes[K], inputs: readonly Nd[], cotangent: Nd): (Nd | undefined)[];
}

/** The ops that have a reference; the gradient ops of the engine are covered by the vector-Jacobian products of these. */
export type ReferenceName =
  | 'conv2d'
  | 'matmul'
  | 'relu'
  | 'add'
  | 'scaleShift'
  | 'multiply'
  | 'scale'
  | 'dropout'
  | 'batchNorm'
  | 'batchMoments'
  | 'batchNormTraining'
  | 'maxPool2d'
  | 'avgPool2d'
  | 'adaptiveAvgPool2d'
  | 'reshape'
  | 'softmax'
  | 'crossEntropy'
  | 'softCrossEntropy'
  | 'rowSum'
  | 'rowSpread'
  | 'gather'
  | 'subsamplePad'
  | 'resizeBilinear';

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Zeros, or the given values, in a shape; throws when their number does not fit. */
export function nd(shape: readonly number[], values?: ArrayLike<number>): Nd {
  const data = values ? Float64Array.from(values) : new Float64Array(sizeOf(shape));
  if (data.length !== sizeOf(shape)) {
    throw new Error(`nd: expected ${sizeOf(shape)} values for [${shape.join(', ')}], got ${data.length}`);
  }
  return { data, shape };
}

/** Extents of a rank-4 shape. */
export function extents4(x: Nd): [number, number, number, number] {
  const [n, c, h, w] = x.shape;
  if (x.shape.length !== 4) throw new Error(`expected a tensor of rank 4, got [${x.shape.join(', ')}]`);
  return [n!, c!, h!, w!];
}

/** Extents of a rank-2 shape. */
export function extents2(x: Nd): [number, number] {
  const [rows, columns] = x.shape;
  if (x.shape.length !== 2) throw new Error(`expected a tensor of rank 2, got [${x.shape.join(', ')}]`);
  return [rows!, columns!];
}

/** Number of windows along an axis. */
export function windows(extent: number, kernel: number, stride: number, padding: number): number {
  return Math.floor((extent + 2 * padding - kernel) / stride) + 1;
}
