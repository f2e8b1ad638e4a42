/**
 * What is one matrix product on software adapters: any convolution as the product of its patches (im2col) with its weights, and the
 * product itself.
 */
import type {
  ConvIO,
  ConvProblem,
  DeviceTraits,
  Epilogue,
  EpilogueOperands,
  Lowering,
  MatmulIO,
  MatmulProblem,
  Operand,
  Variant,
} from '../kernel';
import { epilogueBindings, epilogueShape } from './soft-epilogue';
import { emitProduct, type PackedSide, planProduct, productFits } from './soft-gemm';
import { matrixSource, packDispatch, type Source, weightSource } from './soft-pack';

interface Job {
  readonly label: string;
  /** Rows of the product that count output pixels, and those that count channels. */
  readonly pixels: number;
  readonly channels: number;
  readonly pixelSource: Source;
  readonly channelSource: Source;
  /** Addresses of the output: soft_gemm.wgsl. */
  readonly place: Readonly<Record<'IMAGE_PIXELS' | 'STRIDE_IMAGE' | 'STRIDE_CHANNEL', number>>;
  readonly channelBias: boolean;
  readonly epilogue: Epilogue;
}

interface JobOperands extends EpilogueOperands {
  readonly pixels: Operand;
  readonly channels: Operand;
  readonly output: Operand;
  /** Which operand's packing is kept where it is a constant. */
  readonly constant: 'pixels' | 'channels' | 'both';
  /** A buffer that is no constant, or it would be kept for this alone: soft-epilogue.ts. */
  readonly spare: Operand;
}

/** Channels on the lanes fill them and let four pixels be stored at once; pixels where there are few channels. */
function planJob(job: Job) {
  const { CHANNELS, TAPS_R, TAPS_T } = { ...job.channelSource, ...job.channelSource.shape };
  const k = CHANNELS * TAPS_R * TAPS_T;
  const pixelsOnLanes = job.channels < 32 && job.pixels > job.channels;
  const product = pixelsOnLanes
    ? planProduct(1, job.pixels, job.channels, k)
    : planProduct(1, job.channels, job.pixels, k);
  const [pixelSide, channelSide] = pixelsOnLanes ? [product.p, product.q] : [product.q, product.p];
  return { pixelsOnLanes, product, pixelSide, channelSide };
}

function fits(job: Job, device: DeviceTraits): boolean {
  return productFits(planJob(job).product, device, false);
}

function emitJob(job: Job, operands: JobOperands, ctx: Lowering): void {
  const { pixelsOnLanes, product, pixelSide, channelSide } = planJob(job);
  const pack = (what: 'pixels' | 'channels', side: PackedSide, rows: number, source: Source): Operand => {
    const from = operands[what];
    const build = (to: Operand) => packDispatch(`${job.label}/pack`, product, side, rows, source, from, to);
    if (operands.constant === what || operands.constant === 'both') {
      const key = `packed ${[...Object.values(source.shape), source.TAPS_R, source.TAPS_T, rows, side.rows, side.tileBlocks].join()}`;
      return ctx.prepared(from, key, side.bytes, (to) => [build(to)], 'texture');
    }
    const target = ctx.scratch(`packed ${what}`, side.bytes, 'texture');
    ctx.emit(build(target));
    return target;
  };
  const channels = pack('channels', channelSide, job.channels, job.channelSource);
  const pixels = pack('pixels', pixelSide, job.pixels, job.pixelSource);
  const [p, q] = pixelsOnLanes ? [pixels, channels] : [channels, pixels];
  emitProduct(ctx, `${job.label}/product`, product, p, q, {
    constants: {
      SPLIT: false,
      VEC4: !pixelsOnLanes && job.place.IMAGE_PIXELS % 4 === 0,
      PIXELS_ON_LANES: pixelsOnLanes,
      CHANNEL_BIAS: job.channelBias,
    },
    shape: {
      PIXELS: job.pixels,
      CHANNELS: job.channels,
      ...job.place,
      ...epilogueShape(job.epilogue),
    },
    bindings: [
      { operand: operands.output, access: 'write' },
      ...epilogueBindings(job.epilogue, operands, operands.spare),
    ],
  });
}

function convJob(problem: ConvProblem): Job {
  const { inChannels, outChannels, outHeight, outWidth } = problem;
  const [kh, kw] = problem.kernel;
  const flipped = problem.weightLayout === 'flipped';
  const pixels = outHeight * outWidth;
  return {
    label: 'conv2d/soft-patches',
    pixels: problem.batch * pixels,
    channels: outChannels,
    pixelSource: {
      WEIGHT: false,
      TAPS_R: kh,
      TAPS_T: kw,
      shape: {
        CHANNELS: inChannels,
        HEIGHT: problem.inHeight,
        WIDTH: problem.inWidth,
        GRID_HEIGHT: outHeight,
        GRID_WIDTH: outWidth,
        Y_STRIDE: problem.stride[0],
        X_STRIDE: problem.stride[1],
        PAD_Y: problem.padding[0],
        PAD_X: problem.padding[1],
      },
    },
    channelSource: weightSource(
      {
        ROWS: outChannels,
        CHANNELS: inChannels,
        STRIDE_ROW: flipped ? kh * kw : inChannels * kh * kw,
        STRIDE_CHANNEL: flipped ? outChannels * kh * kw : kh * kw,
      },
      problem.kernel,
      flipped,
    ),
    place: { IMAGE_PIXELS: pixels, STRIDE_IMAGE: outChannels * pixels, STRIDE_CHANNEL: pixels },
    channelBias: true,
    epilogue: problem.epilogue,
  };
}

/** Any convolution: patches packed as one operand, weights as the other. */
export const softPatchesConv: Variant<ConvProblem, ConvIO> = {
  name: 'soft-patches',
  supports: (problem, device) => fits(convJob(problem), device),
  lower(problem, io, ctx) {
    emitJob(
      convJob(problem),
      {
        ...io,
        pixels: io.input,
        channels: io.weight,
        constant: 'channels',
        spare: io.input,
      },
      ctx,
    );
  },
};

function matmulJob({ m, n, k, transposeA, transposeB, epilogue }: MatmulProblem): Job {
  return {
    label: 'matmul/soft-packed',
    pixels: n,
    channels: m,
    pixelSource: transposeB ? matrixSource(n, k, k, 1) : matrixSource(n, k, 1, n),
    channelSource: transposeA ? matrixSource(m, k, 1, m) : matrixSource(m, k, k, 1),
    place: { IMAGE_PIXELS: n, STRIDE_IMAGE: 0, STRIDE_CHANNEL: n },
    channelBias: false,
    epilogue,
  };
}

/** The matrix product: "pixels" are the columns of C, "channels" its rows. */
export const softPackedMatmul: Variant<MatmulProblem, MatmulIO> = {
  name: 'soft-packed',
  supports: (problem, device) => fits(matmulJob(problem), device),
  lower(problem, io, ctx) {
    emitJob(matmulJob(problem), { ...io, pixels: io.b, channels: io.a, constant: 'both', spare: io.a }, ctx);
  },
};
