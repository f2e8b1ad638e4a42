// Elementwise ops over COUNT values; one invocation per value.
// KIND 0: y = max(a, 0).  1: y = b > 0 ? a : 0 (gradient of ReLU: a = cotangent, b = output).  2: y = a + b.  3: y = a.
// 4: y = a * b.  5: y = a * FACTOR. Constants: KIND, COUNT, ROW (invocations per y of the grid), FACTOR with KIND 5.
//#if KIND == 1 || KIND == 2 || KIND == 4
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  //#if KIND == 0
  y[i] = max(a[i], 0.0);
  //#endif
  //#if KIND == 1
  y[i] = select(0.0, a[i], b[i] > 0.0);
  //#endif
  //#if KIND == 2
  y[i] = a[i] + b[i];
  //#endif
  //#if KIND == 3
  y[i] = a[i];
  //#endif
  //#if KIND == 4
  y[i] = a[i] * b[i];
  //#endif
  //#if KIND == 5
  y[i] = a[i] * FACTOR;
  //#endif
}
