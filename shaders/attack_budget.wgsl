// One step of the budget mode: most loss with ||p|| held at the setting epsilon, p = delta*M (which delta holds), in l2 or linf.
//   v <- DECAY * v + g / ||g||, g = M * gradient                           (momentum: Dong et al. 2018, here with a mask)
//   l2:   p += a * epsilon * u / ||u||, u = M * v;  p scaled to norm epsilon where it is longer
//   linf: p += a * epsilon * sign(v) * M / max M;   p clamped to +-epsilon
//   p = clip(X + p) - X;  iterate = X + p.  a falls by a half cosine, whose values cosine [T] holds.
// x, gradient, delta (p), iterate, momentum (v) [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> step: array<f32>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(7) var<storage, read_write> momentum: array<f32>;

const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let row = image * SETTINGS;
  let budget = settings[row + SET_EPSILON];
  let decay = settings[row + SET_MOMENTUM];
  let reach = step[image] * budget;

  var sum = 0.0;
  var most = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let g = gradient[at + e] * m;
    sum += g * g;
    most = max(most, m);
  }
  let unit = 1.0 / (sqrt(total(sum, i)) + TINY);
  let soft = 1.0 / max(largest(most, i), TINY);

  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let v = decay * momentum[at + e] + unit * (gradient[at + e] * m);
    momentum[at + e] = v;
    sum += (v * m) * (v * m);
  }
  let length = sqrt(total(sum, i));

//#if LINF
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let push = reach * sign(momentum[at + e]) * mask[masks + e % PIXELS] * soft;
    let p = clamp(clean + clamp(delta[at + e] + push, -budget, budget), 0.0, 1.0) - clean;
    delta[at + e] = p;
    iterate[at + e] = clean + p;
  }
//#else
  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let p = delta[at + e] + reach / (length + TINY) * (momentum[at + e] * mask[masks + e % PIXELS]);
    delta[at + e] = p;
    sum += p * p;
  }
  let shrink = min(1.0, budget / (sqrt(total(sum, i)) + TINY));
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let p = clamp(clean + delta[at + e] * shrink, 0.0, 1.0) - clean;
    delta[at + e] = p;
    iterate[at + e] = clean + p;
  }
//#endif
}
