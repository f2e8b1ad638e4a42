// Cross-entropy with soft targets t [n, COLUMNS] over rows of logits, stable. One workgroup per row.
// GRADIENT false: y[n] = sum over c of t[c] * (log(sum(exp(x))) - x[c]).  GRADIENT true: y[n, c] = dy[n] * (softmax(x)[c] * sum(t) - t[c]).
// Constants: COLUMNS, WG, GRADIENT.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
//#if GRADIENT
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#endif

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let base = i32(group.x) * COLUMNS;
  var top = x[base];
  for (var c = lane; c < COLUMNS; c += WG) { top = max(top, x[base + c]); }
  top = largest(top, lane);
  var powers = 0.0;
  var weight = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) {
    powers += exp(x[base + c] - top);
    weight += targets[base + c];
  }
  powers = total(powers, lane);
  //#if GRADIENT
  weight = total(weight, lane);
  for (var c = lane; c < COLUMNS; c += WG) {
    y[base + c] = dy[group.x] * (exp(x[base + c] - top) / powers * weight - targets[base + c]);
  }
  //#else
  var loss = 0.0;
  for (var c = lane; c < COLUMNS; c += WG) { loss += targets[base + c] * (log(powers) - (x[base + c] - top)); }
  loss = total(loss, lane);
  if (lane == 0) { y[group.x] = loss; }
  //#endif
}
