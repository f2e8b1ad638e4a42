// dx[n, c] = c == index[n] ? dy[n] : 0: the gradient of gather.wgsl. One invocation per value. Constants: COUNT, ROW, COLUMNS.
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let n = i / COLUMNS;
  dx[i] = select(0.0, dy[n], min(i32(index[n]), COLUMNS - 1) == i % COLUMNS);
}
