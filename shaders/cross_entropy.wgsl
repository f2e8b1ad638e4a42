// loss[n] = log(sum(exp(x))) - x[label] over each row of logits [n, COLUMNS], stable. One workgroup per row. A label out of range
// reads the last column. SMOOTHED: SMOOTHING of the target is shared by all classes. Constants: COLUMNS, LANES, SMOOTHED, SMOOTHING.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

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
  //#if SMOOTHED
  let powers = partial[0];
  workgroupBarrier();
  var below = 0.0;
  for (var c = lane; c < COLUMNS; c += LANES) { below += x[base + c] - top; }
  partial[lane] = below;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  if (lane == 0) {
    let label = min(i32(labels[group.x]), COLUMNS - 1);
    let expected = (1.0 - SMOOTHING) * (x[base + label] - top) + SMOOTHING * partial[0] / f32(COLUMNS);
    loss[group.x] = log(powers) - expected;
  }
  //#else
  if (lane == 0) {
    let label = min(i32(labels[group.x]), COLUMNS - 1);
    loss[group.x] = log(partial[0]) - (x[base + label] - top);
  }
  //#endif
}
