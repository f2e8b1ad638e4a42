// One evaluation of lbfgs: J = c ||d||^2 - loss at the iterate, d = iterate - x, is a point of a backtracking line search (Armijo). Where it falls
// enough the iterate becomes the point, and a new direction comes from the last MEMORY pairs (two-loop recursion, Nocedal 1980) without the
// values that the box holds; where it does not the step is halved. Everything is in the space of delta, iterate = x + M * delta.
// x, gradient (of the loss), iterate [N, ELEMENTS], mask [N, PIXELS], state [N, STATE],
// memory [N, 3 + 2 MEMORY, ELEMENTS]: the point, J's gradient there, the direction, differences of delta, differences of gradients.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> memory: array<f32>;
@group(0) @binding(5) var<storage, read_write> iterate: array<f32>;

const SUFFICIENT = 1e-4;
const TINY = 1e-12;
const POINT = 0;
const SLOPE = ELEMENTS;
const WAY = 2 * ELEMENTS;
const STEPS = 3 * ELEMENTS;
const CHANGES = (3 + MEMORY) * ELEMENTS;

var<workgroup> branch: i32;
var<workgroup> rho: array<f32, MEMORY>;

// The box holds a value at its edge that J's descent pushes outwards.
fn held(value: f32, slope: f32) -> bool {
  return (value <= 0.0 && slope > 0.0) || (value >= 1.0 && slope < 0.0);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let home = image * (3 + 2 * MEMORY) * ELEMENTS;
  let s = image * STATE;
  let c = state[s + SLOT_CONST];
  let fresh = state[s + SLOT_AGE] == 0.0;

  var sum = 0.0;
  var along = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let d = iterate[at + e] - x[at + e];
    sum += d * d;
    along += select(0.0, memory[home + SLOPE + e] * (iterate[at + e] - memory[home + POINT + e]) / max(m, TINY), m > 0.0);
  }
  let value = c * total(sum, i) - state[s + SLOT_LOSS];
  let expected = total(along, i);
  if (i == 0) {
    branch = select(0, 1, fresh || value <= state[s + SLOT_VALUE] + SUFFICIENT * expected);
  }
  let accepted = workgroupUniformLoad(&branch) == 1;
  var length = 0.5 * state[s + SLOT_LENGTH];
  var pairs = i32(state[s + SLOT_PAIRS]);
  var scale = state[s + SLOT_SCALE];

  if (accepted) {
    let spot = (pairs % MEMORY) * ELEMENTS;
    var bend = 0.0;
    var change2 = 0.0;
    var slope2 = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      let m = mask[masks + e % PIXELS];
      let value = iterate[at + e];
      let slope = (2.0 * c * (value - x[at + e]) - gradient[at + e]) * m;
      if (!fresh) {
        let moved = select(0.0, (value - memory[home + POINT + e]) / max(m, TINY), m > 0.0);
        let change = slope - memory[home + SLOPE + e];
        memory[home + STEPS + spot + e] = moved;
        memory[home + CHANGES + spot + e] = change;
        bend += moved * change;
        change2 += change * change;
      }
      memory[home + POINT + e] = value;
      memory[home + SLOPE + e] = slope;
      let free = select(slope, 0.0, held(value, slope));
      memory[home + WAY + e] = free;
      slope2 += free * free;
    }
    bend = total(bend, i);
    change2 = total(change2, i);
    let steepest = 1.0 / (sqrt(total(slope2, i)) + TINY);
    // A pair without positive curvature is left out; the place of the oldest stays empty until the next one.
    let convex = bend > 1e-10 * change2 && bend > 0.0;
    if (i < MEMORY) {
      let old = state[s + SLOT_RHO0 + i];
      let own = !fresh && i == pairs % MEMORY;
      rho[i] = select(old, select(0.0, 1.0 / max(bend, TINY), convex), own);
    }
    workgroupBarrier();
    if (!fresh && convex) {
      pairs += 1;
      scale = bend / change2;
    }
    if (pairs == 0) {
      scale = steepest;
    }
    length = 1.0;

    var weights: array<f32, MEMORY>;
    for (var j = 0; j < MEMORY; j++) {
      let k = (pairs - 1 - j + 2 * MEMORY) % MEMORY;
      var dot = 0.0;
      for (var e = i; e < ELEMENTS; e += WG) {
        dot += select(0.0, memory[home + STEPS + k * ELEMENTS + e] * memory[home + WAY + e], rho[k] > 0.0);
      }
      let weight = rho[k] * total(dot, i);
      weights[j] = weight;
      if (rho[k] > 0.0) {
        for (var e = i; e < ELEMENTS; e += WG) {
          memory[home + WAY + e] -= weight * memory[home + CHANGES + k * ELEMENTS + e];
        }
      }
    }
    for (var e = i; e < ELEMENTS; e += WG) {
      memory[home + WAY + e] *= scale;
    }
    for (var j = MEMORY - 1; j >= 0; j--) {
      let k = (pairs - 1 - j + 2 * MEMORY) % MEMORY;
      var dot = 0.0;
      for (var e = i; e < ELEMENTS; e += WG) {
        dot += select(0.0, memory[home + CHANGES + k * ELEMENTS + e] * memory[home + WAY + e], rho[k] > 0.0);
      }
      let weight = weights[j] - rho[k] * total(dot, i);
      if (rho[k] > 0.0) {
        for (var e = i; e < ELEMENTS; e += WG) {
          memory[home + WAY + e] += weight * memory[home + STEPS + k * ELEMENTS + e];
        }
      }
    }
    var descent = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      let slope = memory[home + SLOPE + e];
      descent += select(memory[home + WAY + e] * slope, 0.0, held(memory[home + POINT + e], slope));
    }
    let falls = total(descent, i) > 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      let slope = memory[home + SLOPE + e];
      let way = select(steepest * slope, memory[home + WAY + e], falls);
      memory[home + WAY + e] = select(-way, 0.0, held(memory[home + POINT + e], slope));
    }
  }

  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    iterate[at + e] = clamp(memory[home + POINT + e] + length * m * memory[home + WAY + e], 0.0, 1.0);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (accepted && i < MEMORY) {
    state[s + SLOT_RHO0 + i] = rho[i];
  }
  if (i == 0) {
    if (accepted) {
      state[s + SLOT_VALUE] = value;
      state[s + SLOT_PAIRS] = f32(pairs);
      state[s + SLOT_SCALE] = scale;
    }
    state[s + SLOT_AGE] += 1.0;
    state[s + SLOT_LENGTH] = length;
    state[s + SLOT_HIT] = max(state[s + SLOT_HIT], state[s + SLOT_FOOLS]);
  }
}
