// Index of the texel that holds k = 4 * four .. 4 * four + 3 of row 8 * block + lane of an operand of soft_gemm.wgsl, of the first product of a batch. The rows of
// a register tile stand together for each four k, so that a workgroup of the product reads one stream.
// Shape: K4, TILE_BLOCKS (groups of 8 rows in a register tile), STEP_K (from one four k to the next, in groups of 8 texels).
fn packed_at(block: i32, four: i32, lane: i32) -> i32 {
  let tile = quotient(block, TILE_BLOCKS);
  return ((tile * K4 + four) * STEP_K + block - tile * TILE_BLOCKS) * 8 + lane;
}
