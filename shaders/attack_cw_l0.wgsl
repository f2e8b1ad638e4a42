// One step of cw-l0: Adam in tanh space on ||d||^2 + c * max(0, 0.01 - margin), d = iterate - x, over the pixels that may still change.
// Where the second term is 0, the pixels with the least |sum of d| * sum of |slope| (over the channels) are fixed to x, up to .3 * sqrt(changed
// pixels) of them or one above .01, and Adam starts anew from there; where it is not in `iterations` steps, c grows by the setting constFactor, and past
// LARGEST_CONST the image is done, as it is without a pixel left.
// x, gradient (of the margin), iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE], place [N, 3, ELEMENTS],
// allowed [N, 2, PIXELS]: whether a pixel may change, and room for its worth.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> place: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(7) var<storage, read_write> allowed: array<f32>;

const FAR = 3.4e38;
const ENOUGH = 0.01;

var<workgroup> branch: i32;

fn slopeOf(image: i32, e: i32, c: f32) -> f32 {
  let at = image * ELEMENTS + e;
  let p = squashed(place[3 * image * ELEMENTS + e]);
  return (2.0 * (iterate[at] - x[at]) - c * gradient[at]) * mask[image * PIXELS + e % PIXELS] * squashing(p);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let may = 2 * image * PIXELS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let gap = max(0.0, ENOUGH - state[s + SLOT_MARGIN]);
  let c = select(0.0, state[s + SLOT_CONST], gap > 0.0);
  if (i == 0) {
    let worked = state[s + SLOT_FOOLS] > 0.5 && gap < 1e-4;
    branch = select(select(0, 1, worked), 2, state[s + SLOT_DONE] > 0.5);
  }
  let way = workgroupUniformLoad(&branch);
  if (way == 2) {
    return;
  }

  if (way == 1) {
    var count = 0.0;
    var changed = 0.0;
    for (var p = i; p < PIXELS; p += WG) {
      var moved = 0.0;
      var steep = 0.0;
      var far = false;
      for (var e = p; e < ELEMENTS; e += PIXELS) {
        let d = iterate[at + e] - x[at + e];
        moved += d;
        steep += abs(slopeOf(image, e, c));
        far = far || abs(d) >= 1e-4;
      }
      allowed[may + PIXELS + p] = abs(moved) * steep;
      changed += select(0.0, 1.0, far);
      count += allowed[may + p];
    }
    let most = 0.3 * sqrt(total(changed, i));
    let left = total(count, i);
    var going = true;
    for (var did = 1; did <= MOST; did++) {
      var value = FAR;
      var index = PIXELS;
      for (var p = i; p < PIXELS; p += WG) {
        let worth = allowed[may + PIXELS + p];
        if (allowed[may + p] > 0.5 && (worth < value || index == PIXELS)) {
          value = worth;
          index = p;
        }
      }
      let next = least(value, index, i);
      if (going && next.index < PIXELS && i == next.index % WG) {
        allowed[may + next.index] = 0.0;
      }
      going = going && next.value <= 0.01 && f32(did) < most;
    }
    for (var e = i; e < ELEMENTS; e += WG) {
      adamReset(3 * at + e);
      if (allowed[may + e % PIXELS] < 0.5) {
        iterate[at + e] = x[at + e];
      }
    }
    if (i == 0) {
      state[s + SLOT_AGE] = 0.0;
      state[s + SLOT_DECAY1] = 1.0;
      state[s + SLOT_DECAY2] = 1.0;
      state[s + SLOT_DONE] = select(0.0, 1.0, left < 0.5);
    }
    return;
  }

  let decay1 = 0.9 * state[s + SLOT_DECAY1];
  let decay2 = 0.999 * state[s + SLOT_DECAY2];
  let length = adamLength(settings[row + SET_LEARNING_RATE], decay1, decay2);
  for (var e = i; e < ELEMENTS; e += WG) {
    if (allowed[may + e % PIXELS] > 0.5) {
      let clean = x[at + e];
      let w = adamStep(3 * at + e, slopeOf(image, e, c), length);
      iterate[at + e] = clean + mask[image * PIXELS + e % PIXELS] * (squashed(w) - clean);
    }
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    let age = state[s + SLOT_AGE] + 1.0;
    let over = age >= f32(ITERATIONS);
    let grown = state[s + SLOT_CONST] * select(1.0, settings[row + SET_CONST_FACTOR], over);
    state[s + SLOT_CONST] = grown;
    state[s + SLOT_AGE] = select(age, 0.0, over);
    state[s + SLOT_DECAY1] = decay1;
    state[s + SLOT_DECAY2] = decay2;
    state[s + SLOT_DONE] = select(0.0, 1.0, grown >= LARGEST_CONST);
  }
}
