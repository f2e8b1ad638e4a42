// The adapter's copy ceiling: y[i] = x[i] over COUNT vec4s, one per invocation. Bytes: COUNT * 32. Constants: COUNT, ROW.
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  y[i] = x[i];
}
