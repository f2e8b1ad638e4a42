// A step of auto-PGD, on images that are not done: z = P(x_k + reach * u), x_k+1 = P(x_k + a (z - x_k) + (1 - a) (x_k - x_k-1)), a = 0.75, in the first step 1.
//   LINF: u = M * sign(gradient), P onto epsilon around X and the box;  else u = M * gradient / its l2, P onto the l2 ball, then onto the box.
// x, direction (the gradient), iterate (x_k), before (x_k-1) [N, ELEMENTS], mask [N, PIXELS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> direction: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(5) var<storage, read_write> before: array<f32>;

const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  if (state[s + SLOT_DONE] > 0.5) {
    return;
  }
  let budget = state[s + SLOT_EPSILON];
  let reach = state[s + SLOT_REACH];
  let first = state[s + SLOT_AGE] < 1.5;
  let a = select(0.75, 1.0, first);

//#if LINF
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let here = iterate[at + e];
    let low = max(clean - budget, 0.0);
    let high = min(clean + budget, 1.0);
    let z = clamp(here + reach * sign(direction[at + e]) * mask[masks + e % PIXELS], low, high);
    let inertia = select(here - before[at + e], 0.0, first);
    before[at + e] = here;
    iterate[at + e] = clamp(here + (z - here) * a + inertia * (1.0 - a), low, high);
  }
//#else
  var squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let g = direction[at + e] * mask[masks + e % PIXELS];
    squares += g * g;
  }
  let gain = reach / (sqrt(total(squares, i)) + TINY);
  squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let p = iterate[at + e] + gain * (direction[at + e] * mask[masks + e % PIXELS]) - x[at + e];
    squares += p * p;
  }
  var length = sqrt(total(squares, i));
  var shrink = min(budget, length) / (length + TINY);
  squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let here = iterate[at + e];
    let p = here + gain * (direction[at + e] * mask[masks + e % PIXELS]) - clean;
    let z = clamp(clean + shrink * p, 0.0, 1.0);
    let inertia = select(here - before[at + e], 0.0, first);
    let next = here + (z - here) * a + inertia * (1.0 - a);
    before[at + e] = here;
    iterate[at + e] = next;
    squares += (next - clean) * (next - clean);
  }
  length = sqrt(total(squares, i));
  shrink = min(budget, length) / (length + TINY);
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    iterate[at + e] = clamp(clean + shrink * (iterate[at + e] - clean), 0.0, 1.0);
  }
//#endif
}
