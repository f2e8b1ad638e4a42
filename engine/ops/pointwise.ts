/** Elementwise and per-channel ops. */
import batchNormText from '../../shaders/batch_norm.wgsl';
import channelReduceText from '../../shaders/channel_reduce.wgsl';
import pointwiseText from '../../shaders/pointwise.wgsl';
import scaleShiftText from '../../shaders/scale_shift.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import { F32 } from '../template.js';
import type { Tensor, Tracer } from '../tensor.js';
import type { OpAttributes } from './attributes.js';
import { emitFlat, expectShape, type OpRow } from './row.js';

const batchNormShader = shaderSource('batch_norm', batchNormText);
const channelReduceShader = shaderSource('channel_reduce', channelReduceText);
const pointwiseShader = shaderSource('pointwise', pointwiseText);
const scaleShiftShader = shaderSource('scale_shift', scaleShiftText);

type Names =
  | 'relu'
  | 'reluGradient'
  | 'add'
  | 'scaleShift'
  | 'batchNorm'
  | 'channelSum'
  | 'channelDot'
  | 'reshape';
type Rows = Pick<{ [K in keyof OpAttributes]: OpRow<OpAttributes[K]> }, Names>;

/** Values of the constant KIND of pointwise.wgsl. */
const Kind = { relu: 0, reluGradient: 1, add: 2, copy: 3 } as const;

function channelsOf(op: string, x: Tensor | undefined): number {
  if (!x || x.shape.length < 2)
    throw new ShapeError(`${op}: expected x [n, c, ...], got ${x ? `[${x.shape.join(', ')}]` : 'none'}`);
  return x.shape[1]!;
}

/** Elements of one channel of one image. */
function innerExtent(shape: Shape): number {
  return sizeOf(shape.slice(2));
}

function filled(graph: Tracer, channels: number, value: number): Tensor {
  return graph.constant(`${value}`, [channels], new Float32Array(channels).fill(value));
}

export const pointwiseOps: Rows = {
  relu: {
    shape: (_, [x]) => x!.shape,
    gradient: ({ graph, output, cotangent }) => [() => graph.op('reluGradient', {}, [cotangent, output])],
    flops: (_, __, output) => sizeOf(output),
    lower({ inputs, output }, ctx) {
      emitFlat(ctx, 'relu', pointwiseShader, [inputs[0]!.operand], output.operand, sizeOf(output.shape), {
        KIND: Kind.relu,
      });
    },
  },

  /** (dy, y) -> dy where y > 0, else 0. At 0 the gradient is 0, as in PyTorch. */
  reluGradient: {
    shape(_, [dy, y]) {
      expectShape('reluGradient', 'y', y, dy!.shape);
      return dy!.shape;
    },
    flops: (_, __, output) => sizeOf(output),
    lower({ inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'reluGradient', pointwiseShader, operands, output.operand, sizeOf(output.shape), {
        KIND: Kind.reluGradient,
      });
    },
  },

  add: {
    shape(_, [a, b]) {
      expectShape('add', 'b', b, a!.shape);
      return a!.shape;
    },
    gradient: ({ cotangent }) => [() => cotangent, () => cotangent],
    flops: (_, __, output) => sizeOf(output),
    lower({ inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'add', pointwiseShader, operands, output.operand, sizeOf(output.shape), {
        KIND: Kind.add,
      });
    },
  },

  scaleShift: {
    shape(_, [x, scale, shift]) {
      const channels = channelsOf('scaleShift', x);
      expectShape('scaleShift', 'scale', scale, [channels]);
      expectShape('scaleShift', 'shift', shift, [channels]);
      return x!.shape;
    },
    gradient({ graph, inputs, cotangent }) {
      const [x, scale] = inputs as [Tensor, Tensor];
      return [
        () => graph.op('scaleShift', {}, [cotangent, scale, filled(graph, x.shape[1]!, 0)]),
        () => graph.op('channelDot', {}, [cotangent, x]),
        () => graph.op('channelSum', {}, [cotangent]),
      ];
    },
    flops: (_, __, output) => 2 * sizeOf(output),
    lower({ inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'scaleShift', scaleShiftShader, operands, output.operand, sizeOf(output.shape), {
        CHANNELS: output.shape[1]!,
        INNER: innerExtent(output.shape),
      });
    },
  },

  batchNorm: {
    shape(_, [x, ...statistics]) {
      const channels = channelsOf('batchNorm', x);
      for (const [i, name] of ['gamma', 'beta', 'mean', 'variance'].entries()) {
        expectShape('batchNorm', name, statistics[i], [channels]);
      }
      return x!.shape;
    },
    gradient({ graph, attributes, inputs, cotangent }) {
      const [x, gamma, , mean, variance] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const zero = () => filled(graph, x.shape[1]!, 0);
      const normalised = () =>
        graph.op('batchNorm', attributes, [x, filled(graph, x.shape[1]!, 1), zero(), mean, variance]);
      return [
        // The same affine map without its shifts.
        () => graph.op('batchNorm', attributes, [cotangent, gamma, zero(), zero(), variance]),
        () => graph.op('channelDot', {}, [cotangent, normalised()]),
        () => graph.op('channelSum', {}, [cotangent]),
        undefined,
        undefined,
      ];
    },
    flops: (_, __, output) => 4 * sizeOf(output),
    // The variance.
    positive: [4],
    lower({ attributes, inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'batchNorm', batchNormShader, operands, output.operand, sizeOf(output.shape), {
        CHANNELS: output.shape[1]!,
        INNER: innerExtent(output.shape),
        EPSILON: new F32(attributes.epsilon),
      });
    },
  },

  /** [n, c, ...] -> [c]: the sum over everything but the channel. */
  channelSum: {
    shape: (_, [x]) => [channelsOf('channelSum', x)],
    flops: (_, inputs) => sizeOf(inputs[0]!),
    lower: ({ inputs, output }, ctx) => reduceChannels('channelSum', inputs[0]!.shape, inputs, output, ctx),
  },

  /** ([n, c, ...], the same) -> [c]: the sum of the products over everything but the channel. */
  channelDot: {
    shape(_, [a, b]) {
      expectShape('channelDot', 'b', b, a!.shape);
      return [channelsOf('channelDot', a)];
    },
    flops: (_, inputs) => 2 * sizeOf(inputs[0]!),
    lower: ({ inputs, output }, ctx) => reduceChannels('channelDot', inputs[0]!.shape, inputs, output, ctx),
  },

  reshape: {
    shape({ shape }, [x]) {
      if (sizeOf(shape) !== sizeOf(x!.shape)) {
        throw new ShapeError(`reshape: expected ${sizeOf(x!.shape)} elements, got [${shape.join(', ')}]`);
      }
      return shape;
    },
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('reshape', { shape: inputs[0]!.shape }, [cotangent]),
    ],
    flops: () => 0,
    // The compiler aliases a reshape to its source; this runs only where the result must have a buffer of its own.
    lower({ inputs, output }, ctx) {
      emitFlat(ctx, 'reshape', pointwiseShader, [inputs[0]!.operand], output.operand, sizeOf(output.shape), {
        KIND: Kind.copy,
      });
    },
  },
};

type LowerArguments = Parameters<OpRow<unknown>['lower']>;

/** One workgroup per channel, reduced as a tree of fixed shape. */
function reduceChannels(
  label: string,
  shape: Shape,
  inputs: LowerArguments[0]['inputs'],
  output: LowerArguments[0]['output'],
  ctx: LowerArguments[1],
): void {
  ctx.emit({
    label,
    shader: channelReduceShader,
    constants: { BATCH: shape[0]!, CHANNELS: shape[1]!, INNER: innerExtent(shape), DOT: inputs.length === 2 },
    bindings: [
      ...inputs.map(({ operand }) => ({ operand, access: 'read' as const })),
      { operand: output.operand, access: 'write' as const },
    ],
    workgroups: [shape[1]!, 1, 1],
  });
}
