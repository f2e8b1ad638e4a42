/**
 * The other order of a convolution on software adapters: first one product per pixel of the source, giving what the pixel adds to each output under
 * each tap, then a sum of these columns (col2im). It packs every source value once, where patches pack it once per tap: the order of choice
 * for input gradients of strided convolutions, and where few channels come out.
 */
import {
  type ConvInputGradientIO,
  type ConvInputGradientProblem,
  type ConvIO,
  type ConvProblem,
  ceilDiv,
  type DeviceTraits,
  type Epilogue,
  type Lowering,
  type Variant,
} from '../kernel';
import { epilogueBindings, epilogueShape } from './soft-epilogue';
import { emitProduct, MAX_ROWS, planProduct, productFits, splitBytes, splitTarget } from './soft-gemm';
import { packDispatch, type Source, weightSource } from './soft-pack';
import { columnsShader } from './soft-sources';

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

/** Rows of the product: for each tap the target channels, padded to whole fours. */
function plan({ batch, source, target, kernel }: Geometry) {
  const [channels, height, width] = source;
  const pixels = batch * height * width;
  const period = ceilDiv(target[0], 4) * 4;
  const rows = kernel[0] * kernel[1] * period;
  return { pixels, period, rows, product: planProduct(1, pixels, rows, channels) };
}

function fits(geometry: Geometry, device: DeviceTraits): boolean {
  const [channels, height, width] = geometry.target;
  const pixels = geometry.batch * height * width;
  return (
    productFits(plan(geometry).product, device, true) &&
    pixels < MAX_ROWS &&
    Math.max(ceilDiv(pixels, 8), channels) <= device.limits.maxComputeWorkgroupsPerDimension
  );
}

function lowerColumns(geometry: Geometry, io: ConvIO, ctx: Lowering): void {
  const { label, batch, kernel, stride, padding, gradient, epilogue } = geometry;
  const [channels, height, width] = geometry.source;
  const [outChannels, outHeight, outWidth] = geometry.target;
  const { pixels, period, rows, product } = plan(geometry);
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
      PAD_Y: 0,
      PAD_X: 0,
    },
  };
  // The weight is stored [source channel, target channel, kh, kw] in both uses: a row is a tap and a target channel.
  const taps = kernel[0] * kernel[1];
  const rowSource = weightSource({
    ROWS: rows,
    CHANNELS: channels,
    STRIDE_ROW: taps,
    STRIDE_CHANNEL: outChannels * taps,
    ROW_PERIOD: period,
    ROW_USED: outChannels,
    STRIDE_PERIOD: 1,
  });
  const key = `columns ${[rows, product.q.rows, product.q.tileBlocks, product.k4].join()}`;
  const weights = ctx.prepared(
    io.weight,
    key,
    product.q.bytes,
    (to) => [packDispatch(`${label}/pack`, product, product.q, rows, rowSource, io.weight, to)],
    'texture',
  );
  const packed = ctx.scratch('packed pixels', product.p.bytes, 'texture');
  ctx.emit(packDispatch(`${label}/pack`, product, product.p, pixels, pixelSource, io.input, packed));
  const columns = ctx.scratch('columns', splitBytes(product));
  emitProduct(ctx, `${label}/product`, product, packed, weights, splitTarget(columns));
  const foursEach = Math.min(4, period / 4);
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
    },
    shape: {
      FOURS_EACH: foursEach,
      FOUR: 4,
      ...epilogueShape(epilogue),
      STRIDE_TAP: period / 4,
      STRIDE_PIXEL: product.q.rows / 4,
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
      ...epilogueBindings(epilogue, io, columns),
    ],
    workgroups: [ceilDiv(outPixels, 8), ceilDiv(period / 4, foursEach), 1],
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
