// One step of cw-linf: Adam in tanh space on c * max(0, -margin) + sum of max(0, |d| - tau), d = iterate - x.
// Where that is below 1e-4 c and the iterate fools, tau shrinks and Adam starts anew from there; where it is not in `iterations` steps, c grows
// by the setting constFactor, and past LARGEST_CONST the image is done, as it is once tau is below 1/256.
// x, gradient (of the margin), iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE], place [N, 3, ELEMENTS].
// One workgroup of WG (a power of two) invocations an image.
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
  let live = state[s + SLOT_DONE] < 0.5;
  let margin = state[s + SLOT_MARGIN];
  var tau = state[s + SLOT_TAU];
  var c = state[s + SLOT_CONST];
  var age = state[s + SLOT_AGE] + 1.0;

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    sum += max(0.0, abs(iterate[at + e] - x[at + e]) - tau);
  }
  let excess = total(sum, i);
  let worked = state[s + SLOT_FOOLS] > 0.5 && c * max(0.0, -margin) + excess < 1e-4 * c;
  if (worked) {
    tau = min(tau, state[s + SLOT_LINF]) * settings[row + SET_DECREASE];
    age = 1.0;
  } else if (age > f32(ITERATIONS)) {
    c *= settings[row + SET_CONST_FACTOR];
    age = 1.0;
  }
  let done = tau <= 1.0 / 256.0 || c >= LARGEST_CONST;
  let decay1 = 0.9 * select(state[s + SLOT_DECAY1], 1.0, worked);
  let decay2 = 0.999 * select(state[s + SLOT_DECAY2], 1.0, worked);
  let length = adamLength(settings[row + SET_LEARNING_RATE], decay1, decay2);
  let raised = select(0.0, c, margin < 0.0);

  if (live) {
    for (var e = i; e < ELEMENTS; e += WG) {
      let clean = x[at + e];
      let m = mask[image * PIXELS + e % PIXELS];
      let first = 3 * at + e;
      if (worked) {
        adamReset(first);
      }
      let d = iterate[at + e] - clean;
      let over = select(0.0, sign(d), abs(d) > tau);
      let slope = (over - raised * gradient[at + e]) * m * squashing(squashed(place[first]));
      let w = adamStep(first, slope, length);
      iterate[at + e] = clean + m * (squashed(w) - clean);
    }
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (live && i == 0) {
    state[s + SLOT_TAU] = tau;
    state[s + SLOT_CONST] = c;
    state[s + SLOT_AGE] = age;
    state[s + SLOT_DECAY1] = decay1;
    state[s + SLOT_DECAY2] = decay2;
    state[s + SLOT_DONE] = select(0.0, 1.0, done);
  }
}
