// Start of one search of lbfgs: the next c by what the last search found, and an empty memory at the clean image.
// x, iterate [N, ELEMENTS], settings [N, SETTINGS], state [N, STATE]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let s = image * STATE;
  if (i == 0) {
    var c = state[s + SLOT_CONST];
    // The greatest c that fooled and the least that did not; 0 while there is none.
    var lower = state[s + SLOT_LOWER];
    var upper = state[s + SLOT_UPPER];
    if (state[s + SLOT_SEARCHES] == 0.0) {
      c = settings[image * SETTINGS + SET_INITIAL_CONST];
    } else if (state[s + SLOT_HIT] > 0.5) {
      lower = c;
      c = select(10.0 * c, sqrt(c * upper), upper > 0.0);
    } else {
      upper = c;
      c = select(0.1 * c, sqrt(c * lower), lower > 0.0);
    }
    state[s + SLOT_CONST] = c;
    state[s + SLOT_LOWER] = lower;
    state[s + SLOT_UPPER] = upper;
    state[s + SLOT_SEARCHES] += 1.0;
    state[s + SLOT_HIT] = 0.0;
    state[s + SLOT_AGE] = 0.0;
    state[s + SLOT_PAIRS] = 0.0;
    for (var j = 0; j < MEMORY; j++) {
      state[s + SLOT_RHO0 + j] = 0.0;
    }
  }
  for (var e = i; e < ELEMENTS; e += WG) {
    iterate[image * ELEMENTS + e] = x[image * ELEMENTS + e];
  }
}
