// Inference batch-norm: y = (x - mean[c]) / sqrt(variance[c] + EPSILON) * gamma[c] + beta[c]; x, y [n, CHANNELS, INNER].
// One invocation per value. Constants: COUNT, ROW, CHANNELS, INNER, EPSILON.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let c = i / INNER % CHANNELS;
  y[i] = (x[i] - mean[c]) / sqrt(variance[c] + EPSILON) * gamma[c] + beta[c];
}
