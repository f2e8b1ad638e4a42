// One step of cw-l2: Adam in tanh space on ||d||^2 + c * max(0, kappa - margin), d = iterate - x.
// iterate = x + M * (p - x), p the squashed w: in the box for every M in [0, 1].
// x, gradient (of the margin), iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE], place [N, 3, ELEMENTS].
// One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> place: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let margin = state[s + SLOT_MARGIN];
  let kappa = settings[row + SET_KAPPA];
  let c = select(0.0, state[s + SLOT_CONST], margin < kappa);
  let decay1 = 0.9 * state[s + SLOT_DECAY1];
  let decay2 = 0.999 * state[s + SLOT_DECAY2];
  let length = adamLength(settings[row + SET_LEARNING_RATE], decay1, decay2);

  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let m = mask[image * PIXELS + e % PIXELS];
    let first = 3 * at + e;
    let slope = (2.0 * (iterate[at + e] - clean) - c * gradient[at + e]) * m * squashing(squashed(place[first]));
    let w = adamStep(first, slope, length);
    iterate[at + e] = clean + m * (squashed(w) - clean);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    if (state[s + SLOT_FOOLS] > 0.5 && margin >= kappa) {
      state[s + SLOT_HIT] = 1.0;
    }
    state[s + SLOT_DECAY1] = decay1;
    state[s + SLOT_DECAY2] = decay2;
  }
}
