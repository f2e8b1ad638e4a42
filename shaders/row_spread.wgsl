// y[n, ...] = x[n], COLUMNS times: the gradient of a sum over rows. One invocation per value. Constants: COUNT, ROW, COLUMNS.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  y[i] = x[i / COLUMNS];
}
