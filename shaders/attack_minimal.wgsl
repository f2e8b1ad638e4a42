// One step of the minimal mode: direction from the gradient, length from a radius that shrinks while the iterate fools.
//   g = M * gradient;  delta += a * g / ||g||;  r *= fools ? 1 - gamma : 1 + gamma (not in the first step);
//   p = delta*M scaled to norm r;  p = clip(X + p) - X;  delta = p / M on the region;  iterate = X + delta*M.
// a and gamma fall by half cosines, whose values cosine [T] holds, from their first to their last settings.
// x, gradient, delta, iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE] (r, the verdict).
// One workgroup of WG (a power of two) invocations an image; two sums, each a tree in workgroup memory.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> cosine: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> iterate: array<f32>;

const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let step = i32(state[s + SLOT_STEP]);
  let phase = cosine[step];
  let gamma = mix(settings[row + SET_GAMMA_END], settings[row + SET_GAMMA], phase);
  let reach = mix(settings[row + SET_STEP_END], settings[row + SET_STEP_START], phase);
  let change = 1.0 + select(1.0, -1.0, state[s + SLOT_FOOLS] > 0.5) * gamma;
  let radius = select(state[s + SLOT_RADIUS] * change, settings[row + SET_RADIUS], step == 0);

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let g = gradient[at + e] * mask[masks + e % PIXELS];
    sum += g * g;
  }
  let gain = reach / (sqrt(total(sum, i)) + TINY);

  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let d = delta[at + e] + gain * (gradient[at + e] * m);
    delta[at + e] = d;
    sum += (d * m) * (d * m);
  }
  let scale = radius / (sqrt(total(sum, i)) + TINY);

  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let clean = x[at + e];
    let p = clamp(clean + delta[at + e] * m * scale, 0.0, 1.0) - clean;
    let d = select(0.0, p / (m + TINY), m > 0.0);
    delta[at + e] = d;
    iterate[at + e] = clamp(clean + d * m, 0.0, 1.0);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_RADIUS] = radius;
  }
}
