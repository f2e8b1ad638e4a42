// The result of the paper mode: the 8-bit rounding of X' = X + delta*M, clipped to [0, 1].
// x, delta, best (out) [N, ELEMENTS], mask [N, PIXELS], state [N, STATE]: ||best - X||.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> best: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let moved = clean + delta[at + e] * mask[image * PIXELS + e % PIXELS];
    let rounded = pixel(round(255.0 * clamp(moved, 0.0, 1.0)));
    best[at + e] = rounded;
    sum += (rounded - clean) * (rounded - clean);
  }
  let squares = total(sum, i);
  if (i == 0) {
    state[image * STATE + SLOT_NORM] = sqrt(squares);
  }
}
