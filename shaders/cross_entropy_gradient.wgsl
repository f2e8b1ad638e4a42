// dx = dy[n] * (softmax(x) - onehot(label)) over each row of logits [n, COLUMNS]: softmax, loss and gradient in one.
// One workgroup per row. SMOOTHED: the target is 1 - SMOOTHING of the onehot and SMOOTHING shared by all. Constants: COLUMNS, WG, SMOOTHED, SMOOTHING.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let base = i32(group.x) * COLUMNS;
  var top = x[base];
  for (var c = lane; c < COLUMNS; c += WG) { top = max(top, x[base + c]); }
  top = largest(top, lane);
  let label = min(i32(labels[group.x]), COLUMNS - 1);
  // The label's own term as -(sum of the others): no cancellation where the label's probability is near 1.
  var sum = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { sum += select(exp(x[base + c] - top), 0.0, c == label); }
  let others = total(sum, lane);
  let scale = dy[group.x] / (others + exp(x[base + label] - top));
  for (var c = lane; c < COLUMNS; c += WG) {
    //#if SMOOTHED
    let plain = scale * select(exp(x[base + c] - top), -others, c == label);
    dx[base + c] = plain + dy[group.x] * SMOOTHING * (select(0.0, 1.0, c == label) - 1.0 / f32(COLUMNS));
    //#else
    dx[base + c] = scale * select(exp(x[base + c] - top), -others, c == label);
    //#endif
  }
}
