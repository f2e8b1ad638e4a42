// Verdict on what the net was shown, the loss that the attack raises, and its gradient towards the logits, in one dispatch.
// logits [N, CLASSES], labels, goal u32 [N] (the class to leave, or the target where TARGETED);
// state [N, STATE] in and out, kept [N, CLASSES]: the logits of the best; trace [N, TRACE, 2]: loss and l2 of each step;
// seed [N, CLASSES] out: the gradient of the loss.
// LOSS 0: cross-entropy CE (-CE where TARGETED);
//      1: the same without the factor 1 - softmax[goal]: where the update divides by the gradient's norm, it does not vanish on images that
//         the net is sure of;
//      2: margin: z_rival - z_label (TARGETED: z_target - z_rival), rival the strongest other class (Carlini and Wagner 2017);
//      3: difference of logits ratio, DLR (Croce and Hein 2020): -(z_y - z_rival) / (z_1 - z_3), z_1 >= z_2 >= ... sorted;
//         where TARGETED -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2), y the label;
//      4: the margin, less 1e-4, over the same differences of sorted logits (Rony et al. 2021); it is DLR but for the goal where TARGETED,
//         and for the 1e-4, which keeps it off ties;
//      5: the targeted form of 3 towards the class t in slot AIM, where any wrong class fools.
// RANK, what makes it the best: 0 fools at the least norm (slot NORM), 1 fools first, then the highest loss, 2 the latest, 3 nothing does.
// CONFIDENT: by RANK 0 only what fools by a margin of the setting kappa becomes the best.
// FINAL: the saved image is judged; what was the best before rounding moves to the float slots.
// STOPS: an image that is fooled is done.
// FORWARDS, BACKWARDS: propagations that a step costs, counted until the image is done, and where FINAL.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> goal: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
//#if CONFIDENT
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> kept: array<f32>;
@group(0) @binding(6) var<storage, read_write> trace: array<f32>;
@group(0) @binding(7) var<storage, read_write> seed: array<f32>;
//#else
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> kept: array<f32>;
@group(0) @binding(5) var<storage, read_write> trace: array<f32>;
@group(0) @binding(6) var<storage, read_write> seed: array<f32>;
//#endif

const LOWEST = -3.4e38;
const SIGN = select(1.0, -1.0, TARGETED);

var<workgroup> values: array<f32, WG>;
var<workgroup> indices: array<i32, WG>;
var<workgroup> improved: bool;

// The class with the largest logit except a, b and c; the first of equals; CLASSES where there is none.
fn strongest(row: i32, i: i32, a: i32, b: i32, c: i32) -> i32 {
  var best = LOWEST;
  var index = CLASSES;
  for (var k = i; k < CLASSES; k += WG) {
    let z = logits[row + k];
    if (k != a && k != b && k != c && (index == CLASSES || z > best)) {
      best = z;
      index = k;
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
  let winner = indices[0];
  workgroupBarrier();
  return winner;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let row = image * CLASSES;
  let aim = i32(goal[image]);
  let s = image * STATE;
  let rival = strongest(row, i, aim, aim, aim);
  let peak = logits[row + rival];
  let own = logits[row + aim];
  // How far the attack is past the boundary: positive where it fools.
  let margin = -SIGN * (own - peak);

//#if LOSS <= 1
  // sum over the others of exp(z - peak), in 1 .. CLASSES - 1.
  var sum = 0.0;
  for (var c = i; c < CLASSES; c += WG) {
    sum += select(exp(logits[row + c] - peak), 0.0, c == aim);
  }
  let others = total(sum, i);
  // CE = log(1 + exp(t)), t = log sum of the others - z_aim; 1 - softmax[aim] = 1 / (1 + exp(-t)).
  let t = peak - own + log(others);
  let small = exp(-abs(t));
  // log(1 + small) cancels for small arguments, where its series is exact to f32.
  let loss = SIGN * (max(t, 0.0) + select(log(1.0 + small), small * (1.0 - 0.5 * small), small < 1e-3));
//#if LOSS == 1
  let scale = SIGN;
//#else
  let scale = SIGN * select(small / (1.0 + small), 1.0 / (1.0 + small), t >= 0.0);
//#endif
  for (var c = i; c < CLASSES; c += WG) {
    seed[row + c] = select(scale / others * exp(logits[row + c] - peak), -scale, c == aim);
  }
//#endif
//#if LOSS == 2
  let loss = margin;
  for (var c = i; c < CLASSES; c += WG) {
    seed[row + c] = select(0.0, -SIGN, c == aim) + select(0.0, SIGN, c == rival);
  }
//#endif
//#if LOSS >= 3
  let first = strongest(row, i, -1, -1, -1);
  let second = strongest(row, i, first, -1, -1);
  let third = strongest(row, i, first, second, -1);
//#if LOSS == 5 || TARGETED
  // With three classes there is no fourth: the third counts twice.
  let last = strongest(row, i, first, second, third);
  let fourth = select(last, third, last == CLASSES);
//#else
  let fourth = third;
//#endif
  let gap = logits[row + first] - 0.5 * (logits[row + third] + logits[row + fourth]) + 1e-12;
//#if LOSS == 5
  let above = i32(state[s + SLOT_AIM]);
  let below = i32(labels[image]);
//#else
//#if LOSS == 3 && TARGETED
  let above = aim;
  let below = i32(labels[image]);
//#else
  let above = select(rival, aim, TARGETED);
  let below = select(aim, rival, TARGETED);
//#endif
//#endif
  let loss = (logits[row + above] - logits[row + below] - select(0.0, 1e-4, LOSS == 4)) / gap;
  for (var c = i; c < CLASSES; c += WG) {
    let spread = select(0.0, 1.0, c == first) - select(0.0, 0.5, c == third) - select(0.0, 0.5, c == fourth);
    seed[row + c] = (select(0.0, 1.0, c == above) - select(0.0, 1.0, c == below) - loss * spread) / gap;
  }
//#endif

  if (i == 0) {
    let beaten = peak > own || (peak == own && rival < aim);
    let fools = beaten != TARGETED;
    let found = state[s + SLOT_FOUND] > 0.5;
    let step = i32(state[s + SLOT_STEPS]);
    let live = state[s + SLOT_DONE] < 0.5;
    if (live || FINAL) {
      state[s + SLOT_FORWARDS] += f32(FORWARDS);
      state[s + SLOT_BACKWARDS] += f32(BACKWARDS);
    }
//#if FINAL
    state[s + SLOT_FLOAT_FOUND] = state[s + SLOT_FOUND];
    state[s + SLOT_FLOAT_L0] = state[s + SLOT_BEST_L0];
    state[s + SLOT_FLOAT_L1] = state[s + SLOT_BEST_L1];
    state[s + SLOT_FLOAT_L2] = state[s + SLOT_BEST_L2];
    state[s + SLOT_FLOAT_LINF] = state[s + SLOT_BEST_LINF];
//#endif
//#if RANK == 0
//#if CONFIDENT
    let enough = margin >= settings[image * SETTINGS + SET_KAPPA];
//#else
    let enough = true;
//#endif
    let better = fools && enough && (!found || state[s + NORM] < state[s + BEST_NORM]);
//#endif
//#if RANK == 1
    let higher = loss > state[s + SLOT_BEST_LOSS];
    let better = state[s + SLOT_JUDGED] < 0.5 || (fools && !found) || (fools == found && higher);
//#endif
//#if RANK == 2
    let better = true;
//#endif
//#if RANK == 3
    let better = false;
//#endif
    if (better) {
      state[s + SLOT_FOUND] = select(0.0, 1.0, fools);
      state[s + SLOT_BEST_LOSS] = loss;
//#if !FINAL
      // A final judge says nothing new of when it was found.
      state[s + SLOT_BEST_AT] = state[s + SLOT_STEPS];
      state[s + SLOT_FOUND_AT] = state[s + SLOT_FORWARDS] + state[s + SLOT_BACKWARDS];
//#endif
      state[s + SLOT_BEST_L0] = state[s + SLOT_L0];
      state[s + SLOT_BEST_L1] = state[s + SLOT_L1];
      state[s + SLOT_BEST_L2] = state[s + SLOT_L2];
      state[s + SLOT_BEST_LINF] = state[s + SLOT_LINF];
    }
//#if RANK != 3
    state[s + SLOT_JUDGED] = 1.0;
//#endif
//#if STOPS
    if (fools) {
      state[s + SLOT_DONE] = 1.0;
    }
//#endif
    state[s + SLOT_FOOLS] = select(0.0, 1.0, fools);
    state[s + SLOT_IMPROVED] = select(0.0, 1.0, better);
    state[s + SLOT_LOSS] = loss;
    state[s + SLOT_MARGIN] = margin;
    state[s + SLOT_RIVAL] = f32(rival);
    state[s + SLOT_STEP] = state[s + SLOT_STEPS];
//#if ADVANCE
    // How long the rest of the batch goes on is nothing to an image that is done.
    if (live) {
      if (step < TRACE) {
        trace[(image * TRACE + step) * 2] = loss;
        trace[(image * TRACE + step) * 2 + 1] = state[s + SLOT_L2];
      }
      state[s + SLOT_STEPS] += 1.0;
    }
//#endif
    improved = better;
  }
  workgroupBarrier();
  if (improved) {
    for (var c = i; c < CLASSES; c += WG) {
      kept[row + c] = logits[row + c];
    }
  }
}
