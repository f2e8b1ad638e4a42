// An image is done once what the net was shown last fools. state [N, STATE]. One workgroup of one invocation an image.
@group(0) @binding(0) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let s = i32(group.x) * STATE;
  if (state[s + SLOT_FOOLS] > 0.5) {
    state[s + SLOT_DONE] = 1.0;
  }
}
