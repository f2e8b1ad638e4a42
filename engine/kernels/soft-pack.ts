/** Packing of matrices and image patches as operands of soft-gemm.ts. */
import { ceilDiv, type Dispatch, type Operand, TEXTURE_SHIFT } from '../kernel';
import type { PackedProduct, PackedSide } from './soft-gemm';
import { packShader } from './soft-sources';

/** Where element (row, k) of an operand is read from; what of soft_pack.wgsl does not follow from the packing. */
export interface Source {
  readonly WEIGHT: boolean;
  readonly TAPS_R: number;
  readonly TAPS_T: number;
  readonly shape: Readonly<Record<string, number>> & { readonly CHANNELS: number };
}

/** The dispatch that packs `rows` rows of `source`, which lie in `from`, as one side of `product`. */
export function packDispatch(
  label: string,
  product: PackedProduct,
  side: PackedSide,
  rows: number,
  source: Source,
  from: Operand,
  to: Operand,
): Dispatch {
  const { WEIGHT, TAPS_R, TAPS_T } = source;
  const { k4 } = product;
  const foursEach = Math.min(16, k4);
  return {
    label,
    shader: packShader,
    constants: { WEIGHT, TAPS_R, TAPS_T, TEXTURE_SHIFT },
    shape: {
      ...source.shape,
      ROWS: rows,
      K4: k4,
      TILE_BLOCKS: side.tileBlocks,
      STEP_K: side.stepK,
      FOURS_EACH: foursEach,
    },
    bindings: [
      { operand: from, access: 'read' },
      { operand: to, access: 'write' },
    ],
    workgroups: [side.blocks, ceilDiv(k4, foursEach), 1],
  };
}

/** A matrix: element (row, k) at row * stride + k * strideK. */
export function matrixSource(rows: number, k: number, stride: number, strideK: number): Source {
  return weightSource({ ROWS: rows, CHANNELS: k, STRIDE_ROW: stride, STRIDE_CHANNEL: strideK });
}

interface WeightShape {
  readonly ROWS: number;
  readonly CHANNELS: number;
  readonly STRIDE_ROW: number;
  readonly STRIDE_CHANNEL: number;
  readonly ROW_PERIOD?: number;
  readonly ROW_USED?: number;
  readonly STRIDE_PERIOD?: number;
}

/** Weights whose rows hold `kernel` taps for each channel, read backwards if `flipped`; without `kernel` one tap. */
export function weightSource(
  shape: WeightShape,
  [kh, kw]: readonly [number, number] = [1, 1],
  flipped = false,
): Source {
  return {
    WEIGHT: true,
    TAPS_R: kh,
    TAPS_T: kw,
    shape: {
      ROW_PERIOD: shape.ROWS,
      ROW_USED: shape.ROWS,
      STRIDE_PERIOD: 0,
      R_FIRST: flipped ? kh - 1 : 0,
      R_STEP: flipped ? -1 : 1,
      R_STRIDE: kw,
      T_FIRST: flipped ? kw - 1 : 0,
      T_STEP: flipped ? -1 : 1,
      ...shape,
    },
  };
}
