// y[n] = the sum of x[n, ...], COLUMNS values. One workgroup per row: strided partial sums, then a tree of fixed shape. Constants: COLUMNS, LANES.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += LANES) { sum += x[i32(group.x) * COLUMNS + c]; }
  partial[lane] = sum;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  if (lane == 0) { y[group.x] = partial[0]; }
}
