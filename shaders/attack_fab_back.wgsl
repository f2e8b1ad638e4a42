// FAB's backward step: an iterate that fools goes back towards the clean image, iterate = x + beta * (iterate - x).
// x, iterate [N, ELEMENTS], settings [N, SETTINGS], state [N, STATE]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let beta = settings[image * SETTINGS + SET_BETA];
  if (state[image * STATE + SLOT_FOOLS] > 0.5) {
    for (var e = i32(local); e < ELEMENTS; e += WG) {
      iterate[at + e] = x[at + e] + beta * (iterate[at + e] - x[at + e]);
    }
  }
}
