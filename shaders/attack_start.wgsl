// The first iterate of an attack that starts from a delta: iterate = X + delta*M, clipped where CLIP; SLOT_P = ||delta*M||.
// x, delta, iterate [N, ELEMENTS], mask [N, PIXELS], state [N, STATE]. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let product = delta[at + e] * mask[image * PIXELS + e % PIXELS];
    let moved = x[at + e] + product;
    iterate[at + e] = select(moved, clamp(moved, 0.0, 1.0), CLIP);
    sum += product * product;
  }
  let squares = total(sum, i);
  if (i == 0) {
    state[image * STATE + SLOT_P] = sqrt(squares);
  }
}
