// Cross-entropy with soft targets t [n, COLUMNS] over rows of logits, stable. One workgroup per row.
// GRADIENT false: y[n] = sum over c of t[c] * (log(sum(exp(x))) - x[c]).  GRADIENT true: y[n, c] = dy[n] * (softmax(x)[c] * sum(t) - t[c]).
// Constants: COLUMNS, LANES, GRADIENT.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
//#if GRADIENT
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#endif

var<workgroup> partial: array<f32, LANES>;

// The sum of every lane's value, to every lane.
fn row_total(lane: i32, value: f32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  return partial[0];
}

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
  var powers = 0.0;
  var weight = 0.0;
  for (var c = lane; c < COLUMNS; c += LANES) {
    powers += exp(x[base + c] - top);
    weight += targets[base + c];
  }
  powers = row_total(lane, powers);
  //#if GRADIENT
  weight = row_total(lane, weight);
  for (var c = lane; c < COLUMNS; c += LANES) {
    y[base + c] = dy[group.x] * (exp(x[base + c] - top) / powers * weight - targets[base + c]);
  }
  //#else
  var loss = 0.0;
  for (var c = lane; c < COLUMNS; c += LANES) { loss += targets[base + c] * (log(powers) - (x[base + c] - top)); }
  loss = row_total(lane, loss);
  if (lane == 0) { y[group.x] = loss; }
  //#endif
}
