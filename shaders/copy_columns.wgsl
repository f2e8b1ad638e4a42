// Copies a block of COLUMNS columns between row-major matrices: y[r, TO_OFFSET + c] = x[r, FROM_OFFSET + c].
// One invocation per value; COUNT = rows * COLUMNS. Constants: COUNT, ROW, COLUMNS, FROM_STRIDE, FROM_OFFSET, TO_STRIDE, TO_OFFSET.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let r = i / COLUMNS;
  let c = i % COLUMNS;
  y[r * TO_STRIDE + TO_OFFSET + c] = x[r * FROM_STRIDE + FROM_OFFSET + c];
}
