/**
 * The weight gradient of a convolution on software adapters, as one product for a group of images: output channels times (input channel, tap), summed over the
 * output's pixels.
 */
import { ceilDiv, type DeviceTraits, TEXTURE_SHIFT, type Variant } from '../dispatch.js';
import type { ConvWeightGradientIO, ConvWeightGradientProblem } from '../problem.js';
import {
  emitProduct,
  MAX_ROWS,
  matrixResult,
  planTensorProduct,
  productFits,
  tensorTarget,
} from './soft-gemm.js';
import { packDispatch, packGrid } from './soft-pack.js';
import { weightPatchesShader } from './soft-sources.js';

const LABEL = 'conv2d-weight-gradient/soft-product';
/** Packed patches are nine times a 3x3 convolution's input: as many images at a time as keep them below this, or one. */
const NEAR_BYTES = 16 << 20;

function planGroup(problem: ConvWeightGradientProblem, images: number, device: DeviceTraits) {
  const { inChannels, outChannels, outHeight, outWidth, kernel } = problem;
  const rows = inChannels * kernel[0] * kernel[1];
  const pixels4 = ceilDiv(outHeight * outWidth, 4);
  return { rows, pixels4, ...planTensorProduct(device, rows, outChannels, images * pixels4 * 4) };
}

function imagesAtATime(problem: ConvWeightGradientProblem, device: DeviceTraits): number {
  const { pixelSide } = planGroup(problem, 1, device);
  return Math.min(problem.batch, Math.max(1, Math.floor(NEAR_BYTES / pixelSide.bytes)));
}

export const softConvWeightGradient: Variant<ConvWeightGradientProblem, ConvWeightGradientIO> = {
  name: 'soft-product',
  supports(problem, device) {
    const { inHeight, inWidth } = problem;
    const { product } = planGroup(problem, imagesAtATime(problem, device), device);
    return productFits(product, device, false) && Math.max(product.k4, inHeight * inWidth) < MAX_ROWS;
  },
  lower(problem, io, ctx) {
    const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = problem;
    const { kernel, stride, padding } = problem;
    const images = imagesAtATime(problem, ctx.device);
    for (let first = 0; first < batch; first += images) {
      const plan = planGroup(problem, Math.min(images, batch - first), ctx.device);
      const { product, pixelsOnLanes, pixelSide, channelSide, rows, pixels4 } = plan;
      const { k4 } = product;
      const pixels = outHeight * outWidth;
      const cotangents = ctx.scratch('packed cotangents', channelSide.bytes, 'texture');
      const source = {
        ROWS: outChannels,
        CHANNELS: pixels,
        CHANNELS_4: pixels4,
        TAPS_T: k4 / pixels4,
        STRIDE_ROW: pixels,
        STRIDE_CHANNEL: 1,
        TAP_FIRST: first * outChannels * pixels,
        R_STEP: 0,
        T_STEP: outChannels * pixels,
      };
      ctx.emit(packDispatch(`${LABEL}/cotangents`, product, channelSide, source, io.dy, cotangents));
      const patches = ctx.scratch('packed patches', pixelSide.bytes, 'texture');
      const { shape, workgroups } = packGrid(pixelSide, k4);
      ctx.emit({
        label: `${LABEL}/patches`,
        shader: weightPatchesShader,
        constants: { TEXTURE_SHIFT },
        shape: {
          IMAGE: first,
          CHANNELS: inChannels,
          ROWS: rows,
          TAPS_R: kernel[0],
          TAPS_T: kernel[1],
          IN_HEIGHT: inHeight,
          IN_WIDTH: inWidth,
          OUT_WIDTH: outWidth,
          PIXELS: pixels,
          PIXELS_4: pixels4,
          STRIDE_Y: stride[0],
          STRIDE_X: stride[1],
          PAD_Y: padding[0],
          PAD_X: padding[1],
          ...shape,
        },
        bindings: [
          { operand: io.x, access: 'read' },
          { operand: patches, access: 'write' },
        ],
        workgroups,
      });
      // A group adds to the sum of those before it, which stands in the output.
      const residual = first > 0;
      const target = tensorTarget({
        pixelsOnLanes,
        ...matrixResult(outChannels, rows),
        channelBias: true,
        epilogue: { bias: false, residual, activation: 'none' },
        io: residual ? { residual: io.output, output: io.output } : { output: io.output },
        spare: io.x,
      });
      const [p, q] = pixelsOnLanes ? [patches, cotangents] : [cotangents, patches];
      emitProduct(ctx, `${LABEL}/product`, product, p, q, target);
    }
  },
};
