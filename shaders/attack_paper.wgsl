// One step of Algorithm 1 to the letter: delta <- (delta - eta * d(1/J)/d delta) * M.
//   J = L/temperature + beta / ||p||, p = delta*M, L = CE (or -CE where the attack is targeted: the sign turns);
//   d(1/J)/dp = -1/J^2 * (dL/dp / temperature - beta * p / ||p||^3). The pole of beta/||p|| is guarded by +1e-12.
// CLIP 0: X' = X + p;  1: X' = X + p clipped in the forward pass, so no gradient of L where it is clipped;
//      2: X' clipped after the step and delta read back from it.
// J^2 is held above FLOOR: where the attack is targeted, J may cross zero, and there 1/J^2 has a pole of its own.
// x, gradient (of L), delta, iterate (X') [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE] (L and ||p||).
// One workgroup of WG (a power of two) invocations an image; one sum, a tree in workgroup memory.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;

const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let temperature = settings[row + SET_TEMPERATURE];
  let beta = settings[row + SET_BETA];
  let norm = state[s + SLOT_P];
  let objective = state[s + SLOT_LOSS] / temperature + beta / (norm + TINY);
  let rate = settings[row + SET_ETA] / max(objective * objective, FLOOR);
  // p / ||p|| first: 1 / ||p||^3 alone would overflow f32 near the pole. At p = 0 the norm's gradient is taken as 0.
  let pull = beta / ((norm + TINY) * (norm + TINY));
  let unit = select(1.0 / norm, 0.0, norm < 1e-30);

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let clean = x[at + e];
    let d = delta[at + e];
    let p = d * m;
    var rise = gradient[at + e] / temperature;
//#if CLIP == 1
    rise = select(rise, 0.0, clean + p < 0.0 || clean + p > 1.0);
//#endif
    var next = (d + rate * m * (rise - p * unit * pull)) * m;
//#if CLIP == 2
    next = select(0.0, (clamp(clean + next * m, 0.0, 1.0) - clean) / (m + TINY), m > 0.0);
//#endif
    delta[at + e] = next;
    let moved = next * m;
//#if CLIP == 1
    iterate[at + e] = clamp(clean + moved, 0.0, 1.0);
//#else
    iterate[at + e] = clean + moved;
//#endif
    sum += moved * moved;
  }
  let squares = total(sum, i);
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_P] = sqrt(squares);
  }
}
