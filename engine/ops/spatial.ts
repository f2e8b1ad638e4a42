/** Option A shortcut and bilinear resize, with gradients in gather form. */

import resizeBilinearText from '../../shaders/resize_bilinear.wgsl';
import resizeBilinearGradientText from '../../shaders/resize_bilinear_gradient.wgsl';
import { shaderSource } from '../../shaders/source.js';
import subsamplePadText from '../../shaders/subsample_pad.wgsl';
import { ShapeError, sizeOf } from '../shape.js';
import type { OpAttributes } from './attributes.js';
import { emitFlat, expectRank, expectShape, type OpRow } from './row.js';

const resizeBilinearGradientShader = shaderSource('resize_bilinear_gradient', resizeBilinearGradientText);
const resizeBilinearShader = shaderSource('resize_bilinear', resizeBilinearText);
const subsamplePadShader = shaderSource('subsample_pad', subsamplePadText);

type Names = 'subsamplePad' | 'subsamplePadGradient' | 'resizeBilinear' | 'resizeBilinearGradient';
type Rows = Pick<{ [K in keyof OpAttributes]: OpRow<OpAttributes[K]> }, Names>;

function subsampled(x: readonly number[], stride: number, channels: number): readonly number[] {
  if (!Number.isInteger(stride) || stride < 1)
    throw new ShapeError(`subsamplePad: expected a stride >= 1, got ${stride}`);
  if (channels < x[1]!)
    throw new ShapeError(`subsamplePad: expected at least ${x[1]} channels, got ${channels}`);
  return [x[0]!, channels, Math.ceil(x[2]! / stride), Math.ceil(x[3]! / stride)];
}

function subsampleConstants(stride: number, input: readonly number[], output: readonly number[]) {
  return {
    C: input[1]!,
    H: input[2]!,
    W: input[3]!,
    OC: output[1]!,
    OH: output[2]!,
    OW: output[3]!,
    STRIDE: stride,
    FIRST: Math.floor((output[1]! - input[1]!) / 2),
  };
}

function resizeConstants(input: readonly number[], output: readonly number[]) {
  return { H: input[2]!, W: input[3]!, OH: output[2]!, OW: output[3]! };
}

export const spatialOps: Rows = {
  subsamplePad: {
    shape({ stride, channels }, [x]) {
      expectRank('subsamplePad', 'x', x, 4, 'n, c, h, w');
      return subsampled(x!.shape, stride, channels);
    },
    gradient: ({ graph, attributes, inputs, cotangent }) => [
      () =>
        graph.op('subsamplePadGradient', { stride: attributes.stride, inputShape: inputs[0]!.shape }, [
          cotangent,
        ]),
    ],
    flops: () => 0,
    lower({ attributes, inputs, output }, ctx) {
      emitFlat(
        ctx,
        'subsamplePad',
        subsamplePadShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          ...subsampleConstants(attributes.stride, inputs[0]!.shape, output.shape),
          GRADIENT: false,
        },
      );
    },
  },

  subsamplePadGradient: {
    shape({ stride, inputShape }, [dy]) {
      expectRank('subsamplePadGradient', 'cotangent', dy, 4, 'n, c, h, w');
      expectShape('subsamplePadGradient', 'cotangent', dy, subsampled(inputShape, stride, dy!.shape[1]!));
      return inputShape;
    },
    flops: () => 0,
    lower({ attributes, inputs, output }, ctx) {
      emitFlat(
        ctx,
        'subsamplePadGradient',
        subsamplePadShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          ...subsampleConstants(attributes.stride, output.shape, inputs[0]!.shape),
          GRADIENT: true,
        },
      );
    },
  },

  resizeBilinear: {
    shape({ size }, [x]) {
      expectRank('resizeBilinear', 'x', x, 4, 'n, c, h, w');
      if (!size.every((extent) => Number.isInteger(extent) && extent >= 1)) {
        throw new ShapeError(`resizeBilinear: expected positive sizes, got [${size.join(', ')}]`);
      }
      return [x!.shape[0]!, x!.shape[1]!, ...size];
    },
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('resizeBilinearGradient', { inputShape: inputs[0]!.shape }, [cotangent]),
    ],
    flops: (_, __, output) => 8 * sizeOf(output),
    lower({ inputs, output }, ctx) {
      emitFlat(
        ctx,
        'resizeBilinear',
        resizeBilinearShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          ...resizeConstants(inputs[0]!.shape, output.shape),
        },
      );
    },
  },

  resizeBilinearGradient: {
    shape({ inputShape }, [dy]) {
      expectRank('resizeBilinearGradient', 'cotangent', dy, 4, 'n, c, h, w');
      expectShape('resizeBilinearGradient', 'cotangent', dy, [
        inputShape[0]!,
        inputShape[1]!,
        dy!.shape[2]!,
        dy!.shape[3]!,
      ]);
      return inputShape;
    },
    flops: (_, inputs) => 8 * sizeOf(inputs[0]!),
    lower({ inputs, output }, ctx) {
      emitFlat(
        ctx,
        'resizeBilinearGradient',
        resizeBilinearGradientShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          ...resizeConstants(output.shape, inputs[0]!.shape),
        },
      );
    },
  },
};
