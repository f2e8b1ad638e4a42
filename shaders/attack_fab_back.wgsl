// FAB's backward step: an iterate that fools goes back towards the clean image, iterate = x + beta * (iterate - x).
// KEEPS: kept takes it before, if it is the nearest of its run by the norm in the slot NORM. An image that is done stays as it is.
// x, iterate, kept [N, ELEMENTS], settings [N, SETTINGS], state [N, STATE]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> iterate: array<f32>;
//#if KEEPS
@group(0) @binding(4) var<storage, read_write> kept: array<f32>;
//#endif

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let beta = settings[image * SETTINGS + SET_BETA];
  let fools = state[s + SLOT_FOOLS] > 0.5 && state[s + SLOT_DONE] < 0.5;
//#if KEEPS
  let nearer = fools && state[s + NORM] < state[s + SLOT_NEAREST];
//#endif
  for (var e = i32(local); e < ELEMENTS && fools; e += WG) {
//#if KEEPS
    if (nearer) {
      kept[at + e] = iterate[at + e];
    }
//#endif
    iterate[at + e] = x[at + e] + beta * (iterate[at + e] - x[at + e]);
  }
//#if KEEPS
  storageBarrier();
  if (local == 0u && nearer) {
    state[s + SLOT_NEAREST] = state[s + NORM];
  }
//#endif
}
