// Weights of the logits whose gradient is one row of a Jacobian: that of z_k - z_y, y the label, k the class of rank RANK (0 the strongest; below 0: SLOT_AIM)
// among the others by the clean image's logits, the first of equals before the next. logits [N, CLASSES], labels u32 [N], state [N, STATE]; out seed [N, CLASSES].
// One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
//#if RANK < 0
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> seed: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> seed: array<f32>;
//#endif

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = i32(group.x) * CLASSES;
  let label = i32(labels[group.x]);
//#if RANK < 0
  let rank = i32(state[i32(group.x) * STATE + SLOT_AIM]);
//#else
  let rank = RANK;
//#endif
  for (var c = i32(local); c < CLASSES; c += WG) {
    let own = logits[row + c];
    var ahead = 0;
    for (var k = 0; k < CLASSES; k++) {
      let z = logits[row + k];
      if (k != label && (z > own || (z == own && k < c))) {
        ahead++;
      }
    }
    seed[row + c] = select(select(0.0, 1.0, ahead == rank), -1.0, c == label);
  }
}
