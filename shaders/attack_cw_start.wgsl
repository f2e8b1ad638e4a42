// Start of cw-linf and cw-l0: w of the clean image, the first c; tau 1, or all pixels of the region allowed.
// x [N, ELEMENTS], settings [N, SETTINGS], mask [N, PIXELS], state [N, STATE], place [N, 3, ELEMENTS], allowed [N, 2, PIXELS].
// One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
//#if L0
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> place: array<f32>;
@group(0) @binding(5) var<storage, read_write> allowed: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> place: array<f32>;
//#endif

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  for (var e = i; e < ELEMENTS; e += WG) {
    let first = 3 * at + e;
    place[first] = unsquashed(x[at + e]);
    adamReset(first);
  }
//#if L0
  for (var p = i; p < PIXELS; p += WG) {
    allowed[2 * image * PIXELS + p] = select(0.0, 1.0, mask[image * PIXELS + p] > 0.0);
  }
//#endif
  if (i == 0) {
    state[s + SLOT_CONST] = settings[image * SETTINGS + SET_INITIAL_CONST];
    state[s + SLOT_DECAY1] = 1.0;
    state[s + SLOT_DECAY2] = 1.0;
//#if !L0
    state[s + SLOT_TAU] = 1.0;
//#endif
  }
}
