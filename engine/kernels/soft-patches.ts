/**
 * What is one matrix product on software adapters: any convolution as the product of its patches (im2col) with its weights, and the
 * product itself.
 */
import sumText from '../../shaders/soft_sum.wgsl';
import {
  type ConvIO,
  type ConvProblem,
  ceilDiv,
  type DeviceTraits,
  type Epilogue,
  type EpilogueOperands,
  type Lowering,
  type MatmulIO,
  type MatmulProblem,
  type Operand,
  type ShaderSource,
  type Variant,
} from '../kernel';
import { epilogueBindings, epilogueConstants } from './soft-epilogue';
import { emitProduct, hasUniformWindows, MAX_K, MAX_PIXELS, type PackedSide, planProduct } from './soft-gemm';
import { packDispatch, type Source } from './soft-pack';

const sumShader: ShaderSource = { name: 'soft_sum', text: sumText };

interface Job {
  readonly label: string;
  /** Rows of the product that count output pixels, and those that count channels. */
  readonly pixels: number;
  readonly channels: number;
  readonly pixelSource: Source;
  readonly channelSource: Source;
  /** Addresses of the output: soft_gemm.wgsl. */
  readonly place: Readonly<Record<string, number>>;
  readonly channelBias: boolean;
  readonly epilogue: Epilogue;
}

interface JobOperands extends EpilogueOperands {
  readonly pixels: Operand;
  readonly channels: Operand;
  readonly output: Operand;
  /** Which operand's packing is kept where it is a constant. */
  readonly constant: 'pixels' | 'channels' | 'both';
}

function planJob(job: Job) {
  const k = job.channelSource.shape.CHANNELS * job.channelSource.TAPS_R * job.channelSource.TAPS_T;
  const chunks = ceilDiv(k, MAX_K);
  const pixelsOnLanes = job.pixels >= 32 || job.pixels >= job.channels;
  const kChunk = ceilDiv(k, chunks);
  const product = pixelsOnLanes
    ? planProduct(chunks, job.pixels, job.channels, kChunk)
    : planProduct(chunks, job.channels, job.pixels, kChunk);
  const [pixelSide, channelSide] = pixelsOnLanes ? [product.p, product.q] : [product.q, product.p];
  return { chunks, pixelsOnLanes, product, pixelSide, channelSide };
}

function fits(job: Job, device: DeviceTraits): boolean {
  if (!hasUniformWindows(device)) return false;
  const { product, chunks } = planJob(job);
  const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const partial = chunks > 1 ? chunks * product.p.rows * product.q.rows * 4 : 0;
  return (
    job.pixels < MAX_PIXELS &&
    Math.max(product.p.bytes, product.q.bytes, partial) <= limit &&
    Math.max(product.p.blocks, product.q.blocks, ceilDiv(job.pixels, 8), ceilDiv(job.channels, 8)) <= 65535
  );
}

function emitJob(job: Job, operands: JobOperands, ctx: Lowering): void {
  const { chunks, pixelsOnLanes, product, pixelSide, channelSide } = planJob(job);
  const pack = (what: 'pixels' | 'channels', side: PackedSide, rows: number, source: Source): Operand => {
    const from = operands[what];
    const build = (to: Operand) => packDispatch(`${job.label}/pack`, product, side, rows, source, from, to);
    if (operands.constant === what || operands.constant === 'both') {
      const key = `packed ${[...Object.values(source.shape), source.TAPS_R, source.TAPS_T, rows, side.rows, product.k4, product.slices, chunks].join()}`;
      return ctx.prepared(from, key, side.bytes, (to) => [build(to)]);
    }
    const target = ctx.scratch(`packed ${what}`, side.bytes);
    ctx.emit(build(target));
    return target;
  };
  const channels = pack('channels', channelSide, job.channels, job.channelSource);
  const pixels = pack('pixels', pixelSide, job.pixels, job.pixelSource);
  const finishShape = { PIXELS: job.pixels, CHANNELS: job.channels, ...job.place };
  const finish = {
    PIXELS_ON_LANES: pixelsOnLanes,
    ...epilogueConstants(job.epilogue),
    CHANNEL_BIAS: job.channelBias,
  };
  const epilogue = epilogueBindings(job.epilogue, operands);
  const [p, q] = pixelsOnLanes ? [pixels, channels] : [channels, pixels];
  const anchor = operands.constant === 'pixels' ? operands.pixels : operands.channels;
  if (chunks === 1) {
    const exact = pixelSide.rows === job.pixels && channelSide.rows === job.channels;
    emitProduct(
      ctx,
      `${job.label}/product`,
      product,
      p,
      q,
      {
        constants: { SPLIT: false, EXACT: exact, ...finish },
        shape: { STRIDE_Z: 0, STRIDE_P: 0, STRIDE_Q: 0, ...finishShape },
        bindings: [{ operand: operands.output, access: 'write' }, ...epilogue],
      },
      anchor,
    );
    return;
  }
  const rows = product.p.rows;
  const strideChunk = rows * product.q.rows;
  const partial = ctx.scratch('partial sums', chunks * strideChunk * 4);
  emitProduct(
    ctx,
    `${job.label}/product`,
    product,
    p,
    q,
    {
      constants: { SPLIT: true },
      shape: { STRIDE_Z: strideChunk, STRIDE_P: 1, STRIDE_Q: rows },
      bindings: [{ operand: partial, access: 'write' }],
    },
    anchor,
  );
  const [pixelGroups, channelGroups] = [ceilDiv(job.pixels, 8), ceilDiv(job.channels, 8)];
  ctx.emit({
    label: `${job.label}/sum`,
    shader: sumShader,
    constants: finish,
    shape: {
      CHUNKS: chunks,
      STRIDE_CHUNK: strideChunk,
      STRIDE_P_PIXEL: pixelsOnLanes ? 1 : rows,
      STRIDE_P_CHANNEL: pixelsOnLanes ? rows : 1,
      ...finishShape,
    },
    bindings: [
      { operand: partial, access: 'read' },
      { operand: operands.output, access: 'write' },
      ...epilogue,
    ],
    workgroups: pixelsOnLanes ? [pixelGroups, channelGroups, 1] : [channelGroups, pixelGroups, 1],
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
        Y_FIRST: -problem.padding[0],
        X_FIRST: -problem.padding[1],
        Y_STEP: 1,
        X_STEP: 1,
      },
    },
    channelSource: {
      WEIGHT: true,
      TAPS_R: kh,
      TAPS_T: kw,
      shape: {
        CHANNELS: inChannels,
        STRIDE_ROW: flipped ? kh * kw : inChannels * kh * kw,
        STRIDE_CHANNEL: flipped ? outChannels * kh * kw : kh * kw,
        R_FIRST: flipped ? kh - 1 : 0,
        R_STEP: flipped ? -1 : 1,
        R_STRIDE: kw,
        T_FIRST: flipped ? kw - 1 : 0,
        T_STEP: flipped ? -1 : 1,
      },
    },
    place: {
      IMAGE_PIXELS: pixels,
      IMAGE_WIDTH: outWidth,
      STRIDE_IMAGE: outChannels * pixels,
      STRIDE_CHANNEL: pixels,
      STRIDE_Y: outWidth,
      STRIDE_X: 1,
      ORIGIN: 0,
    },
    channelBias: true,
    epilogue: problem.epilogue,
  };
}

/** Any convolution: patches packed as one operand, weights as the other. */
export const softPatchesConv: Variant<ConvProblem, ConvIO> = {
  name: 'soft-patches',
  supports: (problem, device) => fits(convJob(problem), device),
  lower(problem, io, ctx) {
    emitJob(convJob(problem), { ...io, pixels: io.input, channels: io.weight, constant: 'channels' }, ctx);
  },
};

function matmulJob({ m, n, k, transposeA, transposeB, epilogue }: MatmulProblem): Job {
  const matrix = (stride: number, strideK: number): Source => ({
    WEIGHT: true,
    TAPS_R: 1,
    TAPS_T: 1,
    shape: {
      CHANNELS: k,
      STRIDE_ROW: stride,
      STRIDE_CHANNEL: strideK,
      R_FIRST: 0,
      R_STEP: 0,
      R_STRIDE: 0,
      T_FIRST: 0,
      T_STEP: 0,
    },
  });
  return {
    label: 'matmul/soft-packed',
    pixels: n,
    channels: m,
    pixelSource: transposeB ? matrix(k, 1) : matrix(1, n),
    channelSource: transposeA ? matrix(1, m) : matrix(k, 1),
    place: {
      IMAGE_PIXELS: n,
      IMAGE_WIDTH: n,
      STRIDE_IMAGE: 0,
      STRIDE_CHANNEL: n,
      STRIDE_Y: 0,
      STRIDE_X: 1,
      ORIGIN: 0,
    },
    channelBias: false,
    epilogue,
  };
}

/** The matrix product: "pixels" are the columns of C, "channels" its rows. */
export const softPackedMatmul: Variant<MatmulProblem, MatmulIO> = {
  name: 'soft-packed',
  supports: (problem, device) => fits(matmulJob(problem), device),
  lower(problem, io, ctx) {
    emitJob(matmulJob(problem), { ...io, pixels: io.b, channels: io.a, constant: 'both' }, ctx);
  },
};
