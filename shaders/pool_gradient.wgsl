// Input gradient of pool.wgsl in gather form: every input element sums the cotangents of the windows that cover it.
// dy [planes, OH, OW], x [planes, H, W] (MAX only) -> dx [planes, H, W]. Max: a window's cotangent goes to its first maximum in
// row-major order, as in PyTorch. MASK: dx is also zero where x <= 0 (the ReLU before the pool, fused).
// One invocation per input element. Constants: COUNT, ROW, H, W, OH, OW, KH, KW, SH, SW, PH, PW, MAX, MASK.
@group(0) @binding(0) var<storage, read> dy: array<f32>;
//#if MAX
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

// Whether (row, column) holds the first maximum of the window at (top, left).
fn wins(base: i32, top: i32, left: i32, row: i32, column: i32) -> bool {
  let value = x[base + row * W + column];
  let r1 = min(top + KH, H);
  let c1 = min(left + KW, W);
  for (var r = max(top, 0); r < r1; r++) {
    for (var c = max(left, 0); c < c1; c++) {
      let other = x[base + r * W + c];
      let earlier = r < row || (r == row && c < column);
      if (other > value || (earlier && other == value)) { return false; }
    }
  }
  return true;
}
//#else
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (H * W);
  let row = i / W % H;
  let column = i % W;
  // Windows o with o*S - P <= position < o*S - P + K.
  let o0 = max((row + PH - KH + SH) / SH, 0) * i32(row + PH - KH + SH >= 0);
  let o1 = min((row + PH) / SH, OH - 1);
  let p0 = max((column + PW - KW + SW) / SW, 0) * i32(column + PW - KW + SW >= 0);
  let p1 = min((column + PW) / SW, OW - 1);
  var sum = 0.0;
  //#if MASK
  if (x[i] <= 0.0) {
    dx[i] = 0.0;
    return;
  }
  //#endif
  for (var o = o0; o <= o1; o++) {
    for (var p = p0; p <= p1; p++) {
      //#if MAX
      if (wins(plane * H * W, o * SH - PH, p * SW - PW, row, column)) {
        sum += dy[(plane * OH + o) * OW + p];
      }
      //#else
      sum += dy[(plane * OH + o) * OW + p];
      //#endif
    }
  }
  //#if MAX
  dx[i] = sum;
  //#else
  dx[i] = sum / f32(KH * KW);
  //#endif
}
