/** Packing of matrices and image patches as operands of soft-gemm.ts. */
import packText from '../../shaders/soft_pack.wgsl';
import { ceilDiv, type Dispatch, type Operand, type ShaderSource } from '../kernel';
import type { PackedProduct, PackedSide } from './soft-gemm';

const packShader: ShaderSource = { name: 'soft_pack', text: packText };

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
  const fours = product.k4 * product.slices * product.batches;
  const foursEach = Math.min(16, fours);
  return {
    label,
    shader: packShader,
    constants: { WEIGHT, TAPS_R, TAPS_T },
    shape: {
      ...source.shape,
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
