// The class that jsma aims at: the goal where TARGETED, else the strongest other class of the clean image; the first of equals.
// logits [N, CLASSES] of the clean images, goal u32 [N], state [N, STATE]. One workgroup of one invocation an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> goal: array<u32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let image = i32(group.x);
  let own = i32(goal[image]);
  var aim = own;
  if (!TARGETED) {
    aim = select(0, 1, own == 0);
    for (var c = 0; c < CLASSES; c++) {
      if (c != own && logits[image * CLASSES + c] > logits[image * CLASSES + aim]) {
        aim = c;
      }
    }
  }
  state[image * STATE + SLOT_AIM] = f32(aim);
}
