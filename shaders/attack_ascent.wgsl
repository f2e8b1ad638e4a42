// One step up the loss within a budget, on images that are not done.
//   MOMENTUM: v <- DECAY * v + g / ||g||_1, g = M * gradient, DECAY the setting of that name (Dong et al. 2018); else v = g
//   LINF: iterate += a * M * sign(v), held within epsilon of X;  else: iterate += a * v / ||v||, iterate - X scaled to norm epsilon where it is longer
// then clipped to [0, 1].
// REACH, the length a: 0 the setting alpha;  1 epsilon;  2 what alpha leaves of epsilon.
// x, gradient, iterate, velocity (v) [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> iterate: array<f32>;
//#if MOMENTUM
@group(0) @binding(6) var<storage, read_write> velocity: array<f32>;
//#endif

const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let row = image * SETTINGS;
  if (state[image * STATE + SLOT_DONE] > 0.5) {
    return;
  }
  let budget = settings[row + SET_EPSILON];
//#if REACH == 0
  let reach = settings[row + SET_ALPHA];
//#endif
//#if REACH == 1
  let reach = budget;
//#endif
//#if REACH == 2
  let reach = budget - settings[row + SET_ALPHA];
//#endif

//#if MOMENTUM
  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    sum += abs(gradient[at + e] * mask[masks + e % PIXELS]);
  }
  let unit = 1.0 / (total(sum, i) + TINY);
  for (var e = i; e < ELEMENTS; e += WG) {
    velocity[at + e] = settings[row + SET_DECAY] * velocity[at + e] + unit * (gradient[at + e] * mask[masks + e % PIXELS]);
  }
//#endif
//#if LINF
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
//#if MOMENTUM
    let v = velocity[at + e];
//#else
    let v = gradient[at + e];
//#endif
    let push = reach * sign(v) * mask[masks + e % PIXELS];
    iterate[at + e] = clamp(clamp(iterate[at + e] + push, clean - budget, clean + budget), 0.0, 1.0);
  }
//#else
  var squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let v = gradient[at + e] * mask[masks + e % PIXELS];
    squares += v * v;
  }
  let gain = reach / (sqrt(total(squares, i)) + TINY);
  squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let p = iterate[at + e] + gain * (gradient[at + e] * mask[masks + e % PIXELS]) - x[at + e];
    iterate[at + e] = p;
    squares += p * p;
  }
  let shrink = min(1.0, budget / (sqrt(total(squares, i)) + TINY));
  for (var e = i; e < ELEMENTS; e += WG) {
    iterate[at + e] = clamp(x[at + e] + shrink * iterate[at + e], 0.0, 1.0);
  }
//#endif
}
