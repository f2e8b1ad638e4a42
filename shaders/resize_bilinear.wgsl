// Bilinear resize with half-pixel centres (align_corners=False), no antialiasing: x [planes, H, W] -> y [planes, OH, OW].
// One invocation per output. Constants: COUNT, ROW, H, W, OH, OW.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (OH * OW);
  let fr = max((f32(i / OW % OH) + 0.5) * (f32(H) / f32(OH)) - 0.5, 0.0);
  let fc = max((f32(i % OW) + 0.5) * (f32(W) / f32(OW)) - 0.5, 0.0);
  let r0 = min(i32(fr), H - 1);
  let c0 = min(i32(fc), W - 1);
  let r1 = min(r0 + 1, H - 1);
  let c1 = min(c0 + 1, W - 1);
  let tr = fr - f32(r0);
  let tc = fc - f32(c0);
  let base = plane * H * W;
  let upper = x[base + r0 * W + c0] * (1.0 - tc) + x[base + r0 * W + c1] * tc;
  let lower = x[base + r1 * W + c0] * (1.0 - tc) + x[base + r1 * W + c1] * tc;
  y[i] = upper * (1.0 - tr) + lower * tr;
}
