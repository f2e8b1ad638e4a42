/**
 * Convolution for real GPUs: implicit matrix product over tiles in workgroup memory (shaders/tiled_conv.wgsl), with the sum split over
 * workgroups where the output alone would leave the GPU idle, and Winograd (tiled-winograd.ts).
 */
import type { DeviceTraits, Lowering, Variant } from '../dispatch.js';
import type { ConvIO, ConvProblem } from '../problem.js';
import { bindProduct } from './naive.js';
import { chooseTiled, type Family, tiledVariants, type Way } from './tiled-family.js';
import {
  type Extent,
  emitReduce,
  gridOf,
  NO_EPILOGUE,
  type PackOrder,
  packedBytes,
  packWeight,
  splitTarget,
  TILES,
  tileConstants,
  tiledConvShader,
  tileStorage,
} from './tiled-tile.js';
import { tiledWinogradVariants } from './tiled-winograd.js';

type ConvVariant = Variant<ConvProblem, ConvIO>;

/** The convolution as a product: channels x pixels of the batch over channels and taps. */
function convExtent(problem: ConvProblem): Extent {
  return {
    rows: problem.outChannels,
    columns: problem.batch * problem.outHeight * problem.outWidth,
    k: problem.inChannels * problem.kernel[0] * problem.kernel[1],
  };
}

/** How the weight of either layout is read as (input channel, tap, output channel). */
function convWeightOrder(problem: ConvProblem): PackOrder {
  const taps = problem.kernel[0] * problem.kernel[1];
  const flipped = problem.weightLayout === 'flipped';
  return {
    c: problem.inChannels,
    taps,
    m: problem.outChannels,
    strideC: flipped ? problem.outChannels * taps : taps,
    strideM: flipped ? taps : problem.inChannels * taps,
    flipped,
    tapMajor: false,
  };
}

/** Whether input and output can be read and written by four pixels. */
function byFour(problem: ConvProblem): boolean {
  const { kernel, stride, padding } = problem;
  const pointwise =
    [...kernel, ...stride].every((extent) => extent === 1) && padding[0] === 0 && padding[1] === 0;
  return pointwise && (problem.outHeight * problem.outWidth) % 4 === 0;
}

const family: Family<ConvProblem, ConvIO> = {
  extent: convExtent,
  storage: (_, { tile, f16 }) => tileStorage(tile, f16 ? 2 : 4),
  packed: (problem, { f16 }) => packedBytes(convWeightOrder(problem), f16),
  output: (problem) => problem.batch * problem.outChannels * problem.outHeight * problem.outWidth * 4,
  lower: lowerTiled,
  splitTiles: [TILES['64x64'], TILES['64x32'], TILES['32x32']],
};

function lowerTiled(problem: ConvProblem, io: ConvIO, ctx: Lowering, { name, tile, split, f16 }: Way): void {
  const extent = convExtent(problem);
  const weight = packWeight(ctx, 'conv2d', io.weight, convWeightOrder(problem), f16);
  const target = splitTarget(ctx, io.output, split);
  const { bindings, constants } = bindProduct(
    [io.input, weight],
    target,
    split > 1 ? NO_EPILOGUE : problem.epilogue,
    split > 1 ? {} : io,
  );
  ctx.emit({
    label: `conv2d/${name}`,
    shader: tiledConvShader,
    constants: {
      ...tileConstants(tile),
      ...constants,
      BATCH: problem.batch,
      C: problem.inChannels,
      H: problem.inHeight,
      W: problem.inWidth,
      M: problem.outChannels,
      MP: Math.ceil(problem.outChannels / 4) * 4,
      OH: problem.outHeight,
      OW: problem.outWidth,
      KH: problem.kernel[0],
      KW: problem.kernel[1],
      SH: problem.stride[0],
      SW: problem.stride[1],
      PH: problem.padding[0],
      PW: problem.padding[1],
      SPLIT: split,
      GRADIENT: false,
      VEC: byFour(problem),
      F16: f16,
    },
    bindings,
    workgroups: gridOf(tile, extent, split),
  });
  if (split === 1) return;
  const inner = problem.outHeight * problem.outWidth;
  emitReduce(
    ctx,
    `conv2d/${name}/reduce`,
    target,
    io.output,
    split,
    problem.outChannels,
    inner,
    problem.epilogue,
    io,
  );
}

const tiles = tiledVariants(family);

export const tiledConvVariants: readonly ConvVariant[] = [...tiles, ...tiledWinogradVariants];

/**
 * The variant for a GPU that has not been measured (`chooseTiled`). Winograd and f16 are left to the tuner and the user: the first trades
 * arithmetic for memory traffic, which only a measurement can weigh, the second changes the numbers.
 */
export function chooseTiledConv(problem: ConvProblem, device: DeviceTraits): ConvVariant | undefined {
  return chooseTiled(family, tiles, problem, device);
}
