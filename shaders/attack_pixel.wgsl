// level / 255 for level in 0..255, correctly rounded without a division (WGSL's may be 2.5 ULP off):
// 2^24 / 255 = 65793.0039, and the remainder always rounds the exact product up by one ULP.
fn pixel(level: f32) -> f32 {
  let below = level * 65793.0 * 0x1p-24f;
  return select(bitcast<f32>(bitcast<u32>(below) + 1u), 0.0, level < 0.5);
}
