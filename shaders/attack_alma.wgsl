// One step of ALMA (Rony et al. 2021): the augmented Lagrangian of distance and margin, min ||d|| + P(y), y = -loss the ratio of margins.
//   P2(y) = mu y + mu rho y^2 + rho^2 y^3 / 6 where y >= 0, else mu y / (1 - rho y);  P' its derivative in y.
//   every CHECK steps: rho *= penaltyGrowth unless something fooled before or y fell below `improvement` times its value at the last check;
//   mu <- average * mu + (1 - average) * P'(y), in 1e-6 .. 1e12 (not in the first step);
//   g = d / ||d|| (not in the first step) + P'(y) * grad y;  s <- average * s + (1 - average) * g^2, from 1;
//   v <- average * v + g / (sqrt(s) + 1e-8);  iterate = clip(iterate - a * v), a falling from `step` exponentially since the first success.
// x, gradient (of the loss), iterate, squares (s), velocity (v) [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS],
// state [N, STATE]: SLOT_MU, SLOT_RHO, SLOT_CHECKED (y at the last check), SLOT_FIRST (step of the first success, else ITERATIONS + 1).
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(6) var<storage, read_write> squares: array<f32>;
@group(0) @binding(7) var<storage, read_write> velocity: array<f32>;

fn slope(y: f32, rho: f32, mu: f32) -> f32 {
  let inside = 1.0 - rho * min(y, 0.0);
  return select(mu / (inside * inside), mu + 2.0 * mu * rho * y + 0.5 * rho * rho * y * y, y >= 0.0);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let step = i32(state[s + SLOT_STEP]);
  let start = step == 0;
  let average = settings[row + SET_AVERAGE];
  let y = -state[s + SLOT_LOSS];

  let never = f32(ITERATIONS + 1);
  let before = select(state[s + SLOT_FIRST], never, start);
  let first = select(before, min(before, f32(step)), y < 0.0);
  let checks = start || (step + 1) % CHECK == 0;
  let stuck = before == never && y >= settings[row + SET_IMPROVEMENT] * state[s + SLOT_CHECKED];
  let old = select(state[s + SLOT_RHO], settings[row + SET_RHO], start);
  let rho = old * select(1.0, settings[row + SET_PENALTY_GROWTH], checks && !start && stuck);
  let initial = settings[row + SET_MU];
  let mean = select(state[s + SLOT_MU], initial, start);
  let mu = select(clamp(mix(slope(y, rho, mean), mean, average), 1e-6, 1e12), initial, start);
  let pull = slope(y, rho, mu);
  let since = max(f32(step) - first, 0.0) / max(f32(ITERATIONS) - first, 1.0);
  let reach = settings[row + SET_STEP] * pow(settings[row + SET_REDUCTION], since);

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = iterate[at + e] - x[at + e];
    sum += d * d;
  }
  let length = sqrt(total(sum, i));
  let inward = select(1.0 / length, 0.0, start || length < 1e-12);

  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[image * PIXELS + e % PIXELS];
    let g = m * ((iterate[at + e] - x[at + e]) * inward - pull * gradient[at + e]);
    let square = average * select(squares[at + e], 1.0, start) + (1.0 - average) * g * g;
    let v = average * select(velocity[at + e], 0.0, start) + g / (sqrt(square) + 1e-8);
    squares[at + e] = square;
    velocity[at + e] = v;
    // The mask again: division by the root of the squares takes a soft one's scale away.
    iterate[at + e] = clamp(iterate[at + e] - reach * (m * v), 0.0, 1.0);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_MU] = mu;
    state[s + SLOT_RHO] = rho;
    state[s + SLOT_FIRST] = first;
    if (checks) {
      state[s + SLOT_CHECKED] = y;
    }
  }
}
