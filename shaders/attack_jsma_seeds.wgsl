// The two combinations of the Jacobian's rows that a saliency map needs: the aim's logit, and the sum of the others.
// state [N, STATE]; out own, others [N, CLASSES]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> state: array<f32>;
@group(0) @binding(1) var<storage, read_write> own: array<f32>;
@group(0) @binding(2) var<storage, read_write> others: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let image = i32(group.x);
  let aim = i32(state[image * STATE + SLOT_AIM]);
  for (var c = i32(local); c < CLASSES; c += WG) {
    own[image * CLASSES + c] = select(0.0, 1.0, c == aim);
    others[image * CLASSES + c] = select(1.0, 0.0, c == aim);
  }
}
