/**
 * Any convolution on software adapters as one product of its weights and its patches (im2col), which are read in place from the packed image; and the input
 * gradient of a strided convolution, which is such a product for each remainder of its rows and columns by the strides.
 */
import {
  ceilDiv,
  type DeviceTraits,
  type Lowering,
  maxTextureBytes,
  type Operand,
  type Variant,
} from '../dispatch.js';
import type {
  ConvInputGradientIO,
  ConvInputGradientProblem,
  ConvIO,
  ConvProblem,
  Epilogue,
} from '../problem.js';
import { emitProduct, MAX_ROWS, planTensorProduct, type TensorResult, tensorTarget } from './soft-gemm.js';
import { imageFits, type PackedImage, packImage } from './soft-image.js';
import { packDispatch, packKey, type Source } from './soft-pack.js';

type Pair = readonly [y: number, x: number];
type Phased<T> = readonly [T] | readonly [T, T];

/** The taps of a product: how many, and where the first one of pixel (0, 0) lies in the packed image, in texels. */
interface Taps {
  readonly taps: Pair;
  readonly first: Pair;
  readonly weights: Source;
}

/** One dispatch: the pixels of a grid, all with the same taps; or two such products whose pixels take turns along the rows of the output. */
interface PatchProduct {
  readonly grid: Pair;
  readonly channels: number;
  readonly phases: Phased<Taps>;
  /** In texels of the packed image, from pixel to pixel and from tap to tap. */
  readonly pixelStep: Pair;
  readonly tapStep: Pair;
  readonly place: TensorResult['place'];
}

interface Job {
  readonly label: string;
  readonly image: PackedImage;
  readonly products: readonly PatchProduct[];
  readonly epilogue: Epilogue;
}

function planPatches(device: DeviceTraits, image: PackedImage, { grid, channels, phases }: PatchProduct) {
  const pixels = image.batch * grid[0] * grid[1];
  const k4 = phases.map(({ taps }) => taps[0] * taps[1] * ceilDiv(image.channels, 4));
  const plan = planTensorProduct(device, pixels, channels, 4 * (k4[0]! + (k4[1] ?? 0)), phases.length);
  const parts = k4.map((each, i) => ({ k4: each, first: i === 0 ? 0 : plan.channelSide.blocks * k4[0]! }));
  return { pixels, parts, ...plan };
}

function fits({ image, products }: Job, device: DeviceTraits): boolean {
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  return (
    device.software &&
    imageFits(image, device) &&
    products.every((each) => {
      const { pixels, product, channelSide } = planPatches(device, image, each);
      const { p, q, rp, rq } = product;
      return (
        Math.max(pixels, p.rows, q.rows) < MAX_ROWS &&
        channelSide.bytes <= maxTextureBytes(device) &&
        Math.max(channelSide.blocks, p.rows / (8 * rp), q.rows / rq) <= most
      );
    })
  );
}

function lower({ label, image, products, epilogue }: Job, io: ConvIO, ctx: Lowering): void {
  const packed = packImage(ctx, `${label}/pack`, image, io.input);
  const channels4 = ceilDiv(image.channels, 4);
  for (const each of products) {
    const { product, parts, pixelsOnLanes, channelSide } = planPatches(ctx.device, image, each);
    const { phases, pixelStep, tapStep } = each;
    const build = (to: Operand) =>
      phases.flatMap(({ weights: source }, i) =>
        parts[i]!.k4 === 0
          ? []
          : [packDispatch(`${label}/pack`, product, channelSide, source, io.weight, to, parts[i]!)],
      );
    const key = packKey(channelSide, ...phases.map(({ weights: source }) => source));
    // Without taps there is nothing to read, but something to bind.
    const weights =
      product.k4 === 0 ? packed : ctx.prepared(io.weight, key, channelSide.bytes, build, 'texture');
    const target = tensorTarget({
      pixelsOnLanes,
      grid: [image.batch, ...each.grid],
      channels: each.channels,
      place: each.place,
      channelBias: true,
      epilogue,
      io,
      spare: io.input,
      phases: phases.length,
      patches: {
        CHANNELS_4: channels4,
        PLANE: image.rows * image.pitch,
        IMAGE_STEP: channels4 * image.rows * image.pitch,
        ...Object.fromEntries(
          phases.flatMap(({ taps, first }, i) => [
            [`FIRST_${i}`, first[0] * image.pitch + first[1]],
            [`TAPS_T_${i}`, taps[1]],
          ]),
        ),
        PIXEL_STEP_Y: pixelStep[0] * image.pitch,
        PIXEL_STEP_X: pixelStep[1],
        TAP_STEP_Y: tapStep[0] * image.pitch,
        TAP_STEP_X: tapStep[1],
      },
    });
    const [p, q] = pixelsOnLanes ? [packed, weights] : [weights, packed];
    emitProduct(ctx, `${label}/product`, product, p, q, target, parts);
  }
}

function convJob(problem: ConvProblem): Job {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = problem;
  const { kernel, stride, padding } = problem;
  const [kh, kw] = kernel;
  const flipped = problem.weightLayout === 'flipped';
  // One tap a pixel: the others need not be packed.
  const single = kh === 1 && kw === 1;
  const pixelStep: Pair = single ? [1, 1] : stride;
  return {
    label: 'conv2d/soft-patches',
    image: {
      batch,
      channels: inChannels,
      height: inHeight,
      width: inWidth,
      step: single ? stride : [1, 1],
      pad: padding,
      rows: (outHeight - 1) * pixelStep[0] + kh,
      pitch: (outWidth - 1) * pixelStep[1] + kw,
    },
    products: [
      {
        grid: [outHeight, outWidth],
        channels: outChannels,
        phases: [
          {
            taps: kernel,
            first: [0, 0],
            weights: {
              ROWS: outChannels,
              CHANNELS: inChannels,
              CHANNELS_4: ceilDiv(inChannels, 4),
              TAPS_T: kw,
              STRIDE_ROW: flipped ? kh * kw : inChannels * kh * kw,
              STRIDE_CHANNEL: flipped ? outChannels * kh * kw : kh * kw,
              TAP_FIRST: flipped ? kh * kw - 1 : 0,
              R_STEP: flipped ? -kw : kw,
              T_STEP: flipped ? -1 : 1,
            },
          },
        ],
        pixelStep,
        tapStep: [1, 1],
        place: {
          OUT_FIRST: 0,
          OUT_STEP_Y: outWidth,
          OUT_STEP_X: 1,
          STRIDE_IMAGE: outChannels * outHeight * outWidth,
          STRIDE_CHANNEL: outHeight * outWidth,
        },
      },
    ],
    epilogue: problem.epilogue,
  };
}

/** Any convolution. */
export const softPatchesConv: Variant<ConvProblem, ConvIO> = {
  name: 'soft-patches',
  supports: (problem, device) => fits(convJob(problem), device),
  lower: (problem, io, ctx) => lower(convJob(problem), io, ctx),
};

/**
 * One axis of the gradient, the inputs stride * i + remainder: output o adds to input o * stride - padding + tap, so they take the taps first, first + stride, ...
 * of outputs i + shift, i + shift - 1, ...
 */
function axisClass(remainder: number, extent: number, kernel: number, stride: number, padding: number) {
  const first = (remainder + padding) % stride;
  return {
    remainder,
    first,
    count: Math.max(0, ceilDiv(extent - remainder, stride)),
    taps: Math.max(0, ceilDiv(kernel - first, stride)),
    shift: (remainder + padding - first) / stride,
  };
}

type AxisClass = ReturnType<typeof axisClass>;

function mapPhases<T, U>(phases: Phased<T>, map: (phase: T) => U): Phased<U> {
  const [first, second] = phases;
  return second === undefined ? [map(first)] : [map(first), map(second)];
}

function axisClasses(extent: number, kernel: number, stride: number, padding: number) {
  const classes = Array.from({ length: stride }, (_, remainder) =>
    axisClass(remainder, extent, kernel, stride, padding),
  ).filter(({ count }) => count > 0);
  // The packed gradient reaches as far as any class reads.
  const pad = Math.max(0, ...classes.map(({ taps, shift }) => taps - 1 - shift));
  const end = Math.max(...classes.map(({ count, shift }) => count + shift));
  return { classes, pad, size: end + pad };
}

function gradientJob(problem: ConvInputGradientProblem): Job {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = problem;
  const { kernel, stride, padding } = problem;
  const [kh, kw] = kernel;
  const rows = axisClasses(inHeight, kh, stride[0], padding[0]);
  const columns = axisClasses(inWidth, kw, stride[1], padding[1]);
  const [even, odd] = columns.classes;
  // Two classes of columns together are stored by fours. Few channels stand on the rows of Q: planTensorProduct.
  const inTurn: readonly Phased<AxisClass>[] =
    stride[1] === 2 && inWidth % 4 === 0 && inChannels >= 32
      ? [[even!, odd!]]
      : columns.classes.map((only) => [only] as const);
  return {
    label: 'conv2d-input-gradient/soft-patches',
    image: {
      batch,
      channels: outChannels,
      height: outHeight,
      width: outWidth,
      step: [1, 1],
      pad: [rows.pad, columns.pad],
      rows: rows.size,
      pitch: columns.size,
    },
    products: rows.classes.flatMap((y) =>
      inTurn.map((phases) => ({
        grid: [y.count, phases[0].count] as const,
        channels: inChannels,
        phases: mapPhases(phases, (x) => ({
          taps: [y.taps, x.taps] as const,
          first: [y.shift + rows.pad, x.shift + columns.pad] as const,
          weights: {
            ROWS: inChannels,
            CHANNELS: outChannels,
            CHANNELS_4: ceilDiv(outChannels, 4),
            TAPS_T: x.taps,
            STRIDE_ROW: kh * kw,
            STRIDE_CHANNEL: inChannels * kh * kw,
            TAP_FIRST: y.first * kw + x.first,
            R_STEP: stride[0] * kw,
            T_STEP: stride[1],
          },
        })),
        pixelStep: [1, 1] as const,
        tapStep: [-1, -1] as const,
        place: {
          OUT_FIRST: y.remainder * inWidth + phases[0].remainder,
          OUT_STEP_Y: stride[0] * inWidth,
          OUT_STEP_X: stride[1],
          STRIDE_IMAGE: inChannels * inHeight * inWidth,
          STRIDE_CHANNEL: inHeight * inWidth,
        },
      })),
    ),
    epilogue: problem.epilogue,
  };
}

/** The input gradient of a strided convolution. */
export const softPatchesConvInputGradient: Variant<ConvInputGradientProblem, ConvInputGradientIO> = {
  name: 'soft-patches',
  supports: (problem, device) => fits(gradientJob(problem), device),
  lower: (problem, io, ctx) => lower(gradientJob(problem), io, ctx),
};
