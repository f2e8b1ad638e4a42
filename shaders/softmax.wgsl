// y = softmax(x) over each row of [n, COLUMNS], stable (the row's maximum is subtracted). One workgroup per row. Constants: COLUMNS, LANES.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let base = i32(group.x) * COLUMNS;
  var top = x[base];
  for (var c = lane; c < COLUMNS; c += LANES) { top = max(top, x[base + c]); }
  partial[lane] = top;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
  }
  workgroupBarrier();
  top = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += LANES) { sum += exp(x[base + c] - top); }
  partial[lane] = sum;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  sum = partial[0];
  for (var c = lane; c < COLUMNS; c += LANES) { y[base + c] = exp(x[base + c] - top) / sum; }
}
