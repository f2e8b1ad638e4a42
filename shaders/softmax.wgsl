// y = softmax(x) over each row of [n, COLUMNS], stable (the row's maximum is subtracted). One workgroup per row. Constants: COLUMNS, WG.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let base = i32(group.x) * COLUMNS;
  var top = x[base];
  for (var c = lane; c < COLUMNS; c += WG) { top = max(top, x[base + c]); }
  top = largest(top, lane);
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { sum += exp(x[base + c] - top); }
  sum = total(sum, lane);
  for (var c = lane; c < COLUMNS; c += WG) { y[base + c] = exp(x[base + c] - top) / sum; }
}
