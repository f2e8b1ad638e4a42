/** Max, average and adaptive average pooling, and their gradients in gather form: one invocation per input element, no atomics. */

import adaptivePoolText from '../../shaders/adaptive_pool.wgsl';
import adaptivePoolGradientText from '../../shaders/adaptive_pool_gradient.wgsl';
import maxPool2x2GradientText from '../../shaders/max_pool_2x2_gradient.wgsl';
import poolText from '../../shaders/pool.wgsl';
import poolGradientText from '../../shaders/pool_gradient.wgsl';
import poolWinnerText from '../../shaders/pool_winner.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { ceilDiv, type Operand } from '../dispatch.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { OpAttributes, WindowAttributes } from './attributes.js';
import { windowExtent } from './convolution.js';
import { emitFlat, expectRank, expectShape, type OpRow } from './row.js';

const adaptivePoolGradientShader = shaderSource('adaptive_pool_gradient', adaptivePoolGradientText);
const adaptivePoolShader = shaderSource('adaptive_pool', adaptivePoolText);
const maxPool2x2GradientShader = shaderSource('max_pool_2x2_gradient', maxPool2x2GradientText);
const poolGradientShader = shaderSource('pool_gradient', poolGradientText);
const poolShader = shaderSource('pool', poolText);
const poolWinnerShader = shaderSource('pool_winner', poolWinnerText);

type Names =
  | 'maxPool2d'
  | 'maxPool2dGradient'
  | 'avgPool2d'
  | 'avgPool2dGradient'
  | 'adaptiveAvgPool2d'
  | 'adaptiveAvgPool2dGradient';
type Rows = Pick<{ [K in keyof OpAttributes]: OpRow<OpAttributes[K]> }, Names>;

function pooledShape(op: string, { kernel, stride, padding }: WindowAttributes, x: Shape): Shape {
  for (const axis of [0, 1] as const) {
    if (padding[axis] * 2 > kernel[axis]) {
      throw new ShapeError(`${op}: expected padding <= kernel/2 = ${kernel[axis] / 2}, got ${padding[axis]}`);
    }
  }
  return [
    x[0]!,
    x[1]!,
    windowExtent(op, x[2]!, kernel[0], stride[0], padding[0]),
    windowExtent(op, x[3]!, kernel[1], stride[1], padding[1]),
  ];
}

/** 2x2 windows side by side. */
function isHalving({ kernel, stride, padding }: WindowAttributes): boolean {
  return [...kernel, ...stride].every((extent) => extent === 2) && padding.every((extent) => extent === 0);
}

function windowConstants({ kernel, stride, padding }: WindowAttributes, input: Shape, output: Shape) {
  return {
    H: input[2]!,
    W: input[3]!,
    OH: output[2]!,
    OW: output[3]!,
    KH: kernel[0],
    KW: kernel[1],
    SH: stride[0],
    SW: stride[1],
    PH: padding[0],
    PW: padding[1],
  };
}

/** The most windows of an adaptive pool that hold one position of `extent`. */
function mostWindows(extent: number, windows: number): number {
  let most = 1;
  for (let at = 0; at < extent; at++)
    most = Math.max(most, ceilDiv((at + 1) * windows, extent) - Math.floor((at * windows) / extent));
  return most;
}

/** Of pool_gradient.wgsl. */
function gradientConstants(attributes: WindowAttributes, input: Shape, output: Shape) {
  const { kernel, stride } = attributes;
  return {
    ...windowConstants(attributes, input, output),
    WINDOWS_Y: ceilDiv(kernel[0], stride[0]),
    WINDOWS_X: ceilDiv(kernel[1], stride[1]),
  };
}

function adaptiveShape(op: string, size: readonly [number, number], x: Tensor | undefined): Shape {
  expectRank(op, 'x', x, 4, 'n, c, h, w');
  if (!size.every((extent) => Number.isInteger(extent) && extent >= 1)) {
    throw new ShapeError(`${op}: expected positive sizes, got [${size.join(', ')}]`);
  }
  return [x!.shape[0]!, x!.shape[1]!, ...size];
}

export const poolingOps: Rows = {
  maxPool2d: {
    shape(attributes, [x]) {
      expectRank('maxPool2d', 'x', x, 4, 'n, c, h, w');
      return pooledShape('maxPool2d', attributes, x!.shape);
    },
    gradient: ({ graph, attributes, inputs, cotangent }) => [
      () => graph.op('maxPool2dGradient', { ...attributes, mask: false }, [cotangent, inputs[0]!]),
    ],
    flops: ({ kernel }, _, output) => sizeOf(output) * kernel[0] * kernel[1],
    lower({ attributes, inputs, output }, ctx) {
      emitFlat(ctx, 'maxPool2d', poolShader, [inputs[0]!.operand], output.operand, sizeOf(output.shape), {
        ...windowConstants(attributes, inputs[0]!.shape, output.shape),
        MAX: true,
      });
    },
  },

  /** (dy, x) -> dx; the maxima are found again in x. With `mask`, dx is also masked by x > 0 (x being a ReLU's output). */
  maxPool2dGradient: {
    shape(attributes, [dy, x]) {
      expectRank('maxPool2dGradient', 'x', x, 4, 'n, c, h, w');
      expectShape(
        'maxPool2dGradient',
        'cotangent',
        dy,
        pooledShape('maxPool2dGradient', attributes, x!.shape),
      );
      return x!.shape;
    },
    flops: ({ kernel }, inputs) => sizeOf(inputs[0]!) * kernel[0] * kernel[1],
    lower({ attributes, inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      const [, , height, width] = output.shape as [number, number, number, number];
      if (isHalving(attributes) && height % 2 === 0 && width % 4 === 0) {
        const constants = { W: width, MASK: attributes.mask };
        const pairs = sizeOf(output.shape) / 8;
        emitFlat(
          ctx,
          'maxPool2dGradient',
          maxPool2x2GradientShader,
          operands,
          output.operand,
          pairs,
          constants,
        );
        return;
      }
      const [dy, x] = operands as [Operand, Operand];
      const windows = inputs[0]!.shape;
      const winner = ctx.scratch('winners', sizeOf(windows) * 4);
      const label = 'maxPool2dGradient';
      emitFlat(
        ctx,
        `${label}/winner`,
        poolWinnerShader,
        [x],
        winner,
        sizeOf(windows),
        windowConstants(attributes, output.shape, windows),
      );
      const read = attributes.mask ? [dy, winner, x] : [dy, winner];
      emitFlat(ctx, label, poolGradientShader, read, output.operand, sizeOf(output.shape), {
        ...gradientConstants(attributes, output.shape, windows),
        MAX: true,
        MASK: attributes.mask,
      });
    },
  },

  avgPool2d: {
    shape(attributes, [x]) {
      expectRank('avgPool2d', 'x', x, 4, 'n, c, h, w');
      return pooledShape('avgPool2d', attributes, x!.shape);
    },
    gradient: ({ graph, attributes, inputs, cotangent }) => [
      () => graph.op('avgPool2dGradient', { ...attributes, inputShape: inputs[0]!.shape }, [cotangent]),
    ],
    flops: ({ kernel }, _, output) => sizeOf(output) * kernel[0] * kernel[1],
    lower({ attributes, inputs, output }, ctx) {
      emitFlat(ctx, 'avgPool2d', poolShader, [inputs[0]!.operand], output.operand, sizeOf(output.shape), {
        ...windowConstants(attributes, inputs[0]!.shape, output.shape),
        MAX: false,
      });
    },
  },

  avgPool2dGradient: {
    shape(attributes, [dy]) {
      expectShape(
        'avgPool2dGradient',
        'cotangent',
        dy,
        pooledShape('avgPool2dGradient', attributes, attributes.inputShape),
      );
      return attributes.inputShape;
    },
    flops: ({ kernel }, inputs) => sizeOf(inputs[0]!) * kernel[0] * kernel[1],
    lower({ attributes, inputs, output }, ctx) {
      emitFlat(
        ctx,
        'avgPool2dGradient',
        poolGradientShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          ...gradientConstants(attributes, output.shape, inputs[0]!.shape),
          MAX: false,
          MASK: false,
        },
      );
    },
  },

  adaptiveAvgPool2d: {
    shape: ({ size }, [x]) => adaptiveShape('adaptiveAvgPool2d', size, x),
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('adaptiveAvgPool2dGradient', { inputShape: inputs[0]!.shape, mask: false }, [cotangent]),
    ],
    flops: (_, inputs) => sizeOf(inputs[0]!),
    lower({ inputs, output }, ctx) {
      const [, , h, w] = inputs[0]!.shape;
      emitFlat(
        ctx,
        'adaptiveAvgPool2d',
        adaptivePoolShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          H: h!,
          W: w!,
          OH: output.shape[2]!,
          OW: output.shape[3]!,
        },
      );
    },
  },

  /** dy -> dx, masked by a second operand (shape of dx) > 0 with `mask`. */
  adaptiveAvgPool2dGradient: {
    shape({ inputShape, mask }, [dy, y]) {
      expectRank('adaptiveAvgPool2dGradient', 'cotangent', dy, 4, 'n, c, h, w');
      if (mask) expectShape('adaptiveAvgPool2dGradient', 'mask', y, inputShape);
      return inputShape;
    },
    flops: (_, __, output) => sizeOf(output),
    lower({ attributes, inputs, output }, ctx) {
      const [, , oh, ow] = inputs[0]!.shape;
      const operands = inputs.map((input) => input.operand);
      emitFlat(
        ctx,
        'adaptiveAvgPool2dGradient',
        adaptivePoolGradientShader,
        operands,
        output.operand,
        sizeOf(output.shape),
        {
          H: output.shape[2]!,
          W: output.shape[3]!,
          OH: oh!,
          OW: ow!,
          MASK: attributes.mask,
          WINDOWS_Y: mostWindows(output.shape[2]!, oh!),
          WINDOWS_X: mostWindows(output.shape[3]!, ow!),
        },
      );
    },
  },
};
