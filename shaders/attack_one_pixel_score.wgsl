// Fitness of a slice of the children: log of the odds against the goal's class, or for it where TARGETED: rises and falls with its probability.
// logits [N * ROWS, CLASSES], goal u32 [N], state [N, STATE], fitness [N, 2, POPULATION]: the parents', the children's.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> goal: array<u32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> fitness: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let aim = i32(goal[image]);
  let s = image * STATE;
  let slice = i32(state[s + SLOT_SLICE]);
  for (var r = i; r < ROWS; r += WG) {
    let row = (image * ROWS + r) * CLASSES;
    var peak = -3.4e38;
    for (var c = 0; c < CLASSES; c++) {
      peak = max(peak, select(logits[row + c], -3.4e38, c == aim));
    }
    var sum = 0.0;
    for (var c = 0; c < CLASSES; c++) {
      sum += select(exp(logits[row + c] - peak), 0.0, c == aim);
    }
    let odds = peak + log(sum) - logits[row + aim];
    fitness[(2 * image + 1) * POPULATION + slice * ROWS + r] = select(odds, -odds, TARGETED);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0 && state[s + SLOT_DONE] < 0.5) {
    state[s + SLOT_FORWARDS] += f32(ROWS);
  }
  if (i == 0) {
    state[s + SLOT_SLICE] = f32(slice + 1);
  }
}
