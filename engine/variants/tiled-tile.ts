/**
 * What the tiled kernels of convolution and matrix product share: the block tiles, how many workgroups and parts of k a problem
 * gets, and the two passes around a tile (packing of weights before it, sum of the parts after it).
 */

import { shaderSource } from '../../shaders/source.js';
import tiledConvText from '../../shaders/tiled_conv.wgsl';
import tiledMatmulText from '../../shaders/tiled_matmul.wgsl';
import tiledPackText from '../../shaders/tiled_pack.wgsl';
import tiledReduceText from '../../shaders/tiled_reduce.wgsl';
import {
  type Binding,
  ceilDiv,
  type DeviceTraits,
  type Dispatch,
  flatGrid,
  type Lowering,
  type Operand,
} from '../dispatch.js';
import type { Epilogue, EpilogueOperands } from '../problem.js';
import { bindEpilogue } from './naive.js';

const tiledPackShader = shaderSource('tiled_pack', tiledPackText);
const tiledReduceShader = shaderSource('tiled_reduce', tiledReduceText);
export const tiledConvShader = shaderSource('tiled_conv', tiledConvText);
export const tiledMatmulShader = shaderSource('tiled_matmul', tiledMatmulText);

/** A workgroup's share of the product: bm rows x bn columns, bk terms of the sum at a time; an invocation's: tm x tn. */
export interface Tile {
  readonly name: string;
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly tm: 4 | 8;
  readonly tn: 4 | 8;
  /** Share of an execution unit's peak that a saturated unit reaches: a guess from arithmetic intensity (bench/NOTES-tiled.md). */
  readonly efficiency: number;
}

/**
 * Multiply-adds per value read from workgroup memory are tm * tn / (tm + tn): 4 for 8x8, 2.7 for 8x4, 2 for 4x4. Larger tiles also read less
 * global memory, smaller ones leave fewer lanes idle on small problems. bk keeps both halves of the double buffer within
 * 16 KiB (WebGPU's default) but for 128x64, 64x128 and 16x128.
 */
export const TILES = {
  '128x128': { name: '128x128', bm: 128, bn: 128, bk: 8, tm: 8, tn: 8, efficiency: 0.6 },
  '128x64': { name: '128x64', bm: 128, bn: 64, bk: 16, tm: 8, tn: 4, efficiency: 0.5 },
  '64x128': { name: '64x128', bm: 64, bn: 128, bk: 16, tm: 8, tn: 4, efficiency: 0.5 },
  '64x64': { name: '64x64', bm: 64, bn: 64, bk: 16, tm: 4, tn: 4, efficiency: 0.4 },
  '64x32': { name: '64x32', bm: 64, bn: 32, bk: 16, tm: 4, tn: 4, efficiency: 0.35 },
  '32x64': { name: '32x64', bm: 32, bn: 64, bk: 16, tm: 4, tn: 4, efficiency: 0.35 },
  '32x32': { name: '32x32', bm: 32, bn: 32, bk: 16, tm: 4, tn: 4, efficiency: 0.25 },
  '16x128': { name: '16x128', bm: 16, bn: 128, bk: 16, tm: 4, tn: 4, efficiency: 0.3 },
} as const satisfies Readonly<Record<string, Tile>>;

export const ALL_TILES: readonly Tile[] = Object.values(TILES);

export function threadsOf(tile: Tile): number {
  return (tile.bm / tile.tm) * (tile.bn / tile.tn);
}

/** The constants of a tile, of its weight and patch loads and of the split. */
export function tileConstants(tile: Tile) {
  const threads = threadsOf(tile);
  return {
    BM: tile.bm,
    BN: tile.bn,
    BK: tile.bk,
    TM: tile.tm,
    TN: tile.tn,
    THREADS: threads,
    LOADS_A: ceilDiv((tile.bk * tile.bm) / 4, threads),
    LOADS_B: ceilDiv((tile.bk * tile.bn) / 4, threads),
  };
}

/** Bytes of workgroup memory. `pad`: slots of four added to a row of either tile against bank conflicts. */
export function tileStorage(
  tile: Tile,
  bytesPerValue: 2 | 4 = 4,
  pad: readonly [a: number, b: number] = [0, 0],
): number {
  return 2 * tile.bk * (tile.bm + 4 * pad[0] + tile.bn + 4 * pad[1]) * bytesPerValue;
}

/** A product as the choice of tile sees it: `copies` independent products of rows x columns over k. */
export interface Extent {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  readonly copies?: number;
}

export function gridOf(tile: Tile, extent: Extent, split: number): [number, number, number] {
  return [ceilDiv(extent.columns, tile.bn), ceilDiv(extent.rows, tile.bm), split * (extent.copies ?? 1)];
}

/** Whether the device can run this tile on this grid and bind these operands. */
export function fits(
  device: DeviceTraits,
  threads: number,
  storage: number,
  grid: readonly number[],
  operandBytes: readonly number[],
): boolean {
  const { limits } = device;
  return (
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    storage <= limits.maxComputeWorkgroupStorageSize &&
    grid.every((groups) => groups <= limits.maxComputeWorkgroupsPerDimension) &&
    operandBytes.every((bytes) => bytes <= Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize))
  );
}

/** Execution units of the GPU that the built-in choice aims at: between a laptop's 20 and an H100's 132. WebGPU does not tell. */
const UNITS = 100;
/** Workgroups that a unit needs at the same time to hide its latencies. */
const RESIDENT = 2;
/** Multiply-adds of one unit in a microsecond: 128 lanes at 1.7 GHz. */
const UNIT_FMA = 217_000;
/** Bytes a microsecond between units and memory, and what a further dispatch costs in microseconds. */
const BYTES = 2_000_000;
const DISPATCH = 3;

/** Parts of k that are tried: more only moves work to the second pass. */
const SPLITS = [2, 4, 8, 16, 32];
/** No part is shorter than this: filling the pipeline of tiles has a price of its own. */
const MIN_PART = 64;

/**
 * Estimated microseconds of a product: rounds of resident workgroups, each as long as its share takes, plus the second pass over
 * the partial sums. Only the order between tiles and splits matters; the tuner replaces the estimate by measurements.
 */
export function estimate(tile: Tile, extent: Extent, split: number): number {
  const [x, y, z] = gridOf(tile, extent, split);
  const rounds = ceilDiv(x * y * z, UNITS * RESIDENT);
  const part = ceilDiv(ceilDiv(extent.k, tile.bk), split) * tile.bk;
  const product = (rounds * RESIDENT * tile.bm * tile.bn * part) / (UNIT_FMA * tile.efficiency);
  if (split === 1) return product;
  const partial = extent.rows * extent.columns * (extent.copies ?? 1) * 4;
  return product + DISPATCH + ((2 * split + 1) * partial) / BYTES;
}

/** The number of parts of k with the least estimate; 1 where splitting does not pay. */
export function splitFactor(tile: Tile, extent: Extent): number {
  let best = 1;
  for (const split of SPLITS) {
    if (extent.k / split < MIN_PART) break;
    if (estimate(tile, extent, split) < estimate(tile, extent, best)) best = split;
  }
  return best;
}

/** The tile and split with the least estimate among those that `allowed` admits. */
export function chooseTile(
  extent: Extent,
  allowed: (tile: Tile, split: number) => boolean,
): { tile: Tile; split: number } | undefined {
  let best: { tile: Tile; split: number } | undefined;
  for (const tile of ALL_TILES) {
    for (const split of new Set([1, splitFactor(tile, extent)])) {
      if (!allowed(tile, split)) continue;
      if (!best || estimate(tile, extent, split) < estimate(best.tile, extent, best.split))
        best = { tile, split };
    }
  }
  return best;
}

/** Order of a weight: element (c, t, m) is source[c * strideC + m * strideM + t]. */
export interface PackOrder {
  readonly c: number;
  readonly taps: number;
  readonly m: number;
  readonly strideC: number;
  readonly strideM: number;
  readonly flipped: boolean;
  /** Rows in the order (t, c) instead of (c, t). */
  readonly tapMajor: boolean;
}

export function packedBytes(order: Pick<PackOrder, 'c' | 'taps' | 'm'>, f16: boolean): number {
  return order.c * order.taps * ceilDiv(order.m, 4) * (f16 ? 8 : 16);
}

/** The weight as rows of four output channels; once for a constant. */
export function packWeight(
  ctx: Lowering,
  op: string,
  weight: Operand,
  order: PackOrder,
  f16: boolean,
): Operand {
  const bytes = packedBytes(order, f16);
  const key = `tiled/${Object.values(order).join('/')}/${f16 ? 'f16' : 'f32'}`;
  return ctx.prepared(weight, key, bytes, (target): Dispatch[] => {
    const count = order.c * order.taps * ceilDiv(order.m, 4);
    const grid = flatGrid(count);
    return [
      {
        label: `${op}/tiled/pack`,
        shader: tiledPackShader,
        constants: {
          COUNT: count,
          ROW: grid.row,
          C: order.c,
          T: order.taps,
          M: order.m,
          MP: 4 * ceilDiv(order.m, 4),
          STRIDE_C: order.strideC,
          STRIDE_M: order.strideM,
          FLIPPED: order.flipped,
          TAP_MAJOR: order.tapMajor,
          F16: f16,
        },
        bindings: [
          { operand: weight, access: 'read' },
          { operand: target, access: 'write' },
        ],
        workgroups: grid.workgroups,
      },
    ];
  });
}

export const NO_EPILOGUE: Epilogue = { bias: false, residual: false, activation: 'none' };

/** Where a product of `split` parts writes: the output itself with its epilogue, or a scratch of partial sums without one. */
export function splitTarget(ctx: Lowering, output: Operand, split: number): Operand {
  return split === 1 ? output : ctx.scratch('partial sums', output.bytes * split);
}

/** The second pass of a split product. `inner`: elements of the output behind the channel axis. */
export function emitReduce(
  ctx: Lowering,
  label: string,
  partial: Operand,
  output: Operand,
  split: number,
  channels: number,
  inner: number,
  epilogue: Epilogue,
  operands: EpilogueOperands,
): void {
  const count = output.bytes / 4;
  const grid = flatGrid(count);
  const bindings: Binding[] = [
    { operand: partial, access: 'read' },
    { operand: output, access: 'write' },
  ];
  ctx.emit({
    label,
    shader: tiledReduceShader,
    constants: {
      ...bindEpilogue(bindings, epilogue, operands),
      COUNT: count,
      ROW: grid.row,
      SPLIT: split,
      INNER: inner,
      CHANNELS: channels,
    },
    bindings,
    workgroups: grid.workgroups,
  });
}
