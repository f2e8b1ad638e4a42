/** The packed operands of soft-gemm.ts, and the product of two: what those who plan, pack and multiply share. */

/** One operand of a product: `rows` (padded) of k per batch in a texture, texels [batch][register tile][k / 4][row of the tile] of four k, or with the batch last but one. */
export interface PackedSide {
  readonly rows: number;
  /** Groups of 8 rows in a register tile. */
  readonly tileBlocks: number;
  /** Groups of 8 rows. */
  readonly blocks: number;
  /** From one four k and from one product of the batch to the next, in groups of 8 texels. */
  readonly stepK: number;
  readonly stepZ: number;
  readonly bytes: number;
}

/** A batched product out[z, p, q] = sum over k of P[z, p, k] Q[z, q, k]. */
export interface PackedProduct {
  readonly batches: number;
  readonly p: PackedSide;
  readonly q: PackedSide;
  /** Groups of 4 values of k. */
  readonly k4: number;
  /** Register tile: vectors of 8 rows of P, rows of Q. */
  readonly rp: number;
  readonly rq: number;
}

/** A part of an operand of several phases: its groups of 4 values of k, and where it begins, in groups of 8 texels. */
export interface Part {
  readonly k4: number;
  readonly first: number;
}
