// Input gradient of adaptive_pool.wgsl in gather form: dy [planes, OH, OW] -> dx [planes, H, W]. MASK: zero where mask <= 0
// (the ReLU before the pool, fused). One invocation per input element. Constants: COUNT, ROW, H, W, OH, OW, MASK, WINDOWS_Y, WINDOWS_X (the most windows that
// hold a position along each axis).
@group(0) @binding(0) var<storage, read> dy: array<f32>;
//#if MASK
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
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
  // The first and last window that hold the position: floor(o*H/OH) <= row < ceil((o+1)*H/OH).
  let o0 = row * OH / H;
  let o1 = ((row + 1) * OH + H - 1) / H;
  let p0 = column * OW / W;
  let p1 = ((column + 1) * OW + W - 1) / W;
  var sum = 0.0;
  //#for U in 0..WINDOWS_Y
  //#for V in 0..WINDOWS_X
  {
    let o = o0 + {U};
    let p = p0 + {V};
    let rows = ((o + 1) * H + OH - 1) / OH - o * H / OH;
    let columns = ((p + 1) * W + OW - 1) / OW - p * W / OW;
    let holds = o < o1 && p < p1;
    sum += select(0.0, dy[select(0, (plane * OH + o) * OW + p, holds)] / f32(rows * columns), holds);
  }
  //#end
  //#end
  //#if MASK
  dx[i] = select(0.0, sum, mask[i] > 0.0);
  //#else
  dx[i] = sum;
  //#endif
}
