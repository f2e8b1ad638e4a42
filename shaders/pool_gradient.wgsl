// Input gradient of pool.wgsl in gather form: every input element sums the cotangents of the windows that cover it.
// dy, winner (MAX only, pool_winner.wgsl) [planes, OH, OW], x [planes, H, W] (MASK only) -> dx [planes, H, W]. Max: a window's cotangent goes to its winner.
// MASK: dx is also zero where x <= 0 (the ReLU before the pool, fused).
// One invocation per input element. Constants: COUNT, ROW, H, W, OH, OW, KH, KW, SH, SW, PH, PW, MAX, MASK, WINDOWS_Y, WINDOWS_X (the most windows that cover
// an element along each axis: ceil(K / S)).
@group(0) @binding(0) var<storage, read> dy: array<f32>;
//#if MAX
@group(0) @binding(1) var<storage, read> winner: array<i32>;
//#if MASK
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
//#endif
//#else
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (H * W);
  let row = i / W % H + PH;
  let column = i % W + PW;
  // Window o covers o * S <= position < o * S + K, counted with the padding. The last window that begins at or before the position, and those before it.
  let last_o = row / SH;
  let last_p = column / SW;
  var sum = 0.0;
  //#for U in 0..WINDOWS_Y
  //#for V in 0..WINDOWS_X
  {
    let o = last_o - {U};
    let p = last_p - {V};
    let r = row - o * SH;
    let c = column - p * SW;
    let covers = o >= 0 && o < OH && r < KH && p >= 0 && p < OW && c < KW;
    let window = select(0, (plane * OH + o) * OW + p, covers);
    //#if MAX
    sum += select(0.0, dy[window], covers && winner[window] == r * KW + c);
    //#else
    sum += select(0.0, dy[window], covers);
    //#endif
  }
  //#end
  //#end
  //#if MAX
  //#if MASK
  dx[i] = select(0.0, sum, x[i] > 0.0);
  //#else
  dx[i] = sum;
  //#endif
  //#else
  dx[i] = sum / f32(KH * KW);
  //#endif
}
