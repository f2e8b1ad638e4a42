// Packs a matrix, or the weights of a convolution, as an operand of soft_gemm.wgsl.
//
// source  element (row, channel, tap r, tap t) is source[row * STRIDE_ROW + channel * STRIDE_CHANNEL + TAP_FIRST + r * R_STEP + t * T_STEP]
// packed  texels of four k (soft_packed.wgsl), k = (r * TAPS_T + t) * 4 * CHANNELS_4 + channel. Rows from ROWS on and channels from CHANNELS on are written as zeros.
// Lanes run along rows; one invocation packs FOURS_EACH texels.
// Constant: TEXTURE_SHIFT. Shape: ROWS, CHANNELS, CHANNELS_4, TAPS_T, K4, TILE_BLOCKS, STEP_K, FOURS_EACH, FIRST (where the operand begins in its texture, in groups of 8 texels) and those above.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;

fn load(ok_row: bool, origin: i32, channel: i32) -> f32 {
  let ok = ok_row && channel < CHANNELS;
  return select(0.0, source[select(0, origin + channel * STRIDE_CHANNEL, ok)], ok);
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let row = i32(group.x) * 8 + i32(index);
  let ok = row < ROWS;
  for (var step = 0; step < FOURS_EACH; step++) {
    let four = i32(group.y) * FOURS_EACH + step;
    if (four < K4) {
      let tap = quotient(four, CHANNELS_4);
      let r = quotient(tap, TAPS_T);
      let origin = row * STRIDE_ROW + TAP_FIRST + r * R_STEP + (tap - r * TAPS_T) * T_STEP;
      let channel = (four - tap * CHANNELS_4) * 4;
      let texel = vec4f(
        load(ok, origin, channel),
        load(ok, origin, channel + 1),
        load(ok, origin, channel + 2),
        load(ok, origin, channel + 3),
      );
      textureStore(packed, texel_at(FIRST * 8 + packed_at(i32(group.x), four, i32(index))), texel);
    }
  }
}
