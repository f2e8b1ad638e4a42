/**
 * Everything that is one matrix product on software adapters: any convolution as a product of its patches (im2col) with its
 * weights, the input gradient of a strided convolution as one such product per phase of the stride, and the product itself.
 */
import packText from '../../shaders/soft_pack.wgsl';
import sumText from '../../shaders/soft_sum.wgsl';
import {
  type ConvInputGradientIO,
  type ConvInputGradientProblem,
  type ConvIO,
  type ConvProblem,
  ceilDiv,
  type DeviceTraits,
  type Dispatch,
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
import {
  emitProduct,
  hasUniformWindows,
  MAX_K,
  type PackedProduct,
  type PackedSide,
  planProduct,
} from './soft-gemm';

const packShader: ShaderSource = { name: 'soft_pack', text: packText };
const sumShader: ShaderSource = { name: 'soft_sum', text: sumText };

/** Where element (row, k) of an operand is read from; the constants of soft_pack.wgsl that do not follow from the packing. */
type Source = Readonly<Record<string, number | boolean>> & {
  readonly TAPS_R: number;
  readonly TAPS_T: number;
  readonly CHANNELS: number;
};

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
  const k = job.channelSource.CHANNELS * job.channelSource.TAPS_R * job.channelSource.TAPS_T;
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
    Math.max(product.p.bytes, product.q.bytes, partial) <= limit &&
    Math.max(product.p.blocks, product.q.blocks, ceilDiv(job.pixels, 8), ceilDiv(job.channels, 8)) <= 65535
  );
}

function packDispatch(
  label: string,
  product: PackedProduct,
  side: PackedSide,
  rows: number,
  source: Source,
  from: Operand,
  to: Operand,
): Dispatch {
  const fours = product.k4 * product.slices * product.batches;
  const foursEach = Math.min(4, fours);
  return {
    label,
    shader: packShader,
    constants: {
      ...source,
      ROWS: rows,
      K4: product.k4,
      SLICES: product.slices,
      CHUNKS: product.batches,
      BLOCKS: side.blocks,
      FOURS_EACH: foursEach,
    },
    bindings: [
      { operand: from, access: 'read' },
      { operand: to, access: 'write' },
    ],
    workgroups: [side.blocks, ceilDiv(fours, foursEach), 1],
  };
}

function emitJob(job: Job, operands: JobOperands, ctx: Lowering): void {
  const { chunks, pixelsOnLanes, product, pixelSide, channelSide } = planJob(job);
  const pack = (what: 'pixels' | 'channels', side: PackedSide, rows: number, source: Source): Operand => {
    const from = operands[what];
    const build = (to: Operand) => packDispatch(`${job.label}/pack`, product, side, rows, source, from, to);
    if (operands.constant === what || operands.constant === 'both') {
      const key = `packed ${[...Object.values(source), rows, side.rows, product.k4, product.slices, chunks].join()}`;
      return ctx.prepared(from, key, side.bytes, (to) => [build(to)]);
    }
    const target = ctx.scratch(`packed ${what}`, side.bytes);
    ctx.emit(build(target));
    return target;
  };
  const channels = pack('channels', channelSide, job.channels, job.channelSource);
  const pixels = pack('pixels', pixelSide, job.pixels, job.pixelSource);
  const finish = {
    PIXELS: job.pixels,
    CHANNELS: job.channels,
    ...job.place,
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
        constants: { SPLIT: false, PIXELS_ON_LANES: pixelsOnLanes, EXACT: exact, ...finish },
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
      constants: { SPLIT: true, STRIDE_Z: strideChunk, STRIDE_P: 1, STRIDE_Q: rows },
      bindings: [{ operand: partial, access: 'write' }],
    },
    anchor,
  );
  const [pixelGroups, channelGroups] = [ceilDiv(job.pixels, 8), ceilDiv(job.channels, 8)];
  ctx.emit({
    label: `${job.label}/sum`,
    shader: sumShader,
    constants: {
      CHUNKS: chunks,
      STRIDE_CHUNK: strideChunk,
      STRIDE_P_PIXEL: pixelsOnLanes ? 1 : rows,
      STRIDE_P_CHANNEL: pixelsOnLanes ? rows : 1,
      ...finish,
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
      CHANNELS: inChannels,
      TAPS_R: kh,
      TAPS_T: kw,
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
    channelSource: {
      WEIGHT: true,
      CHANNELS: inChannels,
      TAPS_R: kh,
      TAPS_T: kw,
      STRIDE_ROW: flipped ? kh * kw : inChannels * kh * kw,
      STRIDE_CHANNEL: flipped ? outChannels * kh * kw : kh * kw,
      R_FIRST: flipped ? kh - 1 : 0,
      R_STEP: flipped ? -1 : 1,
      R_STRIDE: kw,
      T_FIRST: flipped ? kw - 1 : 0,
      T_STEP: flipped ? -1 : 1,
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

/** Along one axis: the outputs of phase `phase` (input coordinate = phase mod stride) and the taps that reach them. */
function phaseOf(phase: number, extent: number, kernel: number, stride: number, padding: number) {
  const first = (phase + padding) % stride;
  return {
    count: phase < extent ? ceilDiv(extent - phase, stride) : 0,
    taps: first < kernel ? ceilDiv(kernel - first, stride) : 0,
    first,
    origin: (phase + padding - first) / stride,
  };
}

/**
 * dx[i, y, x] sums dy[o, (y + p - r) / s, ...] w[o, i, r, ...] over the taps r = (y + p) mod s. All y of one phase (y mod s) share their
 * taps: a stride-1 product each. A phase without taps has one made up beyond the image, so that its epilogue is still applied.
 */
function gradientJobs(problem: ConvInputGradientProblem): Job[] {
  const { inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = problem;
  const [kh, kw] = problem.kernel;
  const [sy, sx] = problem.stride;
  const jobs: Job[] = [];
  for (let py = 0; py < sy; py++) {
    for (let px = 0; px < sx; px++) {
      const y = phaseOf(py, inHeight, kh, sy, problem.padding[0]);
      const x = phaseOf(px, inWidth, kw, sx, problem.padding[1]);
      if (y.count === 0 || x.count === 0) continue;
      const empty = y.taps === 0 || x.taps === 0;
      jobs.push({
        label: 'conv2d-input-gradient/soft-phases',
        pixels: problem.batch * y.count * x.count,
        channels: inChannels,
        pixelSource: {
          WEIGHT: false,
          CHANNELS: empty ? 1 : outChannels,
          TAPS_R: empty ? 1 : y.taps,
          TAPS_T: empty ? 1 : x.taps,
          HEIGHT: outHeight,
          WIDTH: outWidth,
          GRID_HEIGHT: y.count,
          GRID_WIDTH: x.count,
          Y_STRIDE: 1,
          X_STRIDE: 1,
          Y_FIRST: empty ? outHeight : y.origin,
          X_FIRST: x.origin,
          Y_STEP: -1,
          X_STEP: -1,
        },
        channelSource: {
          WEIGHT: true,
          CHANNELS: empty ? 1 : outChannels,
          TAPS_R: empty ? 1 : y.taps,
          TAPS_T: empty ? 1 : x.taps,
          STRIDE_ROW: kh * kw,
          STRIDE_CHANNEL: inChannels * kh * kw,
          R_FIRST: empty ? 0 : y.first,
          R_STEP: sy,
          R_STRIDE: kw,
          T_FIRST: empty ? 0 : x.first,
          T_STEP: sx,
        },
        place: {
          IMAGE_PIXELS: y.count * x.count,
          IMAGE_WIDTH: x.count,
          STRIDE_IMAGE: inChannels * inHeight * inWidth,
          STRIDE_CHANNEL: inHeight * inWidth,
          STRIDE_Y: sy * inWidth,
          STRIDE_X: sx,
          ORIGIN: py * inWidth + px,
        },
        channelBias: true,
        epilogue: problem.epilogue,
      });
    }
  }
  return jobs;
}

/** The input gradient of a strided convolution, phase by phase. */
export const softPhasesConvInputGradient: Variant<ConvInputGradientProblem, ConvInputGradientIO> = {
  name: 'soft-phases',
  supports: (problem, device) => gradientJobs(problem).every((job) => fits(job, device)),
  lower(problem, io, ctx) {
    for (const job of gradientJobs(problem)) {
      emitJob(job, { ...io, pixels: io.input, channels: io.weight, constant: 'channels' }, ctx);
    }
  },
};

function matmulJob({ m, n, k, transposeA, transposeB, epilogue }: MatmulProblem): Job {
  const matrix = (stride: number, strideK: number): Source => ({
    WEIGHT: true,
    CHANNELS: k,
    TAPS_R: 1,
    TAPS_T: 1,
    STRIDE_ROW: stride,
    STRIDE_CHANNEL: strideK,
    R_FIRST: 0,
    R_STEP: 0,
    R_STRIDE: 0,
    T_FIRST: 0,
    T_STEP: 0,
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
