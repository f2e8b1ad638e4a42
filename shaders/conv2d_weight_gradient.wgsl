// Weight gradient of a convolution: x [BATCH, CI, H, W], dy [BATCH, CO, OH, OW] -> dw [CO, CI, KH, KW]. One workgroup per (o, c): its lanes
// take strided output pixels and keep a sum per tap, then a tree of fixed shape per tap. Constants: BATCH, CI, H, W, CO, OH, OW, KH, KW, SH, SW, PH, PW.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let c = i32(group.x);
  let o = i32(group.y);
  for (var tap = 0; tap < KH * KW; tap++) {
    var sum = 0.0;
    for (var j = i32(lane); j < BATCH * OH * OW; j += 64) {
      let n = j / (OH * OW);
      let row = j / OW % OH * SH - PH + tap / KW;
      let column = j % OW * SW - PW + tap % KW;
      if (row >= 0 && row < H && column >= 0 && column < W) {
        sum += x[((n * CI + c) * H + row) * W + column] * dy[(n * CO + o) * OH * OW + j % (OH * OW)];
      }
    }
    workgroupBarrier();
    partial[lane] = sum;
    for (var half = 32u; half > 0u; half >>= 1u) {
      workgroupBarrier();
      if (lane < half) { partial[lane] += partial[lane + half]; }
    }
    if (lane == 0u) { dw[(o * CI + c) * KH * KW + tap] = partial[0]; }
  }
}
