// Input gradient of a max pool with 2x2 windows side by side, H even, W a multiple of 4: what VGG nets have. Two windows at a time, so that rows move
// as vec4s; pool_gradient.wgsl is the general case.
// dy [planes, H / 2, W / 2], x [planes, H, W] -> dx like x. A window's cotangent goes to its first maximum in row-major order, as in PyTorch.
// MASK: dx is also zero where x <= 0 (the ReLU before the pool, fused).
// One invocation per two windows. Constants: COUNT, ROW, W, MASK.
@group(0) @binding(0) var<storage, read> dy: array<vec2f>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

// The cotangent at the first maximum of a window given in row-major order.
fn spread(window: vec4f, cotangent: f32) -> vec4f {
  let top = max(window.x, window.y);
  let best = max(top, max(window.z, window.w));
  let first = select(select(select(3, 2, window.z == best), 1, window.y == best), 0, window.x == best);
  //#if MASK
  let value = select(0.0, cotangent, best > 0.0);
  //#else
  let value = cotangent;
  //#endif
  return select(vec4f(), vec4f(value), vec4i(0, 1, 2, 3) == vec4i(first));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  const WIDTH = W / 4;
  let upper = i + i / WIDTH * WIDTH;
  let a = x[upper];
  let b = x[upper + WIDTH];
  let g = dy[i];
  let left = spread(vec4f(a.xy, b.xy), g.x);
  let right = spread(vec4f(a.zw, b.zw), g.y);
  dx[upper] = vec4f(left.xy, right.xy);
  dx[upper + WIDTH] = vec4f(left.zw, right.zw);
}
