/**
 * Sample problems per op: odd sizes, strides 2 and 3, padding beyond half the kernel, channels 1/3/4/5, batches 1/2/3,
 * and small versions of what real nets contain. Both the references' own check and the GPU tests iterate them.
 */
import { Random } from '../support/random.js';
import { convCases, matmulCases } from './conv-cases.js';
import { type Nd, nd, type ReferenceName, sizeOf } from './nd.js';
import type { SampleCase } from './sample-case.js';
import { sampleMoments } from './training.js';

/**
 * The case's operands, exact f32 values, the same for the same seed. Operands 1 of crossEntropy and gather are class
 * indices, that of dropout is a key; the variances of batchNorm are positive, the moments of batchNormTraining those of its x.
 */
export function sampleInputs<K extends ReferenceName>(op: K, sample: SampleCase<K>, seed: number): Nd[] {
  const random = new Random(seed);
  const made: Nd[] = [];
  for (const [operand, shape] of sample.shapes.entries()) made.push(operandOf(shape, operand));
  return made;

  function operandOf(shape: readonly number[], operand: number): Nd {
    const size = sizeOf(shape);
    if (operand === 1 && (op === 'crossEntropy' || op === 'gather')) {
      return nd(shape, random.labels(size, sample.shapes[0]![1]!));
    }
    if (operand === 1 && op === 'dropout') return nd(shape, random.labels(size, 2 ** 31));
    if (operand === 3 && op === 'batchNormTraining') return sampleMoments(made[0]!);
    if (operand === 1 && op === 'softCrossEntropy') return nd(shape, random.uniformDoubles(size));
    if (operand === 4 && op === 'batchNorm') return nd(shape, random.uniformDoubles(size, 0.25, 2));
    if (sample.values === 'ties')
      return nd(
        shape,
        Float64Array.from({ length: size }, () => random.below(3) - 1),
      );
    return nd(shape, random.normalDoubles(size, sample.values === 'large' ? 50 : 1));
  }
}

/** A random cotangent for an output of this shape, exact f32 values. */
export function sampleCotangent(shape: readonly number[], seed: number): Nd {
  return nd(shape, new Random(seed ^ 0x5bd1e995).normalDoubles(sizeOf(shape)));
}

type Shape = readonly number[];
type Window = readonly [kernel: number, stride: number, padding: number];

const images: readonly Shape[] = [
  [1, 1, 1, 1],
  [1, 3, 5, 5],
  [2, 4, 3, 17],
  [3, 5, 17, 3],
  [2, 1, 8, 8],
];

const name = (shape: Shape) => `[${shape.join(', ')}]`;

function pooled(shape: Shape, [kernel, stride, padding]: Window, values: 'normal' | 'ties' = 'normal') {
  return {
    label: `${name(shape)} kernel ${kernel} stride ${stride} padding ${padding} ${values}`,
    attributes: {
      kernel: [kernel, kernel] as const,
      stride: [stride, stride] as const,
      padding: [padding, padding] as const,
    },
    shapes: [shape],
    values,
  };
}

const poolCases = [
  pooled([1, 1, 1, 1], [1, 1, 0]),
  pooled([2, 3, 4, 4], [2, 2, 0]),
  pooled([1, 5, 5, 5], [2, 2, 0]),
  pooled([1, 4, 17, 17], [3, 2, 1]),
  pooled([3, 1, 5, 5], [3, 1, 1]),
  pooled([2, 3, 17, 5], [3, 3, 1]),
  pooled([1, 3, 7, 7], [2, 3, 1]),
  pooled([1, 2, 3, 3], [5, 1, 2]),
  pooled([2, 1, 9, 9], [1, 2, 0]),
  pooled([1, 4, 7, 7], [7, 7, 0]),
  pooled([1, 2, 1, 1], [2, 1, 1]),
  {
    label: '[2, 3, 5, 9] kernel 1x3 stride 2x1 padding 0x1',
    attributes: { kernel: [1, 3] as const, stride: [2, 1] as const, padding: [0, 1] as const },
    shapes: [[2, 3, 5, 9]],
  },
];

const sized = (shape: Shape, size: readonly [number, number]) => ({
  label: `${name(shape)} to ${size.join('x')}`,
  attributes: { size },
  shapes: [shape],
});

const rows: readonly Shape[] = [
  [1, 1],
  [1, 10],
  [3, 5],
  [2, 17],
  [17, 3],
  [2, 1000],
];

const perRow = (operands: (shape: Shape) => Shape[]) => [
  ...rows.map((shape) => ({ label: name(shape), attributes: {}, shapes: operands(shape) })),
  { label: '[3, 10] large', attributes: {}, shapes: operands([3, 10]), values: 'large' as const },
];

const perChannelImages: readonly Shape[] = [...images, [3, 5], [2, 3, 7]];
/** More than one value for each channel; by fours and not; one value and several for an invocation. */
const trainingImages: readonly Shape[] = [
  ...perChannelImages.slice(1),
  [17, 4],
  [5, 6, 4, 8],
  [2, 3, 16, 16],
];
const plain = { bias: false, residual: false, activation: 'none' } as const;
const perChannel = (shape: Shape, parameters: number) => [
  shape,
  ...Array.from({ length: parameters }, () => [shape[1]!]),
];

export const sampleCases: { readonly [K in ReferenceName]: readonly SampleCase<K>[] } = {
  conv2d: convCases,
  matmul: matmulCases,
  relu: [
    ...images.map((shape) => ({ label: name(shape), attributes: {}, shapes: [shape] })),
    { label: '[3, 17] ties', attributes: {}, shapes: [[3, 17]], values: 'ties' },
  ],
  add: [...images, [5], [3, 17]].map((shape) => ({
    label: name(shape),
    attributes: {},
    shapes: [shape, shape],
  })),
  multiply: [...images, [5], [3, 17]].map((shape) => ({
    label: name(shape),
    attributes: {},
    shapes: [shape, shape],
  })),
  scale: [0.5, -3].map((factor) => ({
    label: `[3, 17] times ${factor}`,
    attributes: { factor },
    shapes: [[3, 17]],
  })),
  dropout: [
    { shape: [3, 17], rate: 0.5, stream: 0 },
    { shape: [2, 5, 3, 3], rate: 0.2, stream: 7 },
    { shape: [5], rate: 0, stream: 1 },
    { shape: [2, 512], rate: 0.9, stream: 2 ** 30 },
  ].map(({ shape, rate, stream }) => ({
    label: `${name(shape)} rate ${rate} stream ${stream}`,
    attributes: { rate, stream },
    shapes: [shape, [2]],
  })),
  batchMoments: trainingImages.map((shape) => ({ label: name(shape), attributes: {}, shapes: [shape] })),
  batchNormTraining: [
    ...trainingImages.flatMap((shape) =>
      [1e-5, 1e-2].map((epsilon) => ({
        label: `${name(shape)} epsilon ${epsilon}`,
        attributes: { epsilon, epilogue: plain },
        shapes: [...perChannel(shape, 2), [2, shape[1]!]],
      })),
    ),
    ...(['none', 'relu'] as const).map((activation) => ({
      label: `[2, 3, 5, 4] with a residual, then ${activation}`,
      attributes: { epsilon: 1e-5, epilogue: { ...plain, residual: true, activation } },
      shapes: [...perChannel([2, 3, 5, 4], 2), [2, 3], [2, 3, 5, 4]],
    })),
    {
      label: '[3, 5, 3, 3], then relu',
      attributes: { epsilon: 1e-5, epilogue: { ...plain, activation: 'relu' } },
      shapes: [...perChannel([3, 5, 3, 3], 2), [2, 5]],
    },
  ],
  scaleShift: perChannelImages.map((shape) => ({
    label: name(shape),
    attributes: {},
    shapes: perChannel(shape, 2),
  })),
  batchNorm: perChannelImages.flatMap((shape) =>
    [1e-5, 1e-3].map((epsilon) => ({
      label: `${name(shape)} epsilon ${epsilon}`,
      attributes: { epsilon },
      shapes: perChannel(shape, 4),
    })),
  ),
  maxPool2d: [
    ...poolCases,
    pooled([2, 3, 6, 6], [2, 2, 0], 'ties'),
    pooled([2, 3, 4, 8], [2, 2, 0], 'ties'),
    pooled([3, 1, 2, 4], [2, 2, 0]),
    pooled([1, 5, 6, 12], [2, 2, 0]),
    pooled([1, 4, 17, 17], [3, 2, 1], 'ties'),
    pooled([1, 3, 5, 5], [3, 1, 1], 'ties'),
    pooled([1, 1, 7, 7], [5, 3, 2], 'ties'),
  ],
  avgPool2d: poolCases,
  adaptiveAvgPool2d: [
    sized([1, 1, 1, 1], [1, 1]),
    sized([2, 5, 4, 4], [1, 1]),
    sized([1, 3, 7, 7], [7, 7]),
    sized([1, 4, 14, 14], [7, 7]),
    sized([2, 3, 17, 5], [7, 3]),
    sized([1, 3, 1, 1], [7, 7]),
    sized([3, 1, 5, 8], [3, 5]),
    sized([1, 2, 3, 2], [5, 7]),
  ],
  reshape: [
    { label: '[2, 3, 5, 1] to [2, 15]', attributes: { shape: [2, 15] }, shapes: [[2, 3, 5, 1]] },
    { label: '[3, 4] to [12]', attributes: { shape: [12] }, shapes: [[3, 4]] },
    { label: '[17] to [1, 17, 1, 1]', attributes: { shape: [1, 17, 1, 1] }, shapes: [[17]] },
  ],
  softmax: perRow((shape) => [shape]),
  crossEntropy: [
    ...perRow((shape) => [shape, [shape[0]!]]),
    ...perRow((shape) => [shape, [shape[0]!]]).map((sample) => ({
      ...sample,
      label: `${sample.label} smoothed`,
      attributes: { smoothing: 0.1 },
    })),
  ],
  softCrossEntropy: perRow((shape) => [shape, shape]),
  rowSum: [...images, ...rows].map((shape) => ({ label: name(shape), attributes: {}, shapes: [shape] })),
  rowSpread: [...images, [5], [3, 17]].map((shape) => ({
    label: name(shape),
    attributes: { shape },
    shapes: [[shape[0]!]],
  })),
  gather: perRow((shape) => [shape, [shape[0]!]]),
  subsamplePad: [
    { shape: [1, 1, 1, 1], stride: 1, channels: 1 },
    { shape: [2, 16, 8, 8], stride: 2, channels: 32 },
    { shape: [1, 3, 5, 5], stride: 2, channels: 6 },
    { shape: [3, 4, 17, 3], stride: 2, channels: 5 },
    { shape: [2, 5, 7, 8], stride: 3, channels: 8 },
    { shape: [1, 3, 4, 4], stride: 1, channels: 8 },
    { shape: [1, 2, 1, 5], stride: 3, channels: 2 },
  ].map(({ shape, stride, channels }) => ({
    label: `${name(shape)} stride ${stride} to ${channels} channels`,
    attributes: { stride, channels },
    shapes: [shape],
  })),
  resizeBilinear: [
    sized([1, 1, 1, 1], [1, 1]),
    sized([1, 1, 1, 1], [5, 3]),
    sized([2, 1, 4, 4], [32, 32]),
    sized([1, 1, 7, 7], [224, 224]),
    sized([1, 1, 2, 2], [32, 32]),
    sized([1, 3, 5, 5], [5, 5]),
    sized([2, 3, 17, 5], [5, 17]),
    sized([1, 2, 32, 32], [8, 8]),
    sized([3, 4, 9, 11], [4, 3]),
    sized([1, 1, 3, 5], [7, 1]),
  ],
};
