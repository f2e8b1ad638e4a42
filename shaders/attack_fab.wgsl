// One step of FAB (Croce and Hein 2020): between the projections of the iterate z and of the clean image x onto the nearest linearised
// boundary (attack_nearest) within the box:  z <- clip((1 - a) (z + eta d_z) + a (x + eta d_x)),  a = min(|d_z| / (|d_z| + |d_x|), alphaMax).
// The projection of a point t in a region with mask M, gap + g (t + d - z) = 0 with 0 <= t + d <= 1 and least |d|:
//   l2 (metric sum d^2 / M): d(v) = clamp(v M g, -t, 1 - t);  LINF (largest |d| / M): d(v) = clamp(v M sign g, -t, 1 - t);
// g d(v) does not fall with v, so halving finds the bracket of the root, and the values that are free there give it exactly. Where the box
// has no such point, the corner nearest to the boundary is taken.
// Where the net sees 8-bit images, gap and g are theirs, held to be those of z: rounding alone must not hold z back.
// x, normal (g), iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE].
// An image that is done stays as it is. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> normal: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> iterate: array<f32>;

const TINY = 1e-20;
// The root's scale is found first, then 24 bits of it.
const HALVINGS = 40;

// What element e moves by where the multiplier is 1: M g, or M sign g.
fn direction(image: i32, e: i32) -> f32 {
  let g = normal[image * ELEMENTS + e];
  return mask[image * PIXELS + e % PIXELS] * select(g, sign(g), LINF);
}

fn point(image: i32, e: i32, clean: bool) -> f32 {
  return select(iterate[image * ELEMENTS + e], x[image * ELEMENTS + e], clean);
}

fn boxed(t: f32, d: f32) -> f32 {
  return clamp(d, -t, 1.0 - t);
}

// The multiplier v of the projection of the iterate, or of the clean image.
fn multiplier(image: i32, i: i32, clean: bool) -> f32 {
  let at = image * ELEMENTS;
  var sum = 0.0;
  var most = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    sum += normal[at + e] * (point(image, e, clean) - iterate[at + e]);
    let reach = abs(direction(image, e));
    // Past this multiplier the element is at the edge of the box.
    most = max(most, select(0.0, 1.0 / max(reach, 1e-8), reach > 1e-8));
  }
  let need = -(state[image * STATE + SLOT_GAP] + total(sum, i));
  let way = select(-1.0, 1.0, need >= 0.0);
  var low = 0.0;
  var high = largest(most, i);
  for (var halving = 0; halving < HALVINGS; halving++) {
    let between = sqrt(max(low, 1e-12 * high) * high);
    let middle = select(0.5 * (low + high), between, high > 4.0 * low);
    sum = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      sum += normal[at + e] * boxed(point(image, e, clean), way * middle * direction(image, e));
    }
    let short = way * total(sum, i) < abs(need);
    low = select(low, middle, short);
    high = select(middle, high, short);
  }
  // What is at the edge of the box gives a fixed part of g d, the rest grows with v.
  var fixed = 0.0;
  var rate = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = way * high * direction(image, e);
    let held = boxed(point(image, e, clean), d);
    let inside = d == held;
    fixed += select(way * normal[at + e] * held, 0.0, inside);
    rate += select(0.0, normal[at + e] * direction(image, e), inside);
  }
  let rest = abs(need) - total(fixed, i);
  let exact = rest / max(total(rate, i), TINY);
  return way * clamp(exact, low, high);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let row = image * SETTINGS;
  if (state[image * STATE + SLOT_DONE] > 0.5) {
    return;
  }
  let own = multiplier(image, i, false);
  let cleanOwn = multiplier(image, i, true);
  var ownSize = 0.0;
  var cleanSize = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let along = direction(image, e);
    let a = abs(boxed(iterate[at + e], own * along));
    let b = abs(boxed(x[at + e], cleanOwn * along));
    ownSize = select(ownSize + a * a, max(ownSize, a), LINF);
    cleanSize = select(cleanSize + b * b, max(cleanSize, b), LINF);
  }
//#if LINF
  let far = max(largest(ownSize, i), 1e-8);
  let near = max(largest(cleanSize, i), 1e-8);
//#else
  let far = max(sqrt(total(ownSize, i)), 1e-8);
  let near = max(sqrt(total(cleanSize, i)), 1e-8);
//#endif
  let bias = min(far / (far + near), settings[row + SET_ALPHA_MAX]);
  let eta = settings[row + SET_ETA];
  for (var e = i; e < ELEMENTS; e += WG) {
    let along = direction(image, e);
    let z = iterate[at + e] + eta * boxed(iterate[at + e], own * along);
    let c = x[at + e] + eta * boxed(x[at + e], cleanOwn * along);
    let next = clamp((1.0 - bias) * z + bias * c, 0.0, 1.0);
    iterate[at + e] = select(next, x[at + e], mask[image * PIXELS + e % PIXELS] == 0.0);
  }
}
