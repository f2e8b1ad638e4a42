// Adaptive average pooling: x [planes, H, W] -> y [planes, OH, OW]; window i spans floor(i*H/OH) .. ceil((i+1)*H/OH).
// One invocation per output. Constants: COUNT, ROW, H, W, OH, OW.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (OH * OW);
  let o = i / OW % OH;
  let p = i % OW;
  let r0 = o * H / OH;
  let r1 = ((o + 1) * H + OH - 1) / OH;
  let c0 = p * W / OW;
  let c1 = ((p + 1) * W + OW - 1) / OW;
  var sum = 0.0;
  for (var r = r0; r < r1; r++) {
    for (var c = c0; c < c1; c++) {
      sum += x[(plane * H + r) * W + c];
    }
  }
  y[i] = sum / f32((r1 - r0) * (c1 - c0));
}
