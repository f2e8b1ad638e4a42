/** The attributes of every op: what is fixed when it is traced, beside its operands. */

import type { Epilogue } from '../problem.js';
import type { Shape } from '../shape.js';

type Pair = readonly [number, number];

export interface WindowAttributes {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

export interface OpAttributes {
  conv2d: {
    readonly stride: Pair;
    readonly padding: Pair;
    readonly weightLayout: 'oihw' | 'flipped';
    readonly epilogue: Epilogue;
  };
  /** inputShape: the forward convolution's input. */
  conv2dInputGradient: {
    readonly stride: Pair;
    readonly padding: Pair;
    readonly inputShape: Shape;
    readonly epilogue: Epilogue;
  };
  conv2dWeightGradient: { readonly stride: Pair; readonly padding: Pair; readonly kernel: Pair };
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean; readonly epilogue: Epilogue };
  relu: Readonly<Record<never, never>>;
  reluGradient: Readonly<Record<never, never>>;
  add: Readonly<Record<never, never>>;
  scaleShift: Readonly<Record<never, never>>;
  multiply: Readonly<Record<never, never>>;
  scale: { readonly factor: number };
  /** stream: tells the dropouts of one net apart. */
  dropout: { readonly rate: number; readonly stream: number };
  batchNorm: { readonly epsilon: number };
  batchMoments: Readonly<Record<never, never>>;
  /** epilogue: without bias and mask. */
  batchNormTraining: { readonly epsilon: number; readonly epilogue: Epilogue };
  batchNormTrainingSums: { readonly epsilon: number };
  batchNormTrainingGradient: { readonly epsilon: number };
  rowSum: Readonly<Record<never, never>>;
  rowSpread: { readonly shape: Shape };
  channelSum: Readonly<Record<never, never>>;
  channelDot: Readonly<Record<never, never>>;
  maxPool2d: WindowAttributes;
  maxPool2dGradient: WindowAttributes & { readonly mask: boolean };
  avgPool2d: WindowAttributes;
  avgPool2dGradient: WindowAttributes & { readonly inputShape: Shape };
  adaptiveAvgPool2d: { readonly size: Pair };
  adaptiveAvgPool2dGradient: { readonly inputShape: Shape; readonly mask: boolean };
  reshape: { readonly shape: Shape };
  softmax: Readonly<Record<never, never>>;
  softmaxGradient: Readonly<Record<never, never>>;
  /** smoothing: share of the target that all classes divide (Szegedy et al. 2016, section 7); default 0. */
  crossEntropy: { readonly smoothing?: number };
  crossEntropyGradient: { readonly smoothing?: number };
  softCrossEntropy: Readonly<Record<never, never>>;
  softCrossEntropyGradient: Readonly<Record<never, never>>;
  gather: Readonly<Record<never, never>>;
  scatter: { readonly columns: number };
  subsamplePad: { readonly stride: number; readonly channels: number };
  subsamplePadGradient: { readonly stride: number; readonly inputShape: Shape };
  resizeBilinear: { readonly size: Pair };
  resizeBilinearGradient: { readonly inputShape: Shape };
  sliceColumns: { readonly start: number; readonly end: number };
  concatColumns: Readonly<Record<never, never>>;
}

export type OpName = keyof OpAttributes;
