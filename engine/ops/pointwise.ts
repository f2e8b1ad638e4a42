/** Elementwise and per-channel ops. */
import channelReduceText from '../../shaders/channel_reduce.wgsl';
import dropoutText from '../../shaders/dropout.wgsl';
import pointwiseText from '../../shaders/pointwise.wgsl';
import scaleShiftText from '../../shaders/scale_shift.wgsl';
import { randomText, shaderSource } from '../../shaders/source.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import { F32 } from '../template.js';
import type { Tensor } from '../tensor.js';
import type { OpAttributes } from './attributes.js';
import { channelsOf, emitFlat, expectDType, expectShape, filled, innerExtent, type OpRow } from './row.js';

const channelReduceShader = shaderSource('channel_reduce', channelReduceText);
const dropoutShader = shaderSource('dropout', dropoutText, randomText);
const pointwiseShader = shaderSource('pointwise', pointwiseText);
const scaleShiftShader = shaderSource('scale_shift', scaleShiftText);

type Names =
  | 'relu'
  | 'reluGradient'
  | 'add'
  | 'scaleShift'
  | 'multiply'
  | 'scale'
  | 'dropout'
  | 'channelSum'
  | 'channelDot'
  | 'reshape';
type Rows = Pick<{ [K in keyof OpAttributes]: OpRow<OpAttributes[K]> }, Names>;

/** Values of the constant KIND of pointwise.wgsl. */
const Kind = { relu: 0, reluGradient: 1, add: 2, copy: 3, multiply: 4, scale: 5 } as const;

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

  multiply: {
    shape(_, [a, b]) {
      expectShape('multiply', 'b', b, a!.shape);
      return a!.shape;
    },
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('multiply', {}, [cotangent, inputs[1]!]),
      () => graph.op('multiply', {}, [cotangent, inputs[0]!]),
    ],
    flops: (_, __, output) => sizeOf(output),
    lower({ inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'multiply', pointwiseShader, operands, output.operand, sizeOf(output.shape), {
        KIND: Kind.multiply,
      });
    },
  },

  scale: {
    shape({ factor }, [x]) {
      if (!Number.isFinite(factor)) throw new ShapeError(`scale: expected a finite factor, got ${factor}`);
      return x!.shape;
    },
    gradient: ({ graph, attributes, cotangent }) => [() => graph.op('scale', attributes, [cotangent])],
    flops: (_, __, output) => sizeOf(output),
    lower({ attributes, inputs, output }, ctx) {
      emitFlat(ctx, 'scale', pointwiseShader, [inputs[0]!.operand], output.operand, sizeOf(output.shape), {
        KIND: Kind.scale,
        FACTOR: new F32(attributes.factor),
      });
    },
  },

  /** (x [n, ...], key u32 [2]: seed and step) -> x, each value 0 with probability `rate`, else divided by 1 - rate. The gradient drops the same ones. */
  dropout: {
    shape({ rate, stream }, [x, key]) {
      if (!(rate >= 0 && rate < 1)) throw new ShapeError(`dropout: expected a rate in [0, 1), got ${rate}`);
      if (!Number.isInteger(stream) || stream < 0)
        throw new ShapeError(`dropout: expected a stream of 0 or more, got ${stream}`);
      expectShape('dropout', 'key', key, [2]);
      expectDType('dropout', 'key', key!, 'u32');
      return x!.shape;
    },
    gradient: ({ graph, attributes, inputs, cotangent }) => [
      () => graph.op('dropout', attributes, [cotangent, inputs[1]!]),
      undefined,
    ],
    flops: (_, __, output) => sizeOf(output),
    lower({ attributes, inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'dropout', dropoutShader, operands, output.operand, sizeOf(output.shape), {
        RATE: new F32(attributes.rate),
        STREAM: attributes.stream,
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
