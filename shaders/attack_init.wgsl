// Start of an attack, of every mode: the first iterate and the per-image state.
// x [N, ELEMENTS], mask [N, PIXELS]; out state [N, STATE], xq [N, ELEMENTS]; delta [N, ELEMENTS] holds the start already.
// ROUND: xq = X + delta*M, clipped and rounded to 8 bits, and the state's norm is ||xq - X||; else xq = X + delta*M, clipped
// where CLIP, and the norm is ||delta*M||. MOMENTUM: delta becomes the product delta*M, momentum [N, ELEMENTS] zero.
// RADIUS: start of the radius rule. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> delta: array<f32>;
@group(0) @binding(4) var<storage, read_write> xq: array<f32>;
//#if MOMENTUM
@group(0) @binding(5) var<storage, read_write> momentum: array<f32>;
//#endif

// {squared norm (sum), largest mask value (max)}
var<workgroup> partial: array<vec2f, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;

  var sum = vec2f(0.0);
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[image * PIXELS + e % PIXELS];
    let clean = x[at + e];
    let product = delta[at + e] * m;
//#if ROUND
    let iterate = pixel(round(255.0 * clamp(clean + product, 0.0, 1.0)));
    let moved = iterate - clean;
//#else
    let moved = product;
//#if CLIP
    let iterate = clamp(clean + product, 0.0, 1.0);
//#else
    let iterate = clean + product;
//#endif
//#endif
    xq[at + e] = iterate;
//#if MOMENTUM
    delta[at + e] = product;
    momentum[at + e] = 0.0;
//#endif
    sum = vec2f(sum.x + moved * moved, max(sum.y, m));
  }
  partial[i] = sum;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      let a = partial[i];
      let b = partial[i + stride];
      partial[i] = vec2f(a.x + b.x, max(a.y, b.y));
    }
    workgroupBarrier();
  }

  if (i == 0) {
    for (var slot = 0; slot < STATE; slot++) {
      state[image * STATE + slot] = 0.0;
    }
    state[image * STATE + SLOT_RADIUS] = RADIUS;
    state[image * STATE + SLOT_NORM] = sqrt(partial[0].x);
    state[image * STATE + SLOT_MASK_MAX] = partial[0].y;
  }
}
