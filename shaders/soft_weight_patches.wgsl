// Packs the patches of a convolution's input for the product that is its weight gradient: an operand of soft_gemm.wgsl whose k counts output pixels.
//
// source  [batch, channels, IN_HEIGHT, IN_WIDTH], of which the images from IMAGE on are read
// packed  texels of four k (soft_packed.wgsl), k = image * 4 * PIXELS_4 + pixel, row = (channel * TAPS_R + r) * TAPS_T + t: what tap (r, t) of the pixel reads. Zero in
//         the padding, and for rows from ROWS on and pixels from PIXELS on.
// Lanes run along rows; one invocation packs FOURS_EACH texels.
// Constant: TEXTURE_SHIFT. Shape: IMAGE, CHANNELS, ROWS, TAPS_R, TAPS_T, IN_HEIGHT, IN_WIDTH, OUT_WIDTH, PIXELS, PIXELS_4, STRIDE_Y, STRIDE_X, PAD_Y, PAD_X, K4, TILE_BLOCKS,
//   STEP_K, FOURS_EACH.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;

fn load(ok_row: bool, plane: i32, r: i32, t: i32, pixel: i32) -> f32 {
  let row = quotient(pixel, OUT_WIDTH);
  let y = row * STRIDE_Y + r - PAD_Y;
  let x = (pixel - row * OUT_WIDTH) * STRIDE_X + t - PAD_X;
  let ok = ok_row && pixel < PIXELS && y >= 0 && y < IN_HEIGHT && x >= 0 && x < IN_WIDTH;
  return select(0.0, source[select(0, (plane * IN_HEIGHT + y) * IN_WIDTH + x, ok)], ok);
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let row = i32(group.x) * 8 + i32(index);
  let ok = row < ROWS;
  let line = quotient(row, TAPS_T);
  let channel = quotient(line, TAPS_R);
  let r = line - channel * TAPS_R;
  let t = row - line * TAPS_T;
  for (var step = 0; step < FOURS_EACH; step++) {
    let four = i32(group.y) * FOURS_EACH + step;
    if (four < K4) {
      let image = quotient(four, PIXELS_4);
      let plane = (IMAGE + image) * CHANNELS + channel;
      let pixel = (four - image * PIXELS_4) * 4;
      let texel = vec4f(
        load(ok, plane, r, t, pixel),
        load(ok, plane, r, t, pixel + 1),
        load(ok, plane, r, t, pixel + 2),
        load(ok, plane, r, t, pixel + 3),
      );
      textureStore(packed, texel_at(packed_at(i32(group.x), four, i32(index))), texel);
    }
  }
}
