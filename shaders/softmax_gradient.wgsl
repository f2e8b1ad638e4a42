// dx = y * (dy - sum(dy * y)) over each row of [n, COLUMNS], y = softmax(x). One workgroup per row. Constants: COLUMNS, WG.
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let base = i32(group.x) * COLUMNS;
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { sum += dy[base + c] * y[base + c]; }
  sum = total(sum, lane);
  for (var c = lane; c < COLUMNS; c += WG) { dx[base + c] = y[base + c] * (dy[base + c] - sum); }
}
