// What auto-PGD decides between its runs; a run is one random start and its steps, a search all runs at one epsilon.
// MODE 0: before all of them: the epsilon is the setting's, and twice that the bisection's upper end.
//      1: before a run: its step count is 0; AIMS: its class is the one of rank run / RESTARTS among the others, by the clean logits.
//      2: after a search: halves the interval, of which the upper end is the least that fooled, or the norm that it took if that is less (the 8-bit image's).
// logits [N, CLASSES], labels u32 [N], settings [N, SETTINGS], state [N, STATE]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let s = image * STATE;

//#if MODE == 0
  let budget = settings[image * SETTINGS + SET_EPSILON];
  if (i == 0) {
    state[s + SLOT_EPSILON] = budget;
    state[s + SLOT_HIGH] = 2.0 * budget;
  }
//#endif
//#if MODE == 1
//#if AIMS
  let row = image * CLASSES;
  let label = i32(labels[image]);
  let rank = i32(state[s + SLOT_RUN]) / RESTARTS;
  for (var c = i; c < CLASSES; c += WG) {
    var above = 0;
    for (var k = 0; k < CLASSES; k++) {
      let ahead = logits[row + k] > logits[row + c] || (logits[row + k] == logits[row + c] && k < c);
      above += select(0, 1, k != label && ahead);
    }
    if (c != label && above == rank) {
      state[s + SLOT_AIM] = f32(c);
    }
  }
//#endif
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_AGE] = 0.0;
//#if AIMS
    state[s + SLOT_RUN] += 1.0;
//#endif
  }
//#endif
//#if MODE == 2
  if (i == 0) {
    let fooled = state[s + SLOT_DONE] > 0.5;
    let budget = state[s + SLOT_EPSILON];
    let low = select(budget, state[s + SLOT_LOW], fooled);
    let high = select(state[s + SLOT_HIGH], min(budget, state[s + BEST_NORM]), fooled);
    state[s + SLOT_LOW] = min(low, high);
    state[s + SLOT_HIGH] = high;
    state[s + SLOT_EPSILON] = 0.5 * (min(low, high) + high);
    state[s + SLOT_RUN] = 0.0;
    state[s + SLOT_DONE] = 0.0;
  }
//#endif
}
