// y[n, c, i] = x[n, c, i] * scale[c] + shift[c]; x, y [n, CHANNELS, INNER]. One invocation per value.
// Constants: COUNT, ROW, CHANNELS, INNER.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read> shift: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let c = i / INNER % CHANNELS;
  y[i] = x[i] * scale[c] + shift[c];
}
