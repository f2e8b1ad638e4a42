// Weight gradient of a convolution on GPUs: dw[o, r] = sum over k of dy[o, k] patch[r, k]; r = (channel * KH + row) * KW + column of a tap, k = image * OH * OW + pixel.
// x [BATCH, CI, H, W], dy [BATCH, CO, OH, OW] -> out [SPLIT][CO][CI * KH * KW]: split z sums its share of k; tiled_reduce.wgsl adds them up.
// A workgroup of 64 owns 32 x 32 results, an invocation 4 x 4 of them; 16 values of k at a time lie in workgroup memory.
// Constants: BATCH, CI, H, W, CO, OH, OW, KH, KW, SH, SW, PH, PW, SPLIT.
const K = BATCH * OH * OW;
const R = CI * KH * KW;
const TILE = 32;
const STEP = 16;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

var<workgroup> cotangents: array<vec4f, 128>;
var<workgroup> patches: array<vec4f, 128>;

fn cotangent(o: i32, k: i32, end: i32) -> f32 {
  if (o >= CO || k >= end) { return 0.0; }
  return dy[(k / (OH * OW) * CO + o) * (OH * OW) + k % (OH * OW)];
}

fn patch_of(r: i32, k: i32, end: i32) -> f32 {
  if (r >= R || k >= end) { return 0.0; }
  let pixel = k % (OH * OW);
  let y = pixel / OW * SH + r / KW % KH - PH;
  let column = pixel % OW * SW + r % KW - PW;
  if (y < 0 || y >= H || column < 0 || column >= W) { return 0.0; }
  return x[((k / (OH * OW) * CI + r / (KH * KW)) * H + y) * W + column];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let first_r = i32(group.x) * TILE;
  let first_o = i32(group.y) * TILE;
  let split = i32(group.z);
  let share = (K + SPLIT - 1) / SPLIT;
  let end = min(K, (split + 1) * share);
  var sum = array<vec4f, 4>();
  for (var k = split * share; k < end; k += STEP) {
    workgroupBarrier();
    // Neighbouring lanes load neighbouring k: those lie side by side in memory.
    for (var i = lane; i < 128; i += 64) {
      let at = k + i % STEP;
      let four = i / STEP * 4;
      let o = first_o + four;
      let r = first_r + four;
      let place = i % STEP * 8 + i / STEP;
      cotangents[place] = vec4f(cotangent(o, at, end), cotangent(o + 1, at, end), cotangent(o + 2, at, end), cotangent(o + 3, at, end));
      patches[place] = vec4f(patch_of(r, at, end), patch_of(r + 1, at, end), patch_of(r + 2, at, end), patch_of(r + 3, at, end));
    }
    workgroupBarrier();
    for (var s = 0; s < STEP; s++) {
      let a = cotangents[s * 8 + lane / 8];
      let b = patches[s * 8 + lane % 8];
      //#for I in 0..4
      sum[{I}] += a[{I}] * b;
      //#end
    }
  }
  for (var i = 0; i < 4; i++) {
    let o = first_o + lane / 8 * 4 + i;
    for (var j = 0; j < 4; j++) {
      let r = first_r + lane % 8 * 4 + j;
      if (o < CO && r < R) { out[(split * CO + o) * R + r] = sum[i][j]; }
    }
  }
}
