// Packs a matrix, or the patches of an image, as an operand of soft_gemm.wgsl.
//
// source  WEIGHT: element (row, channel, tap r, tap t) is source[row % ROW_PERIOD * STRIDE_ROW + row / ROW_PERIOD * STRIDE_PERIOD
//         + channel * STRIDE_CHANNEL + (R_FIRST + r * R_STEP) * R_STRIDE + T_FIRST + t * T_STEP], rows bounded by ROWS, row % ROW_PERIOD by
//         ROW_USED, channels by CHANNELS.
//         else [batch, CHANNELS, HEIGHT, WIDTH]: row = pixel (image, y, x) of a GRID_HEIGHT x GRID_WIDTH grid, the element is
//         source[image, channel, y * Y_STRIDE - PAD_Y + r, x * X_STRIDE - PAD_X + t], 0 outside.
// packed  texels of four k (soft_packed.wgsl), k = channel * TAPS_R * TAPS_T + r * TAPS_T + t. Rows and k beyond the data are
//         written as zeros.
// Lanes run along rows; one invocation packs FOURS_EACH texels.
// Constants: WEIGHT, TAPS_R, TAPS_T, TEXTURE_SHIFT. Shape: ROWS, CHANNELS, K4, TILE_BLOCKS, STEP_K, FOURS_EACH and those above.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;

const TAPS = TAPS_R * TAPS_T;

//#if WEIGHT
fn load(ok_row: bool, origin: i32, k: i32) -> f32 {
  let channel = k / TAPS;
  let r = k % TAPS / TAPS_T;
  let t = k % TAPS_T;
  let ok = ok_row && channel < CHANNELS;
  let at = origin + channel * STRIDE_CHANNEL + (R_FIRST + r * R_STEP) * R_STRIDE + T_FIRST + t * T_STEP;
  return select(0.0, source[select(0, at, ok)], ok);
}
//#else
fn load(ok_row: bool, origin: i32, y: i32, x: i32, k: i32) -> f32 {
  let channel = k / TAPS;
  let dy = y + k % TAPS / TAPS_T;
  let dx = x + k % TAPS_T;
  let ok = ok_row && channel < CHANNELS && dy >= 0 && dy < HEIGHT && dx >= 0 && dx < WIDTH;
  let at = origin + channel * (HEIGHT * WIDTH) + dy * WIDTH + dx;
  return select(0.0, source[select(0, at, ok)], ok);
}
//#endif

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let row = i32(group.x) * 8 + i32(index);
//#if WEIGHT
  let period = quotient(row, ROW_PERIOD);
  let inner = row - period * ROW_PERIOD;
  let ok = row < ROWS && inner < ROW_USED;
  let origin = inner * STRIDE_ROW + period * STRIDE_PERIOD;
//#else
  let line = quotient(row, GRID_WIDTH);
  let image = quotient(line, GRID_HEIGHT);
  let y = (line - image * GRID_HEIGHT) * Y_STRIDE - PAD_Y;
  let x = (row - line * GRID_WIDTH) * X_STRIDE - PAD_X;
  let origin = image * (CHANNELS * HEIGHT * WIDTH);
  let ok = row < ROWS;
//#endif
  for (var step = 0; step < FOURS_EACH; step++) {
    let four = i32(group.y) * FOURS_EACH + step;
    if (four < K4) {
      let k = four * 4;
      let to = packed_at(i32(group.x), four, i32(index));
//#if WEIGHT
      let texel = vec4f(load(ok, origin, k), load(ok, origin, k + 1), load(ok, origin, k + 2), load(ok, origin, k + 3));
//#else
      let texel =
        vec4f(load(ok, origin, y, x, k), load(ok, origin, y, x, k + 1), load(ok, origin, y, x, k + 2), load(ok, origin, y, x, k + 3));
//#endif
      textureStore(packed, texel_at(to), texel);
    }
  }
}
