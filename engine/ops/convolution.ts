/** Convolution and its gradients. */

import type {
  ConvInputGradientProblem,
  ConvProblem,
  ConvWeightGradientProblem,
  Epilogue,
} from '../problem.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import type { Tensor, Tracer } from '../tensor.js';
import { chooseConv, convVariants } from '../variants/conv.js';
import { chooseConvInputGradient, convInputGradientVariants } from '../variants/conv-gradient.js';
import { chooseConvWeightGradient, convWeightGradientVariants } from '../variants/conv-weight-gradient.js';
import type { OpAttributes, WindowAttributes } from './attributes.js';
import { checkEpilogue, epilogueOperands, expectRank, expectShape, type OpRow, residualOf } from './row.js';

type Rows = Pick<
  { [K in keyof OpAttributes]: OpRow<OpAttributes[K]> },
  'conv2d' | 'conv2dInputGradient' | 'conv2dWeightGradient'
>;
type Four = readonly [number, number, number, number];

const plain: Epilogue = { bias: false, residual: false, activation: 'none' };

/** Output extent of a window op along one axis; throws where the window does not fit. */
export function windowExtent(
  op: string,
  input: number,
  kernel: number,
  stride: number,
  padding: number,
): number {
  const extent = Math.floor((input + 2 * padding - kernel) / stride) + 1;
  if (!(stride >= 1 && padding >= 0 && kernel >= 1)) {
    throw new ShapeError(
      `${op}: expected kernel >= 1, stride >= 1, padding >= 0, got ${kernel}, ${stride}, ${padding}`,
    );
  }
  if (extent < 1)
    throw new ShapeError(
      `${op}: expected kernel <= ${input + 2 * padding} (input ${input}, padding ${padding}), got ${kernel}`,
    );
  return extent;
}

/** A convolution of x to y. */
function geometry(x: Shape, y: Shape, windows: WindowAttributes): ConvWeightGradientProblem {
  const [batch, inChannels, inHeight, inWidth] = x as Four;
  const [, outChannels, outHeight, outWidth] = y as Four;
  return { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, ...windows };
}

function convFlops(output: Shape, inChannels: number, weight: Shape): number {
  return 2 * sizeOf(output) * inChannels * weight[2]! * weight[3]!;
}

export const convolutionOps: Rows = {
  conv2d: {
    shape({ stride, padding, weightLayout, epilogue }, inputs) {
      const [x, weight] = inputs;
      expectRank('conv2d', 'x', x, 4, 'n, c, h, w');
      expectRank('conv2d', 'weight', weight, 4, weightLayout === 'oihw' ? 'o, c, kh, kw' : 'c, o, kh, kw');
      const [n, c, h, w] = x!.shape as Four;
      const [first, second, kh, kw] = weight!.shape as Four;
      const [o, i] = weightLayout === 'oihw' ? [first, second] : [second, first];
      if (i !== c)
        throw new ShapeError(
          `conv2d: expected weight for ${c} input channels, got [${weight!.shape.join(', ')}]`,
        );
      const shape = [
        n,
        o,
        windowExtent('conv2d', h, kh, stride[0], padding[0]),
        windowExtent('conv2d', w, kw, stride[1], padding[1]),
      ];
      checkEpilogue('conv2d', epilogue, inputs, 2, shape, o);
      return shape;
    },
    gradient({ graph, attributes, inputs, cotangent }) {
      const { stride, padding, weightLayout, epilogue } = attributes;
      if (weightLayout !== 'oihw' || epilogue.residual || epilogue.activation !== 'none') {
        throw new Error('internal: conv2d is differentiated before fusion, once');
      }
      const [x, weight] = inputs as [Tensor, Tensor];
      const kernel = [weight.shape[2]!, weight.shape[3]!] as const;
      return [
        () => inputGradient(graph, x, weight, cotangent, stride, padding),
        () => graph.op('conv2dWeightGradient', { stride, padding, kernel }, [x, cotangent]),
        () => graph.op('channelSum', {}, [cotangent]),
      ];
    },
    flops: (_, inputs, output) => convFlops(output, inputs[0]![1]!, inputs[1]!),
    overwrites: ({ epilogue }) => residualOf(epilogue, 2),
    lower({ attributes, inputs, output }, ctx) {
      const { stride, padding, weightLayout, epilogue } = attributes;
      const [x, weight] = inputs as [(typeof inputs)[0], (typeof inputs)[0]];
      const [, , kh, kw] = weight.shape as Four;
      const problem: ConvProblem = {
        ...geometry(x.shape, output.shape, { kernel: [kh, kw], stride, padding }),
        weightLayout,
        epilogue,
      };
      const io = {
        input: x.operand,
        weight: weight.operand,
        output: output.operand,
        ...epilogueOperands(epilogue, inputs, 2),
      };
      ctx.pick('conv2d', problem, convVariants, chooseConv(problem, ctx.device)).lower(problem, io, ctx);
    },
  },

  conv2dInputGradient: {
    shape({ inputShape, stride, padding, epilogue }, inputs) {
      const [dy, weight] = inputs;
      expectRank('conv2dInputGradient', 'weight', weight, 4, 'o, c, kh, kw');
      const [n, c, h, w] = inputShape as Four;
      const [o, i, kh, kw] = weight!.shape as Four;
      if (i !== c)
        throw new ShapeError(
          `conv2dInputGradient: expected weight for ${c} input channels, got [${weight!.shape.join(', ')}]`,
        );
      expectShape('conv2dInputGradient', 'cotangent', dy, [
        n,
        o,
        windowExtent('conv2dInputGradient', h, kh, stride[0], padding[0]),
        windowExtent('conv2dInputGradient', w, kw, stride[1], padding[1]),
      ]);
      checkEpilogue('conv2dInputGradient', epilogue, inputs, 2, inputShape, c);
      return inputShape;
    },
    flops: (_, inputs, output) => convFlops(inputs[0]!, output[1]!, inputs[1]!),
    overwrites: ({ epilogue }) => residualOf(epilogue, 2),
    lower({ attributes, inputs, output }, ctx) {
      const { stride, padding, epilogue } = attributes;
      const [dy, weight] = inputs as [(typeof inputs)[0], (typeof inputs)[0]];
      const [, , kh, kw] = weight.shape as Four;
      const problem: ConvInputGradientProblem = {
        ...geometry(output.shape, dy.shape, { kernel: [kh, kw], stride, padding }),
        epilogue,
      };
      const io = {
        input: dy.operand,
        weight: weight.operand,
        output: output.operand,
        ...epilogueOperands(epilogue, inputs, 2),
      };
      ctx
        .pick(
          'conv2dInputGradient',
          problem,
          convInputGradientVariants,
          chooseConvInputGradient(problem, ctx.device),
        )
        .lower(problem, io, ctx);
    },
  },

  conv2dWeightGradient: {
    shape({ kernel, stride, padding }, inputs) {
      const [x, dy] = inputs;
      expectRank('conv2dWeightGradient', 'x', x, 4, 'n, c, h, w');
      expectRank('conv2dWeightGradient', 'cotangent', dy, 4, 'n, o, h, w');
      const [n, c, h, w] = x!.shape as Four;
      const o = dy!.shape[1]!;
      expectShape('conv2dWeightGradient', 'cotangent', dy, [
        n,
        o,
        windowExtent('conv2dWeightGradient', h, kernel[0], stride[0], padding[0]),
        windowExtent('conv2dWeightGradient', w, kernel[1], stride[1], padding[1]),
      ]);
      return [o, c, ...kernel];
    },
    flops: (_, inputs, output) => convFlops(inputs[1]!, output[1]!, output),
    lower({ attributes, inputs, output }, ctx) {
      const [x, dy] = inputs as [(typeof inputs)[0], (typeof inputs)[0]];
      const problem = geometry(x.shape, dy.shape, attributes);
      const io = { x: x.operand, dy: dy.operand, output: output.operand };
      ctx
        .pick(
          'conv2dWeightGradient',
          problem,
          convWeightGradientVariants,
          chooseConvWeightGradient(problem, ctx.device),
        )
        .lower(problem, io, ctx);
    },
  },
};

/** dx of a convolution: at stride 1 a convolution again, of the rotated weights. */
function inputGradient(
  graph: Tracer,
  x: Tensor,
  weight: Tensor,
  cotangent: Tensor,
  stride: readonly [number, number],
  padding: readonly [number, number],
): Tensor {
  const [, , kh, kw] = weight.shape as Four;
  const [ph, pw] = padding;
  if (stride[0] === 1 && stride[1] === 1 && ph < kh && pw < kw) {
    return graph.op(
      'conv2d',
      { stride: [1, 1], padding: [kh - 1 - ph, kw - 1 - pw], weightLayout: 'flipped', epilogue: plain },
      [cotangent, weight],
    );
  }
  return graph.op('conv2dInputGradient', { stride, padding, inputShape: x.shape, epilogue: plain }, [
    cotangent,
    weight,
  ]);
}
