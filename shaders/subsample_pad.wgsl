// Option A shortcut (He et al. 2016): y [n, OC, OH, OW] = every STRIDE-th pixel of x [n, C, H, W], with FIRST zero channels before
// and the rest after. GRADIENT: a = dy, b = dx, one invocation per element of dx; else a = x, b = y, one per element of y.
// Constants: COUNT, ROW, C, H, W, OC, OH, OW, STRIDE, FIRST, GRADIENT.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  var value = 0.0;
  //#if GRADIENT
  let column = i % W;
  let row = i / W % H;
  let channel = i / (W * H) % C;
  let n = i / (W * H * C);
  if (row % STRIDE == 0 && column % STRIDE == 0) {
    value = a[((n * OC + channel + FIRST) * OH + row / STRIDE) * OW + column / STRIDE];
  }
  //#else
  let column = i % OW;
  let row = i / OW % OH;
  let channel = i / (OW * OH) % OC - FIRST;
  let n = i / (OW * OH * OC);
  if (channel >= 0 && channel < C) {
    value = a[((n * C + channel) * H + row * STRIDE) * W + column * STRIDE];
  }
  //#endif
  b[i] = value;
}
