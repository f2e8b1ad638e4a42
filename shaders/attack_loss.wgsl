// Softmax, cross-entropy, its gradient, arg max and the verdict on the current iterate, in one dispatch.
// logits [N, CLASSES], goal u32 [N] (the label, or the target where TARGETED), schedule [2, T]: step length and gamma of each iteration;
// state [N, STATE] in and out, kept [N, CLASSES]: the logits of the best iterate; seed [N, CLASSES] out: the gradient of
// the loss that the attack raises (CE, or -CE where TARGETED), without the factor 1 - softmax[goal] where UNIT: the update
// divides by the gradient's norm, and so it does not vanish on images that the net is sure of.
// RANK, what makes an iterate the best: 0 fools at the least norm, 1 fools first, then the highest loss, 2 the latest.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> goal: array<u32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> kept: array<f32>;
@group(0) @binding(5) var<storage, read_write> seed: array<f32>;

var<workgroup> values: array<f32, WG>;
var<workgroup> indices: array<i32, WG>;
var<workgroup> improved: bool;

const SIGN = select(1.0, -1.0, TARGETED);

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let row = image * CLASSES;
  let aim = i32(goal[image]);
  let s = image * STATE;

  // The strongest other class, the first of equals.
  var best = -3.4e38;
  var index = CLASSES;
  for (var c = i; c < CLASSES; c += WG) {
    let z = logits[row + c];
    if (c != aim && (index == CLASSES || z > best)) {
      best = z;
      index = c;
    }
  }
  values[i] = best;
  indices[i] = index;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      let other = indices[i + stride];
      let ahead = values[i + stride] > values[i] || (values[i + stride] == values[i] && other < indices[i]);
      if (other < CLASSES && (indices[i] == CLASSES || ahead)) {
        values[i] = values[i + stride];
        indices[i] = other;
      }
    }
    workgroupBarrier();
  }
  let rival = indices[0];
  let peak = values[0];
  workgroupBarrier();

  // sum over the others of exp(z - peak), in 1 .. CLASSES - 1.
  var sum = 0.0;
  for (var c = i; c < CLASSES; c += WG) {
    sum += select(exp(logits[row + c] - peak), 0.0, c == aim);
  }
  let others = total(sum, i);

  // CE = log(1 + exp(t)), t = log sum of the others - z_aim; 1 - softmax[aim] = 1 / (1 + exp(-t)).
  let own = logits[row + aim];
  let t = peak - own + log(others);
  let small = exp(-abs(t));
  // log(1 + small) cancels for small arguments, where its series is exact to f32.
  let loss = max(t, 0.0) + select(log(1.0 + small), small * (1.0 - 0.5 * small), small < 1e-3);
//#if UNIT
  let scale = SIGN;
//#else
  let scale = SIGN * select(small / (1.0 + small), 1.0 / (1.0 + small), t >= 0.0);
//#endif
  for (var c = i; c < CLASSES; c += WG) {
    seed[row + c] = select(scale / others * exp(logits[row + c] - peak), -scale, c == aim);
  }

  if (i == 0) {
    let beaten = peak > own || (peak == own && rival < aim);
    let fools = beaten != TARGETED;
    let norm = state[s + SLOT_NORM];
    let found = state[s + SLOT_FOUND] > 0.5;
    let first = state[s + SLOT_JUDGED] < 0.5;
//#if RANK == 0
    let better = fools && (!found || norm < state[s + SLOT_BEST_NORM]);
//#endif
//#if RANK == 1
    let higher = SIGN * loss > state[s + SLOT_BEST_LOSS];
    let better = first || (fools && !found) || (fools == found && higher);
//#endif
//#if RANK == 2
    let better = true;
//#endif
    if (better) {
      state[s + SLOT_FOUND] = select(0.0, 1.0, fools);
      state[s + SLOT_BEST_NORM] = norm;
      state[s + SLOT_BEST_LOSS] = SIGN * loss;
      state[s + SLOT_BEST_AT] = state[s + SLOT_ITERATION];
    }
    state[s + SLOT_JUDGED] = 1.0;
    state[s + SLOT_FOOLS] = select(0.0, 1.0, fools);
    state[s + SLOT_IMPROVED] = select(0.0, 1.0, better);
    state[s + SLOT_LOSS] = SIGN * loss;
    // The judge after the last step has no place in the schedule, and no use for it.
    let iterations = i32(arrayLength(&schedule)) / 2;
    let iteration = min(i32(state[s + SLOT_ITERATION]), iterations - 1);
    state[s + SLOT_STEP] = schedule[iteration];
    state[s + SLOT_GAMMA] = schedule[iterations + iteration];
    improved = better;
  }
  workgroupBarrier();
  if (improved) {
    for (var c = i; c < CLASSES; c += WG) {
      kept[row + c] = logits[row + c];
    }
  }
}
