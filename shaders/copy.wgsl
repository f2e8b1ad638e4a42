// Copies COUNT 32-bit values (any type: u32 keeps every bit pattern); one invocation per value.
// Constants: COUNT, ROW (invocations per y of the grid).
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  y[i] = a[i];
}
