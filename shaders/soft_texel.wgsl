// Where texel `at` of a packed operand lies in its texture. Constant: TEXTURE_SHIFT.
fn texel_at(at: i32) -> vec2i {
  return vec2i(at & ((1 << u32(TEXTURE_SHIFT)) - 1), at >> u32(TEXTURE_SHIFT));
}
