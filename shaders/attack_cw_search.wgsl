// Start of one search of cw-l2: the next c by what the last search found, and Adam anew from the clean image.
// FIRST: the column of settings that has the first c.
// x, iterate [N, ELEMENTS], settings [N, SETTINGS], state [N, STATE], place [N, 3, ELEMENTS]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> place: array<f32>;
@group(0) @binding(4) var<storage, read_write> iterate: array<f32>;

const UNBOUNDED = 1e10;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  if (i == 0) {
    var c = state[s + SLOT_CONST];
    var lower = state[s + SLOT_LOWER];
    var upper = state[s + SLOT_UPPER];
    if (state[s + SLOT_SEARCHES] == 0.0) {
      c = settings[image * SETTINGS + FIRST];
      upper = UNBOUNDED;
    } else {
      if (state[s + SLOT_HIT] > 0.5) {
        upper = min(upper, c);
      } else {
        lower = max(lower, c);
      }
      c = select(10.0 * c, 0.5 * (lower + upper), upper < UNBOUNDED);
    }
    state[s + SLOT_CONST] = c;
    state[s + SLOT_LOWER] = lower;
    state[s + SLOT_UPPER] = upper;
    state[s + SLOT_SEARCHES] += 1.0;
    state[s + SLOT_HIT] = 0.0;
    state[s + SLOT_DECAY1] = 1.0;
    state[s + SLOT_DECAY2] = 1.0;
  }
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let first = 3 * at + e;
    place[first] = unsquashed(clean);
    adamReset(first);
    iterate[at + e] = clean;
  }
}
