// Step length of this iteration for each image: by a half cosine, whose values cosine [T] holds, from the setting stepStart to stepEnd.
// settings [N, SETTINGS], state [N, STATE]; out step [N]. One workgroup of one invocation an image.
@group(0) @binding(0) var<storage, read> cosine: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> step: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let image = i32(group.x);
  let phase = cosine[i32(state[image * STATE + SLOT_STEP])];
  let row = image * SETTINGS;
  step[image] = mix(settings[row + SET_STEP_END], settings[row + SET_STEP_START], phase);
}
