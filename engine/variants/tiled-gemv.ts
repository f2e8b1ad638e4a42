/**
 * Products with few rows for real GPUs (classifiers: batch x features times a large weight), bound by reading the weight: no tiles,
 * every weight read once per eight rows (shaders/tiled_gemv.wgsl).
 */

import { shaderSource } from '../../shaders/source.js';
import tiledGemvText from '../../shaders/tiled_gemv.wgsl';
import { ceilDiv, type Variant } from '../dispatch.js';
import type { MatmulIO, MatmulProblem } from '../problem.js';
import { bindProduct } from './naive.js';
import { fits } from './tiled-tile.js';

const tiledGemvShader = shaderSource('tiled_gemv', tiledGemvText);

const THREADS = 256;
/** Above this many rows a tile reads the weight less often. */
const MAX_ROWS = 64;

/** Rows and lanes of a workgroup. */
function plan(problem: MatmulProblem) {
  const rows = problem.m >= 8 ? 8 : problem.m > 2 ? 4 : problem.m;
  // Few columns: more lanes on each column's sum, so that there are workgroups enough (256 aimed at). Without TRANSPOSE_B eight
  // neighbouring lanes still read 128 bytes at once.
  const lanesN = problem.transposeB ? (problem.n >= 4096 ? 4 : 1) : problem.n >= 16384 ? 16 : 8;
  const chunk = Math.min(rows, 4);
  const grid: [number, number, number] = [ceilDiv(problem.n, 4 * lanesN), ceilDiv(problem.m, rows), 1];
  return { rows, lanesN, lanesK: THREADS / lanesN, chunk, grid };
}

export const tiledGemv: Variant<MatmulProblem, MatmulIO> = {
  name: 'tiled-gemv',
  madeFor: 'gpu',
  supports(problem, device) {
    const { chunk, grid } = plan(problem);
    return problem.m <= MAX_ROWS && fits(device, THREADS, chunk * THREADS * 16, grid, []);
  },
  lower(problem, io, ctx) {
    const { rows, lanesN, lanesK, chunk, grid } = plan(problem);
    const by = problem.transposeB && problem.k % 4 === 0 ? 4 : 1;
    const { bindings, constants } = bindProduct([io.a, io.b], io.output, problem.epilogue, io);
    ctx.emit({
      label: 'matmul/tiled-gemv',
      shader: tiledGemvShader,
      constants: {
        ...constants,
        M: problem.m,
        N: problem.n,
        K: problem.k,
        ROWS: rows,
        CHUNK: chunk,
        LANES_N: lanesN,
        LANES_K: lanesK,
        BY: by,
        VEC_A: by === 4 && !problem.transposeA,
        VEC_N: !problem.transposeB && problem.n % 4 === 0,
        TRANSPOSE_A: problem.transposeA,
        TRANSPOSE_B: problem.transposeB,
      },
      bindings,
      workgroups: grid,
    });
  },
};
