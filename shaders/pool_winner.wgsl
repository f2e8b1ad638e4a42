// The place of the maximum in every window of a max pool, for its gradient: x [planes, H, W] -> winner [planes, OH, OW], row-major index within the window
// of the first maximum, as in PyTorch. Padding never wins. One invocation per window. Constants: COUNT, ROW, H, W, OH, OW, KH, KW, SH, SW, PH, PW.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> winner: array<i32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (OH * OW);
  let top = i / OW % OH * SH - PH;
  let left = i % OW * SW - PW;
  // The window always holds a pixel, since padding is at most half of it.
  let r0 = max(top, 0);
  let c0 = max(left, 0);
  var best = x[(plane * H + r0) * W + c0];
  var place = (r0 - top) * KW + c0 - left;
  for (var r = 0; r < KH; r++) {
    for (var c = 0; c < KW; c++) {
      let inside = top + r >= 0 && top + r < H && left + c >= 0 && left + c < W;
      let value = x[select(0, (plane * H + top + r) * W + left + c, inside)];
      let better = inside && value > best;
      best = select(best, value, better);
      place = select(place, r * KW + c, better);
    }
  }
  winner[i] = place;
}
