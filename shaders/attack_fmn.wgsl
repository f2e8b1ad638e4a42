// One step of the fast minimum-norm attack, FMN (Pintor et al. 2021), in the norm P: 0, 1, 2, or 3 for linf.
//   r (the radius): l0: fools ? min(r - 1, floor(r * (1 - gamma)), best) : max(r + 1, floor(r * (1 + gamma)));
//     others: fools ? min(r * (1 - gamma), best) : r * (1 + gamma) where one was found before, else ||d|| + |margin| / ||g||*, the distance
//     to the linearised boundary (d before rounding: what rounding takes away must not hold r back); at most the norm of the farthest image.
//   d += a * g / ||g||_2, g = M * gradient;  d projected onto the ball of radius r;  iterate = clip(x + d).
// As in the authors' code the l2 projection scales short perturbations up to r as well, and equals of the l0 projection's last one stay.
// a and gamma fall by half cosines, whose values cosine [T] holds. x, gradient, iterate [N, ELEMENTS], mask [N, PIXELS],
// settings [N, SETTINGS], state [N, STATE] (r, the verdict). One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> cosine: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;

const TINY = 1e-12;

// Element e of d after the step.
fn moved(image: i32, e: i32, gain: f32) -> f32 {
  let at = image * ELEMENTS + e;
  return iterate[at] - x[at] + gain * (gradient[at] * mask[image * PIXELS + e % PIXELS]);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let step = i32(state[s + SLOT_STEP]);
  let phase = cosine[step];
  let gamma = mix(settings[row + SET_GAMMA_END], settings[row + SET_GAMMA], phase);
  let reach = mix(settings[row + SET_STEP_END], settings[row + SET_STEP_START], phase);
  let fools = state[s + SLOT_FOOLS] > 0.5;
  let found = state[s + SLOT_FOUND] > 0.5;

  var squares = 0.0;
  var sum = 0.0;
  var most = 0.0;
  var far = 0.0;
  var farMost = 0.0;
  var size = 0.0;
  var sizeMost = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let g = gradient[at + e] * m;
    squares += g * g;
    sum += abs(g);
    most = max(most, abs(g));
    let room = select(0.0, max(x[at + e], 1.0 - x[at + e]), m > 0.0);
    let d = abs(iterate[at + e] - x[at + e]);
    farMost = max(farMost, room);
    sizeMost = max(sizeMost, d);
//#if P == 0
    far += select(0.0, 1.0, m > 0.0);
//#else
//#if P == 1
    far += room;
    size += d;
//#else
    far += room * room;
    size += d * d;
//#endif
//#endif
  }
  let length = sqrt(total(squares, i));
  let gain = reach / max(length, TINY);
//#if P == 3
  let farthest = largest(farMost, i);
//#else
  let spread = total(far, i);
  let farthest = select(spread, sqrt(spread), P == 2);
//#endif

//#if P == 0
  let old = select(state[s + SLOT_RADIUS], 1.0, step == 0);
  let less = min(min(old - 1.0, floor(old * (1.0 - gamma))), state[s + SLOT_BEST_L0]);
  let more = max(old + 1.0, floor(old * (1.0 + gamma)));
  let radius = clamp(select(more, less, fools), 0.0, farthest);
//#else
//#if P == 1
  let dual = largest(most, i);
  let norm = total(size, i);
  let best = state[s + SLOT_BEST_L1];
//#endif
//#if P == 2
  let dual = length;
  let norm = sqrt(total(size, i));
  let best = state[s + SLOT_BEST_L2];
//#endif
//#if P == 3
  let dual = total(sum, i);
  let norm = largest(sizeMost, i);
  let best = state[s + SLOT_BEST_LINF];
//#endif
  // Unbounded before the first step.
  let old = select(state[s + SLOT_RADIUS], farthest, step == 0);
  let ahead = norm + abs(state[s + SLOT_MARGIN]) / max(dual, TINY);
  let more = select(ahead, old * (1.0 + gamma), found);
  let radius = min(select(more, min(old * (1.0 - gamma), best), fools), farthest);
//#endif

//#if P == 0
  // The k-th largest magnitude, bit by bit: magnitudes order as their bits do.
  let k = max(radius, 1.0);
  var bits = 0u;
  for (var bit = 30; bit >= 0; bit--) {
    let trial = bits | (1u << u32(bit));
    var count = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      count += select(0.0, 1.0, bitcast<u32>(abs(moved(image, e, gain))) >= trial);
    }
    bits = select(bits, trial, total(count, i) >= k);
  }
//#endif
//#if P == 1
  // Soft threshold t with sum max(|d| - t, 0) = r: a bracket by halving, then exactly, from the values above it.
  sum = 0.0;
  most = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = abs(moved(image, e, gain));
    sum += d;
    most = max(most, d);
  }
  let outside = total(sum, i) > radius;
  var low = 0.0;
  var high = largest(most, i);
  for (var halving = 0; halving < 24; halving++) {
    let middle = 0.5 * (low + high);
    sum = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      sum += max(abs(moved(image, e, gain)) - middle, 0.0);
    }
    let above = total(sum, i) > radius;
    low = select(low, middle, above);
    high = select(middle, high, above);
  }
  sum = 0.0;
  var count = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = abs(moved(image, e, gain));
    sum += select(0.0, d, d > low);
    count += select(0.0, 1.0, d > low);
  }
  let excess = total(sum, i) - radius;
  let threshold = select(0.0, excess / max(total(count, i), 1.0), outside);
//#endif
//#if P == 2
  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = moved(image, e, gain);
    sum += d * d;
  }
  let scale = radius / max(sqrt(total(sum, i)), TINY);
//#endif

  for (var e = i; e < ELEMENTS; e += WG) {
    let d = moved(image, e, gain);
//#if P == 0
    let projected = select(0.0, d, bitcast<u32>(abs(d)) >= bits);
//#endif
//#if P == 1
    let projected = sign(d) * max(abs(d) - threshold, 0.0);
//#endif
//#if P == 2
    let projected = d * scale;
//#endif
//#if P == 3
    let projected = clamp(d, -radius, radius);
//#endif
    iterate[at + e] = clamp(x[at + e] + projected, 0.0, 1.0);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_RADIUS] = radius;
  }
}
