// One step of the minimal mode: direction from the gradient, length from a radius that shrinks while the iterate fools.
//   g = M * gradient;  delta += a * g / ||g||;  r *= fools ? 1 - gamma : 1 + gamma (not in the first step);
//   p = delta*M scaled to norm r;  p = clip(X + p) - X;  delta = p / M on the CFR;  xq = 8-bit rounding of X + delta*M.
// Also keeps the judged iterate where attack_loss found it the best so far.
// x, gradient, delta, xq, best [N, ELEMENTS], mask [N, PIXELS], state [N, STATE] (r, gamma, a, the verdict, ||xq - X||).
// One workgroup of WG (a power of two) invocations an image; three sums, each a tree in workgroup memory.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> xq: array<f32>;
@group(0) @binding(6) var<storage, read_write> best: array<f32>;

const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let iteration = state[s + SLOT_ITERATION];
  let change = 1.0 + select(1.0, -1.0, state[s + SLOT_FOOLS] > 0.5) * state[s + SLOT_GAMMA];
  let radius = state[s + SLOT_RADIUS] * select(change, 1.0, iteration < 0.5);
  let improved = state[s + SLOT_IMPROVED] > 0.5;

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let g = gradient[at + e] * mask[masks + e % PIXELS];
    sum += g * g;
    if (improved) {
      best[at + e] = xq[at + e];
    }
  }
  let gain = state[s + SLOT_STEP] / (sqrt(total(sum, i)) + TINY);

  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let d = delta[at + e] + gain * (gradient[at + e] * m);
    delta[at + e] = d;
    sum += (d * m) * (d * m);
  }
  let scale = radius / (sqrt(total(sum, i)) + TINY);

  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let clean = x[at + e];
    let p = clamp(clean + delta[at + e] * m * scale, 0.0, 1.0) - clean;
    let d = select(0.0, p / (m + TINY), m > 0.0);
    let next = pixel(round(255.0 * clamp(clean + d * m, 0.0, 1.0)));
    delta[at + e] = d;
    xq[at + e] = next;
    sum += (next - clean) * (next - clean);
  }
  let norm = sqrt(total(sum, i));

  if (i == 0) {
    state[s + SLOT_RADIUS] = radius;
    state[s + SLOT_NORM] = norm;
    state[s + SLOT_ITERATION] = iteration + 1.0;
  }
}
