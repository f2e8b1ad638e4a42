/**
 * The input gradient of strided convolutions for real GPUs. The pixels of dx fall into SH x SW phases; each sees the taps of one parity only, so
 * it is a stride-1 convolution of dy. All phases run in one dispatch of shaders/tiled_conv.wgsl: no multiplication by the zeros
 * that a dilated dy would have, and no barrier between phases.
 */
import { ceilDiv, type DeviceTraits, type Lowering, type Variant } from '../dispatch.js';
import type { ConvInputGradientIO, ConvInputGradientProblem } from '../problem.js';
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

type GradientVariant = Variant<ConvInputGradientProblem, ConvInputGradientIO>;

/** One product per phase; the extents are those of the largest phase. */
function gradientExtent(problem: ConvInputGradientProblem): Extent {
  const { kernel, stride } = problem;
  const pixels = ceilDiv(problem.inHeight, stride[0]) * ceilDiv(problem.inWidth, stride[1]);
  return {
    rows: problem.inChannels,
    columns: problem.batch * pixels,
    k: problem.outChannels * ceilDiv(kernel[0], stride[0]) * ceilDiv(kernel[1], stride[1]),
    copies: stride[0] * stride[1],
  };
}

function weightOrder(problem: ConvInputGradientProblem): PackOrder {
  const taps = problem.kernel[0] * problem.kernel[1];
  return {
    c: problem.outChannels,
    taps,
    m: problem.inChannels,
    strideC: problem.inChannels * taps,
    strideM: taps,
    flipped: false,
    tapMajor: true,
  };
}

const family: Family<ConvInputGradientProblem, ConvInputGradientIO> = {
  extent: gradientExtent,
  storage: (_, { tile, f16 }) => tileStorage(tile, f16 ? 2 : 4),
  packed: (problem, { f16 }) => packedBytes(weightOrder(problem), f16),
  output: (problem) => problem.batch * problem.inChannels * problem.inHeight * problem.inWidth * 4,
  lower: lowerTiled,
  splitTiles: [TILES['64x64'], TILES['32x32']],
};

function lowerTiled(
  problem: ConvInputGradientProblem,
  io: ConvInputGradientIO,
  ctx: Lowering,
  { name, tile, split, f16 }: Way,
): void {
  const weight = packWeight(ctx, 'conv2dInputGradient', io.weight, weightOrder(problem), f16);
  const target = splitTarget(ctx, io.output, split);
  const { bindings, constants } = bindProduct(
    [io.input, weight],
    target,
    split > 1 ? NO_EPILOGUE : problem.epilogue,
    split > 1 ? {} : io,
  );
  ctx.emit({
    label: `conv2dInputGradient/${name}`,
    shader: tiledConvShader,
    constants: {
      ...tileConstants(tile),
      ...constants,
      BATCH: problem.batch,
      C: problem.outChannels,
      H: problem.outHeight,
      W: problem.outWidth,
      M: problem.inChannels,
      MP: Math.ceil(problem.inChannels / 4) * 4,
      OH: problem.inHeight,
      OW: problem.inWidth,
      KH: problem.kernel[0],
      KW: problem.kernel[1],
      SH: problem.stride[0],
      SW: problem.stride[1],
      PH: problem.padding[0],
      PW: problem.padding[1],
      SPLIT: split,
      GRADIENT: true,
      VEC: false,
      F16: f16,
    },
    bindings,
    workgroups: gridOf(tile, gradientExtent(problem), split),
  });
  if (split === 1) return;
  const label = `conv2dInputGradient/${name}/reduce`;
  const inner = problem.inHeight * problem.inWidth;
  emitReduce(ctx, label, target, io.output, split, problem.inChannels, inner, problem.epilogue, io);
}

export const tiledConvInputGradientVariants: readonly GradientVariant[] = tiledVariants(family);

/** The variant for a GPU that has not been measured (`chooseTiled`); the phases count as independent products. */
export function chooseTiledConvInputGradient(
  problem: ConvInputGradientProblem,
  device: DeviceTraits,
): GradientVariant | undefined {
  return chooseTiled(family, tiledConvInputGradientVariants, problem, device);
}
