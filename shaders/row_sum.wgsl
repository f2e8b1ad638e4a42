// y[n] = the sum of x[n, ...], COLUMNS values. One workgroup per row: strided partial sums, then a tree of fixed shape. Constants: COLUMNS, WG.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { sum += x[i32(group.x) * COLUMNS + c]; }
  sum = total(sum, lane);
  if (lane == 0) { y[group.x] = sum; }
}
