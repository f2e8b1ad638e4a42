// Whether a number is one: comparisons may be compiled as if NaN and infinity did not exist, bits may not.
fn finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}
