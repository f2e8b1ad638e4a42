/**
 * Matrix products for real GPUs: tiles in workgroup memory (shaders/tiled_matmul.wgsl), the sum split over workgroups where the output
 * alone is too small, row kernels for few rows (tiled-gemv.ts) and tensor cores (tiled-subgroup-matrix.ts).
 */
import { ceilDiv, type DeviceTraits, type Lowering, type Variant } from '../dispatch.js';
import type { MatmulIO, MatmulProblem } from '../problem.js';
import { bindProduct } from './naive.js';
import { chooseTiled, type Family, tiledVariants, type Way } from './tiled-family.js';
import { tiledGemv } from './tiled-gemv.js';
import { subgroupMatrixVariants } from './tiled-subgroup-matrix.js';
import {
  emitReduce,
  gridOf,
  NO_EPILOGUE,
  type PackOrder,
  packedBytes,
  packWeight,
  splitTarget,
  TILES,
  tileConstants,
  tiledMatmulShader,
  tileStorage,
} from './tiled-tile.js';

type MatmulVariant = Variant<MatmulProblem, MatmulIO>;

/** B as packed rows of four columns, for f16. */
function packOrder({ n, k, transposeB }: MatmulProblem): PackOrder {
  return {
    c: k,
    taps: 1,
    m: n,
    strideC: transposeB ? 1 : n,
    strideM: transposeB ? k : 1,
    flipped: false,
    tapMajor: false,
  };
}

/** Slots added to the rows of a tile whose operand is turned while it is loaded. */
function padding({ transposeA, transposeB }: MatmulProblem, f16: boolean): readonly [number, number] {
  return [transposeA ? 0 : 1, transposeB && !f16 ? 1 : 0];
}

const family: Family<MatmulProblem, MatmulIO> = {
  extent: ({ m, n, k }) => ({ rows: m, columns: n, k }),
  storage: (problem, { tile, f16 }) => tileStorage(tile, f16 ? 2 : 4, padding(problem, f16)),
  packed: (problem, { f16 }) => (f16 ? packedBytes(packOrder(problem), true) : 0),
  output: ({ m, n }) => m * n * 4,
  lower: lowerTiled,
  splitTiles: [TILES['64x64'], TILES['32x32']],
};

function lowerTiled(
  problem: MatmulProblem,
  io: MatmulIO,
  ctx: Lowering,
  { name, tile, split, f16 }: Way,
): void {
  const { m, n, k } = problem;
  const b = f16 ? packWeight(ctx, 'matmul', io.b, packOrder(problem), true) : io.b;
  const transposeB = problem.transposeB && !f16;
  const target = splitTarget(ctx, io.output, split);
  const { bindings, constants } = bindProduct(
    [io.a, b],
    target,
    split > 1 ? NO_EPILOGUE : problem.epilogue,
    split > 1 ? {} : io,
  );
  const [padA, padB] = padding(problem, f16);
  ctx.emit({
    label: `matmul/${name}`,
    shader: tiledMatmulShader,
    constants: {
      ...tileConstants(tile),
      ...constants,
      M: m,
      N: n,
      NP: 4 * ceilDiv(n, 4),
      K: k,
      PA: tile.bm / 4 + padA,
      PB: tile.bn / 4 + padB,
      SPLIT: split,
      TRANSPOSE_A: problem.transposeA,
      TRANSPOSE_B: transposeB,
      VEC_A: problem.transposeA && m % 4 === 0,
      VEC_B: f16 || (!transposeB && n % 4 === 0),
      VEC_C: n % 4 === 0,
      F16: f16,
    },
    bindings,
    workgroups: gridOf(tile, family.extent(problem), split),
  });
  if (split > 1)
    emitReduce(ctx, `matmul/${name}/reduce`, target, io.output, split, n, 1, problem.epilogue, io);
}

const tiles = tiledVariants(family);

export const tiledMatmulVariants: readonly MatmulVariant[] = [...tiles, tiledGemv, ...subgroupMatrixVariants];

/** Rows up to which reading the weight bounds the product on any GPU: 2 * 16 flops per 4 bytes read. */
const FEW_ROWS = 16;

/**
 * The variant for a GPU that has not been measured: the row kernel for few rows, else the tile and split with the least estimate.
 * Tensor cores and f16 are left to the tuner and the user.
 */
export function chooseTiledMatmul(problem: MatmulProblem, device: DeviceTraits): MatmulVariant | undefined {
  if (problem.m <= FEW_ROWS && tiledGemv.supports(problem, device)) return tiledGemv;
  return chooseTiled(family, tiles, problem, device);
}
