// Packs a matrix, or the patches of an image, as an operand of soft_gemm.wgsl.
//
// source  WEIGHT: element (row, channel, tap r, tap t) is source[row * STRIDE_ROW + channel * STRIDE_CHANNEL + (R_FIRST + r * R_STEP) * R_STRIDE
//         + T_FIRST + t * T_STEP], rows and channels bounded by ROWS and CHANNELS.
//         else [batch, CHANNELS, HEIGHT, WIDTH]: row = pixel (image, y, x) of a GRID_HEIGHT x GRID_WIDTH grid, the element is
//         source[image, channel, y * Y_STRIDE + Y_FIRST + r * Y_STEP, x * X_STRIDE + X_FIRST + t * X_STEP], 0 outside.
// packed  [slice][chunk][row / 8][k / 4][row % 8][k % 4], k = channel * TAPS_R * TAPS_T + r * TAPS_T + t, k = (chunk * SLICES + slice) * 4 * K4
//         + the rest. Rows and k beyond the data are written as zeros.
// Lanes run along rows; one invocation packs FOURS_EACH groups of 4 values of k.
// Constants: WEIGHT, TAPS_R, TAPS_T. Shape: ROWS, CHANNELS, K4, SLICES, CHUNKS, BLOCKS (groups of 8 rows), FOURS_EACH and those above.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<vec4f>;

const TAPS = TAPS_R * TAPS_T;

//#if WEIGHT
fn load(row: i32, k: i32) -> f32 {
  let channel = k / TAPS;
  let r = k % TAPS / TAPS_T;
  let t = k % TAPS_T;
  let ok = row < ROWS && channel < CHANNELS;
  let at = row * STRIDE_ROW + channel * STRIDE_CHANNEL + (R_FIRST + r * R_STEP) * R_STRIDE + T_FIRST + t * T_STEP;
  return select(0.0, source[select(0, at, ok)], ok);
}
//#else
fn load(ok_row: bool, origin: i32, y: i32, x: i32, k: i32) -> f32 {
  let channel = k / TAPS;
  let dy = y + k % TAPS / TAPS_T * Y_STEP;
  let dx = x + k % TAPS_T * X_STEP;
  let ok = ok_row && channel < CHANNELS && dy >= 0 && dy < HEIGHT && dx >= 0 && dx < WIDTH;
  let at = origin + channel * (HEIGHT * WIDTH) + dy * WIDTH + dx;
  return select(0.0, source[select(0, at, ok)], ok);
}
//#endif

// Quotient of integers by way of f32, which lanes divide at once, where the driver would divide integers one by one. Exact for 0 <= a < 2^21.
fn quotient(a: i32, b: i32) -> i32 {
  return i32((f32(a) + 0.5) / f32(b));
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let row = i32(group.x) * 8 + i32(index);
//#if !WEIGHT
  let line = quotient(row, GRID_WIDTH);
  let image = quotient(line, GRID_HEIGHT);
  let y = (line - image * GRID_HEIGHT) * Y_STRIDE + Y_FIRST;
  let x = (row - line * GRID_WIDTH) * X_STRIDE + X_FIRST;
  let origin = image * (CHANNELS * HEIGHT * WIDTH);
  let ok = row < ROWS;
//#endif
  for (var step = 0; step < FOURS_EACH; step++) {
    let four = i32(group.y) * FOURS_EACH + step;
    if (four < K4 * SLICES * CHUNKS) {
      let k = four * 4;
      let part = quotient(four, K4);
      let chunk = quotient(part, SLICES);
      let block = ((part - chunk * SLICES) * CHUNKS + chunk) * BLOCKS + i32(group.x);
      let to = (block * K4 + four - part * K4) * 8 + i32(index);
//#if WEIGHT
      packed[to] = vec4f(load(row, k), load(row, k + 1), load(row, k + 2), load(row, k + 3));
//#else
      packed[to] =
        vec4f(load(ok, origin, y, x, k), load(ok, origin, y, x, k + 1), load(ok, origin, y, x, k + 2), load(ok, origin, y, x, k + 3));
//#endif
    }
  }
}
