// Max (MAX) or average pooling: x [planes, H, W] -> y [planes, OH, OW], window KH x KW, stride SH x SW, symmetric padding PH x PW.
// Max: padding never wins. Average: padding counts as zeros (count_include_pad). One invocation per output; constants also COUNT, ROW.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (OH * OW);
  let top = i / OW % OH * SH - PH;
  let left = i % OW * SW - PW;
  let r1 = min(top + KH, H);
  let c1 = min(left + KW, W);
  let base = plane * H * W;
  //#if MAX
  // The window always holds a pixel, since padding is at most half of it.
  var best = x[base + max(top, 0) * W + max(left, 0)];
  //#else
  var best = 0.0;
  //#endif
  for (var r = max(top, 0); r < r1; r++) {
    for (var c = max(left, 0); c < c1; c++) {
      //#if MAX
      best = max(best, x[base + r * W + c]);
      //#else
      best += x[base + r * W + c];
      //#endif
    }
  }
  //#if MAX
  y[i] = best;
  //#else
  y[i] = best / f32(KH * KW);
  //#endif
}
