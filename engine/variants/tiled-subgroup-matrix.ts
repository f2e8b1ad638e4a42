/**
 * Matrix products on tensor cores, through Dawn's experimental subgroup matrices (shaders/tiled_subgroup_matrix.wgsl). Compiled by Dawn, but
 * never run by the authors, who had no device with the feature: never a default.
 */

import { shaderSource } from '../../shaders/source.js';
import tiledSubgroupMatrixText from '../../shaders/tiled_subgroup_matrix.wgsl';
import { ceilDiv, type DeviceTraits, type SubgroupMatrixConfig, type Variant } from '../dispatch.js';
import type { MatmulIO, MatmulProblem } from '../problem.js';
import { bindProduct } from './naive.js';
import { fits } from './tiled-tile.js';

const tiledSubgroupMatrixShader = shaderSource('tiled_subgroup_matrix', tiledSubgroupMatrixText);

/** Rows and columns of a workgroup. */
const BLOCK = 64;
const THREADS = 128;

/** A shape that tiles a subgroup's 32 x 32 and sums in f32. */
function configOf(device: DeviceTraits, type: 'f16' | 'f32'): SubgroupMatrixConfig | undefined {
  return device.subgroupMatrixConfigs.find(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === type &&
      resultComponentType === 'f32' &&
      [M, N, K].every((extent) => 32 % extent === 0),
  );
}

function variant(type: 'f16' | 'f32'): Variant<MatmulProblem, MatmulIO> {
  const name = `tiled-subgroup-matrix-${type}`;
  const bk = type === 'f16' ? 32 : 16;
  const pad = type === 'f16' ? 8 : 4;
  // Both tiles, and a quarter of the block in f32.
  const storage = (BLOCK * (bk + pad) + bk * (BLOCK + pad)) * (type === 'f16' ? 2 : 4) + BLOCK * BLOCK;
  const gridOf = (problem: MatmulProblem): [number, number, number] => [
    ceilDiv(problem.n, BLOCK),
    ceilDiv(problem.m, BLOCK),
    1,
  ];
  return {
    name,
    madeFor: 'gpu',
    ...(type === 'f16' ? { precision: type } : {}),
    supports(problem, device) {
      const config = configOf(device, type);
      return (
        device.features.has('chromium-experimental-subgroup-matrix') &&
        (type === 'f32' || device.features.has('shader-f16')) &&
        device.subgroupSize === 32 &&
        config !== undefined &&
        bk % config.K === 0 &&
        fits(device, THREADS, storage, gridOf(problem), [])
      );
    },
    lower(problem, io, ctx) {
      const { M, N, K } = configOf(ctx.device, type)!;
      const { bindings, constants } = bindProduct([io.a, io.b], io.output, problem.epilogue, io);
      ctx.emit({
        label: `matmul/${name}`,
        shader: tiledSubgroupMatrixShader,
        constants: {
          ...constants,
          M: problem.m,
          N: problem.n,
          K: problem.k,
          SM: M,
          SN: N,
          SK: K,
          BK: bk,
          PAD: pad,
          TRANSPOSE_A: problem.transposeA,
          TRANSPOSE_B: problem.transposeB,
          F16: type === 'f16',
        },
        bindings,
        workgroups: gridOf(problem),
      });
    },
  };
}

/** f32 keeps the numbers of the other variants (Apple's 8x8x8); f16 (NVIDIA, Intel) rounds the operands to f16. */
export const subgroupMatrixVariants = [variant('f32'), variant('f16')] as const;
