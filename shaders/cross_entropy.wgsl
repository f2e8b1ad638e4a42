// loss[n] = log(sum(exp(x))) - x[label] over each row of logits [n, COLUMNS], stable. One workgroup per row. A label out of range
// reads the last column. SMOOTHED: SMOOTHING of the target is shared by all classes. Constants: COLUMNS, WG, SMOOTHED, SMOOTHING.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let base = i32(group.x) * COLUMNS;
  var top = x[base];
  for (var c = lane; c < COLUMNS; c += WG) { top = max(top, x[base + c]); }
  top = largest(top, lane);
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { sum += exp(x[base + c] - top); }
  let powers = total(sum, lane);
  //#if SMOOTHED
  var below = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { below += x[base + c] - top; }
  below = total(below, lane);
  if (lane == 0) {
    let label = min(i32(labels[group.x]), COLUMNS - 1);
    let expected = (1.0 - SMOOTHING) * (x[base + label] - top) + SMOOTHING * below / f32(COLUMNS);
    loss[group.x] = log(powers) - expected;
  }
  //#else
  if (lane == 0) {
    let label = min(i32(labels[group.x]), COLUMNS - 1);
    loss[group.x] = log(powers) - (x[base + label] - top);
  }
  //#endif
}
