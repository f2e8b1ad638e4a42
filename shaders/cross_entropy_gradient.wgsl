// dx = dy[n] * (softmax(x) - onehot(label)) over each row of logits [n, COLUMNS]: softmax, loss and gradient in one.
// One workgroup per row. SMOOTHED: the target is 1 - SMOOTHING of the onehot and SMOOTHING shared by all. Constants: COLUMNS, LANES, SMOOTHED, SMOOTHING.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

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
  let label = min(i32(labels[group.x]), COLUMNS - 1);
  // The label's own term as -(sum of the others): no cancellation where the label's probability is near 1.
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += LANES) { sum += select(exp(x[base + c] - top), 0.0, c == label); }
  partial[lane] = sum;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  let others = partial[0];
  let scale = dy[group.x] / (others + exp(x[base + label] - top));
  for (var c = lane; c < COLUMNS; c += LANES) {
    //#if SMOOTHED
    let plain = scale * select(exp(x[base + c] - top), -others, c == label);
    dx[base + c] = plain + dy[group.x] * SMOOTHING * (select(0.0, 1.0, c == label) - 1.0 / f32(COLUMNS));
    //#else
    dx[base + c] = scale * select(exp(x[base + c] - top), -others, c == label);
    //#endif
  }
}
