/**
 * The weight gradient of a convolution on software adapters, as one product for a group of images: output channels times (input channel, tap), summed over the
 * output's pixels. The patches are read in place from the packed input, as a convolution's are, with pixels and taps in each other's roles.
 */
import {
  ceilDiv,
  type DeviceTraits,
  type Lowering,
  maxTextureBytes,
  type Operand,
  TEXTURE_SHIFT,
  type Variant,
} from '../dispatch.js';
import type { ConvWeightGradientIO, ConvWeightGradientProblem } from '../problem.js';
import { emitProduct, MAX_ROWS, planTensorProduct, tensorTarget } from './soft-gemm.js';
import { packDispatch } from './soft-pack.js';
import { weightImageShader } from './soft-sources.js';

const LABEL = 'conv2d-weight-gradient/soft-product';
/** As many images at a time as keep the packed operands below this, or one: what a product reads again is still near. */
const NEAR_BYTES = 16 << 20;

function planGroup(problem: ConvWeightGradientProblem, images: number, device: DeviceTraits) {
  const { inChannels, outChannels, outHeight, outWidth, kernel, stride } = problem;
  const pitch = ceilDiv(outWidth, 4);
  const rows = (outHeight - 1) * stride[0] + kernel[0];
  return {
    images,
    pitch,
    rows,
    /** Texels of one tap's copy. */
    copy: inChannels * images * rows * pitch,
    ...planTensorProduct(
      device,
      inChannels * kernel[0] * kernel[1],
      outChannels,
      images * outHeight * pitch * 4,
    ),
  };
}

type Group = ReturnType<typeof planGroup>;

const imageBytes = ({ copy }: Group, { kernel }: ConvWeightGradientProblem) => copy * kernel[1] * 16;

function imagesAtATime(problem: ConvWeightGradientProblem, device: DeviceTraits): number {
  const one = planGroup(problem, 1, device);
  const bytes = imageBytes(one, problem) + one.channelSide.bytes;
  return Math.min(problem.batch, Math.max(1, Math.floor(NEAR_BYTES / bytes)));
}

export const softConvWeightGradient: Variant<ConvWeightGradientProblem, ConvWeightGradientIO> = {
  name: 'soft-product',
  supports(problem, device) {
    const group = planGroup(problem, imagesAtATime(problem, device), device);
    const { product, channelSide, rows, images } = group;
    const { p, q, rp, rq } = product;
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    return (
      device.software &&
      imageBytes(group, problem) <= maxTextureBytes(device) &&
      channelSide.bytes <= maxTextureBytes(device) &&
      Math.max(product.k4, p.rows, q.rows, images * rows) < MAX_ROWS &&
      Math.max(problem.inChannels, channelSide.blocks, p.rows / (8 * rp), q.rows / rq) <= most
    );
  },
  lower(problem, io, ctx) {
    const images = imagesAtATime(problem, ctx.device);
    for (let first = 0; first < problem.batch; first += images)
      lowerGroup(problem, io, ctx, first, Math.min(images, problem.batch - first));
  },
};

function lowerGroup(
  problem: ConvWeightGradientProblem,
  io: ConvWeightGradientIO,
  ctx: Lowering,
  first: number,
  images: number,
): void {
  const { inChannels, outChannels, outHeight, outWidth, kernel, stride } = problem;
  const group = planGroup(problem, images, ctx.device);
  const { product, pixelsOnLanes, channelSide, pitch, rows, copy } = group;
  const pixels = outHeight * outWidth;
  const cotangents = ctx.scratch('packed cotangents', channelSide.bytes, 'texture');
  const source = {
    ROWS: outChannels,
    CHANNELS: outWidth,
    CHANNELS_4: pitch,
    TAPS_T: outHeight,
    STRIDE_ROW: pixels,
    STRIDE_CHANNEL: 1,
    TAP_FIRST: first * outChannels * pixels,
    R_STEP: outChannels * pixels,
    T_STEP: outWidth,
  };
  ctx.emit(packDispatch(`${LABEL}/cotangents`, product, channelSide, source, io.dy, cotangents));
  const image = packInput(problem, ctx, group, io.x, first);
  // A group adds to the sum of those before it, which stands in the output.
  const residual = first > 0;
  const taps = kernel[0] * kernel[1];
  const target = tensorTarget({
    pixelsOnLanes,
    grid: [inChannels, ...kernel],
    channels: outChannels,
    place: {
      OUT_FIRST: 0,
      OUT_STEP_Y: kernel[1],
      OUT_STEP_X: 1,
      STRIDE_IMAGE: taps,
      STRIDE_CHANNEL: inChannels * taps,
    },
    channelBias: true,
    epilogue: { bias: false, residual, activation: 'none' },
    io: residual ? { residual: io.output, output: io.output } : { output: io.output },
    spare: io.x,
    // Four pixels of a row, then the rows of an image, then the images.
    patches: {
      CHANNELS_4: pitch,
      PLANE: 1,
      FIRST_0: 0,
      TAPS_T_0: outHeight,
      IMAGE_STEP: images * rows * pitch,
      PIXEL_STEP_Y: pitch,
      PIXEL_STEP_X: copy,
      TAP_STEP_X: stride[0] * pitch,
      TAP_STEP_Y: rows * pitch,
    },
  });
  const [p, q] = pixelsOnLanes ? [image, cotangents] : [cotangents, image];
  emitProduct(ctx, `${LABEL}/product`, product, p, q, target);
}

function packInput(
  problem: ConvWeightGradientProblem,
  ctx: Lowering,
  group: Group,
  x: Operand,
  first: number,
): Operand {
  const { inChannels, inHeight, inWidth, kernel, stride, padding } = problem;
  const { images, pitch, rows } = group;
  const packed = ctx.scratch('packed input', imageBytes(group, problem), 'texture');
  ctx.emit({
    label: `${LABEL}/image`,
    shader: weightImageShader,
    constants: {
      TEXTURE_SHIFT,
      TAPS_T: kernel[1],
      PAD_X: padding[1],
      WINDOW: stride[1] === 1 && inWidth % 4 === 0 && padding[1] <= 4 && kernel[1] - 1 - padding[1] <= 4,
    },
    shape: {
      FIRST_IMAGE: first,
      IMAGES: images,
      CHANNELS: inChannels,
      HEIGHT: inHeight,
      WIDTH: inWidth,
      PAD_Y: padding[0],
      STEP_X: stride[1],
      ROWS: rows,
      PITCH: pitch,
    },
    bindings: [
      { operand: x, access: 'read' },
      { operand: packed, access: 'write' },
    ],
    workgroups: [ceilDiv(images * rows, 8), inChannels, 1],
  });
  return packed;
}
