/** Packing of matrices and convolution weights as operands of soft-gemm.ts. */
import { ceilDiv, type Dispatch, type Operand, TEXTURE_SHIFT } from '../dispatch.js';
import type { PackedProduct, PackedSide, Part } from './soft-product.js';
import { packShader } from './soft-sources.js';

/** Where element (row, channel, tap r, tap t) of an operand is read from: soft_pack.wgsl. */
export type Source = Readonly<
  Record<
    | 'ROWS'
    | 'CHANNELS'
    | 'CHANNELS_4'
    | 'TAPS_T'
    | 'STRIDE_ROW'
    | 'STRIDE_CHANNEL'
    | 'TAP_FIRST'
    | 'R_STEP'
    | 'T_STEP',
    number
  >
>;

/** What every kernel that packs one side of a product along its k is told, and its workgroups: soft_packed.wgsl. */
export function packGrid(side: PackedSide, k4: number) {
  const foursEach = Math.min(16, k4);
  return {
    shape: { K4: k4, TILE_BLOCKS: side.tileBlocks, STEP_K: side.stepK, FOURS_EACH: foursEach },
    workgroups: [side.blocks, ceilDiv(k4, foursEach), 1] as const,
  };
}

/** The dispatch that packs `source`, which lies in `from`, as one side of `product`, or as a part of it. */
export function packDispatch(
  label: string,
  product: PackedProduct,
  side: PackedSide,
  source: Source,
  from: Operand,
  to: Operand,
  { k4, first }: Part = { k4: product.k4, first: 0 },
): Dispatch {
  const { shape, workgroups } = packGrid(side, k4);
  return {
    label,
    shader: packShader,
    constants: { TEXTURE_SHIFT },
    shape: { ...source, ...shape, FIRST: first },
    bindings: [
      { operand: from, access: 'read' },
      { operand: to, access: 'write' },
    ],
    workgroups,
  };
}

/** Names a packing among those of one operand. */
export function packKey(side: PackedSide, ...sources: readonly Source[]): string {
  return `packed ${[...sources.flatMap((source) => Object.values(source)), side.rows, side.tileBlocks].join()}`;
}

/** A matrix: element (row, k) at row * stride + k * strideK. */
export function matrixSource(rows: number, k: number, stride: number, strideK: number): Source {
  return {
    ROWS: rows,
    CHANNELS: k,
    CHANNELS_4: ceilDiv(k, 4),
    TAPS_T: 1,
    STRIDE_ROW: stride,
    STRIDE_CHANNEL: strideK,
    TAP_FIRST: 0,
    R_STEP: 0,
    T_STEP: 0,
  };
}
