/**
 * The other order of a convolution on software adapters: first one product per pixel of the source, giving what the pixel adds to each output under
 * each tap, then a sum of these columns (col2im). It packs every source value once, where patches pack it once per tap: the order of choice
 * for input gradients of strided convolutions, and where few channels come out.
 */
import columnsText from '../../shaders/soft_columns.wgsl';
import {
  type ConvInputGradientIO,
  type ConvInputGradientProblem,
  type ConvIO,
  type ConvProblem,
  ceilDiv,
  type DeviceTraits,
  type Epilogue,
  type Lowering,
  type ShaderSource,
  type Variant,
} from '../kernel';
import { epilogueBindings, epilogueConstants } from './soft-epilogue';
import { emitProduct, hasUniformWindows, MAX_K, MAX_PIXELS, planProduct } from './soft-gemm';
import { packDispatch, type Source } from './soft-pack';

const columnsShader: ShaderSource = { name: 'soft_columns', text: columnsText };

interface Geometry {
  readonly label: string;
  readonly batch: number;
  /** Summed over: channels and extents of the source. */
  readonly source: readonly [channels: number, height: number, width: number];
  readonly target: readonly [channels: number, height: number, width: number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly gradient: boolean;
  readonly epilogue: Epilogue;
}

function plan({ batch, source, target, kernel }: Geometry) {
  const [channels, height, width] = source;
  const pixels = batch * height * width;
  const rows = target[0] * kernel[0] * kernel[1];
  const pixelsOnLanes = pixels >= 32 || pixels >= rows;
  const product = pixelsOnLanes
    ? planProduct(1, pixels, rows, channels)
    : planProduct(1, rows, pixels, channels);
  const [pixelSide, rowSide] = pixelsOnLanes ? [product.p, product.q] : [product.q, product.p];
  return {
    pixels,
    rows,
    pixelsOnLanes,
    product,
    pixelSide,
    rowSide,
    bytes: product.p.rows * product.q.rows * 4,
  };
}

function fits(geometry: Geometry, device: DeviceTraits): boolean {
  if (!hasUniformWindows(device) || geometry.source[0] > MAX_K) return false;
  const { product, bytes, pixels } = plan(geometry);
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const [channels, height, width] = geometry.target;
  const groups = Math.max(
    product.p.blocks,
    product.q.blocks,
    ceilDiv(geometry.batch * height * width, 8),
    channels,
  );
  return Math.max(product.p.bytes, product.q.bytes, bytes) <= limit && groups <= 65535 && pixels < MAX_PIXELS;
}

function lowerColumns(geometry: Geometry, io: ConvIO, ctx: Lowering): void {
  const { label, batch, kernel, stride, padding, gradient, epilogue } = geometry;
  const [channels, height, width] = geometry.source;
  const [outChannels, outHeight, outWidth] = geometry.target;
  const { pixels, rows, pixelsOnLanes, product, pixelSide, rowSide, bytes } = plan(geometry);
  const pixelSource: Source = {
    WEIGHT: false,
    TAPS_R: 1,
    TAPS_T: 1,
    shape: {
      CHANNELS: channels,
      HEIGHT: height,
      WIDTH: width,
      GRID_HEIGHT: height,
      GRID_WIDTH: width,
      Y_STRIDE: 1,
      X_STRIDE: 1,
      Y_FIRST: 0,
      X_FIRST: 0,
      Y_STEP: 1,
      X_STEP: 1,
    },
  };
  // The weight is stored [source channel, target channel, kh, kw] in both uses: a row is a target channel and a tap.
  const rowSource: Source = {
    WEIGHT: true,
    TAPS_R: 1,
    TAPS_T: 1,
    shape: {
      CHANNELS: channels,
      STRIDE_ROW: 1,
      STRIDE_CHANNEL: rows,
      R_FIRST: 0,
      R_STEP: 0,
      R_STRIDE: 0,
      T_FIRST: 0,
      T_STEP: 0,
    },
  };
  const key = `columns ${[rows, rowSide.rows, product.k4, product.slices].join()}`;
  const weights = ctx.prepared(io.weight, key, rowSide.bytes, (to) => [
    packDispatch(`${label}/pack`, product, rowSide, rows, rowSource, io.weight, to),
  ]);
  const packed = ctx.scratch('packed pixels', pixelSide.bytes);
  ctx.emit(packDispatch(`${label}/pack`, product, pixelSide, pixels, pixelSource, io.input, packed));
  const columns = ctx.scratch('columns', bytes);
  const [p, q] = pixelsOnLanes ? [packed, weights] : [weights, packed];
  const pitch = product.p.rows;
  emitProduct(
    ctx,
    `${label}/product`,
    product,
    p,
    q,
    {
      constants: { SPLIT: true },
      shape: { STRIDE_Z: 0, STRIDE_P: 1, STRIDE_Q: pitch },
      bindings: [{ operand: columns, access: 'write' }],
    },
    io.weight,
  );
  const channelsEach = Math.min(16, outChannels);
  const outPixels = batch * outHeight * outWidth;
  ctx.emit({
    label: `${label}/sum`,
    shader: columnsShader,
    constants: {
      GRADIENT: gradient,
      TAPS_R: gradient ? ceilDiv(kernel[0], stride[0]) : kernel[0],
      TAPS_T: gradient ? ceilDiv(kernel[1], stride[1]) : kernel[1],
      KH: kernel[0],
      KW: kernel[1],
      STRIDE_Y: stride[0],
      STRIDE_X: stride[1],
      ...epilogueConstants(epilogue),
    },
    shape: {
      CHANNELS_EACH: channelsEach,
      STRIDE_ROW: pixelsOnLanes ? pitch : 1,
      STRIDE_PIXEL: pixelsOnLanes ? 1 : pitch,
      SOURCE_HEIGHT: height,
      SOURCE_WIDTH: width,
      CHANNELS: outChannels,
      HEIGHT: outHeight,
      WIDTH: outWidth,
      PIXELS: outPixels,
      PAD_Y: padding[0],
      PAD_X: padding[1],
    },
    bindings: [
      { operand: columns, access: 'read' },
      { operand: io.output, access: 'write' },
      ...epilogueBindings(epilogue, io),
    ],
    workgroups: [ceilDiv(outPixels, 8), ceilDiv(outChannels, channelsEach), 1],
  });
}

function convGeometry(problem: ConvProblem): Geometry {
  return {
    label: 'conv2d/soft-columns',
    batch: problem.batch,
    source: [problem.inChannels, problem.inHeight, problem.inWidth],
    target: [problem.outChannels, problem.outHeight, problem.outWidth],
    kernel: problem.kernel,
    stride: problem.stride,
    padding: problem.padding,
    gradient: false,
    epilogue: problem.epilogue,
  };
}

/** For few output channels: the input gradient of a net's first layer. Flipped weights only. */
export const softColumnsConv: Variant<ConvProblem, ConvIO> = {
  name: 'soft-columns',
  supports: (problem, device) => problem.weightLayout === 'flipped' && fits(convGeometry(problem), device),
  lower: (problem, io, ctx) => lowerColumns(convGeometry(problem), io, ctx),
};

function gradientGeometry(problem: ConvInputGradientProblem): Geometry {
  return {
    label: 'conv2d-input-gradient/soft-columns',
    batch: problem.batch,
    source: [problem.outChannels, problem.outHeight, problem.outWidth],
    target: [problem.inChannels, problem.inHeight, problem.inWidth],
    kernel: problem.kernel,
    stride: problem.stride,
    padding: problem.padding,
    gradient: true,
    epilogue: problem.epilogue,
  };
}

/** The input gradient of a strided convolution. */
export const softColumnsConvInputGradient: Variant<ConvInputGradientProblem, ConvInputGradientIO> = {
  name: 'soft-columns',
  supports: (problem, device) => fits(gradientGeometry(problem), device),
  lower: (problem, io, ctx) => lowerColumns(gradientGeometry(problem), io, ctx),
};
