/**
 * Winograd convolution for real GPUs: 3x3 at stride 1 as SIZE^2 independent products of channels x patches, by the tiled product of
 * shaders/tiled_matmul.wgsl. F(2x2) divides the multiplications by 2.25, F(4x4) by 4; the transforms cost memory traffic instead, so
 * the tuner decides. Lavin and Gray 2015, arXiv:1509.09308.
 */

import { shaderSource } from '../../shaders/source.js';
import tiledWinogradInputText from '../../shaders/tiled_winograd_input.wgsl';
import tiledWinogradOutputText from '../../shaders/tiled_winograd_output.wgsl';
import tiledWinogradWeightsText from '../../shaders/tiled_winograd_weights.wgsl';
import { type Binding, ceilDiv, flatGrid, type Lowering, type Variant } from '../dispatch.js';
import type { ConvIO, ConvProblem } from '../problem.js';
import { bindEpilogue } from './naive.js';
import {
  chooseTile,
  type Extent,
  fits,
  gridOf,
  threadsOf,
  tileConstants,
  tiledMatmulShader,
  tileStorage,
} from './tiled-tile.js';

const tiledWinogradInputShader = shaderSource('tiled_winograd_input', tiledWinogradInputText);
const tiledWinogradOutputShader = shaderSource('tiled_winograd_output', tiledWinogradOutputText);
const tiledWinogradWeightsShader = shaderSource('tiled_winograd_weights', tiledWinogradWeightsText);

/** Sizes of the three steps. `mp`, `pp`: channels and patches rounded up to four. */
function plan(problem: ConvProblem, out: 2 | 4) {
  const size = out + 2;
  const rows = ceilDiv(problem.outHeight, out);
  const columns = ceilDiv(problem.outWidth, out);
  const patches = problem.batch * rows * columns;
  const mp = 4 * ceilDiv(problem.outChannels, 4);
  const pp = 4 * ceilDiv(patches, 4);
  const planes = size * size;
  const bytes = {
    weights: planes * problem.inChannels * mp * 4,
    input: planes * problem.inChannels * pp * 4,
    product: planes * mp * pp * 4,
  };
  const extent: Extent = { rows: mp, columns: pp, k: problem.inChannels, copies: planes };
  return { size, rows, columns, patches, mp, pp, bytes, extent };
}

function winograd(out: 2 | 4): Variant<ConvProblem, ConvIO> {
  const name = `tiled-winograd${out}`;
  /** The product is never split: its copies fill the GPU. */
  const tileOf = (problem: ConvProblem, device: Lowering['device']) => {
    const { extent, bytes } = plan(problem, out);
    return chooseTile(
      extent,
      (tile, split) =>
        split === 1 &&
        fits(device, threadsOf(tile), tileStorage(tile), gridOf(tile, extent, 1), Object.values(bytes)),
    )?.tile;
  };
  return {
    name,
    madeFor: 'gpu',
    supports: (problem, device) =>
      problem.kernel.every((extent) => extent === 3) &&
      problem.stride.every((step) => step === 1) &&
      tileOf(problem, device) !== undefined,
    lower(problem, io, ctx) {
      const { size, rows, columns, patches, mp, pp, bytes, extent } = plan(problem, out);
      const tile = tileOf(problem, ctx.device)!;
      const shared = { OUT: out, SIZE: size };
      const patchConstants = { ROWS: rows, COLUMNS: columns, PATCHES: patches, PP: pp };
      const weights = transformWeights(problem, io, ctx, name, shared, mp, bytes.weights);

      const input = ctx.scratch('winograd input', bytes.input);
      const inputGrid = flatGrid(problem.inChannels * pp);
      ctx.emit({
        label: `conv2d/${name}/input`,
        shader: tiledWinogradInputShader,
        constants: {
          ...shared,
          ...patchConstants,
          COUNT: problem.inChannels * pp,
          ROW: inputGrid.row,
          C: problem.inChannels,
          H: problem.inHeight,
          W: problem.inWidth,
          PH: problem.padding[0],
          PW: problem.padding[1],
        },
        bindings: [
          { operand: io.input, access: 'read' },
          { operand: input, access: 'write' },
        ],
        workgroups: inputGrid.workgroups,
      });

      const product = ctx.scratch('winograd product', bytes.product);
      ctx.emit({
        label: `conv2d/${name}/product`,
        shader: tiledMatmulShader,
        constants: {
          ...tileConstants(tile),
          ...bindEpilogue([], { bias: false, residual: false, activation: 'none' }, {}),
          M: mp,
          N: pp,
          NP: pp,
          K: problem.inChannels,
          PA: tile.bm / 4,
          PB: tile.bn / 4,
          SPLIT: 1,
          TRANSPOSE_A: true,
          TRANSPOSE_B: false,
          VEC_A: true,
          VEC_B: true,
          VEC_C: true,
          F16: false,
        },
        bindings: [
          { operand: weights, access: 'read' },
          { operand: input, access: 'read' },
          { operand: product, access: 'write' },
        ],
        workgroups: gridOf(tile, extent, 1),
      });

      const bindings: Binding[] = [
        { operand: product, access: 'read' },
        { operand: io.output, access: 'write' },
      ];
      const outputGrid = flatGrid(problem.outChannels * pp);
      ctx.emit({
        label: `conv2d/${name}/output`,
        shader: tiledWinogradOutputShader,
        constants: {
          ...shared,
          ...patchConstants,
          ...bindEpilogue(bindings, problem.epilogue, io),
          COUNT: problem.outChannels * pp,
          ROW: outputGrid.row,
          M: problem.outChannels,
          MP: mp,
          OH: problem.outHeight,
          OW: problem.outWidth,
        },
        bindings,
        workgroups: outputGrid.workgroups,
      });
    },
  };
}

function transformWeights(
  problem: ConvProblem,
  io: ConvIO,
  ctx: Lowering,
  name: string,
  shared: { readonly OUT: number; readonly SIZE: number },
  mp: number,
  bytes: number,
) {
  const { inChannels, outChannels, weightLayout } = problem;
  const key = `${name}/${weightLayout}/${inChannels}/${outChannels}`;
  return ctx.prepared(io.weight, key, bytes, (target) => {
    const grid = flatGrid(inChannels * mp);
    return [
      {
        label: `conv2d/${name}/weights`,
        shader: tiledWinogradWeightsShader,
        constants: {
          ...shared,
          COUNT: inChannels * mp,
          ROW: grid.row,
          C: inChannels,
          M: outChannels,
          MP: mp,
          FLIPPED: weightLayout === 'flipped',
        },
        bindings: [
          { operand: io.weight, access: 'read' },
          { operand: target, access: 'write' },
        ],
        workgroups: grid.workgroups,
      },
    ];
  });
}

export const tiledWinogradVariants: readonly Variant<ConvProblem, ConvIO>[] = [winograd(2), winograd(4)];
