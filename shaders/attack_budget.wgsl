// One step of the budget mode: most loss with ||p|| held at a budget, p = delta*M (which `delta` holds), in l2 or linf.
//   v <- DECAY * v + g / ||g||, g = M * gradient                           (momentum: Dong et al. 2018, here with a mask)
//   l2:   p += a * BUDGET * u / ||u||, u = M * v;  p scaled to norm BUDGET where it is longer
//   linf: p += a * BUDGET * sign(v) * M / max M;   p clamped to +-BUDGET
//   p = clip(X + p) - X;  xq = X + p at 8 bits, and at 8 bits, too, inside the budget:
//   linf by a clamp to +-LEVELS; l2 by the factor t in [1/2, 4] (found by halving) that brings ||xq - X|| nearest to BUDGET from
//   below, since rounding alone may overstep a budget, or lose most of a small one. p itself stays unscaled.
// Also keeps the judged iterate where attack_loss found it the best so far.
// x, gradient, delta (p), xq, best, momentum (v) [N, ELEMENTS], mask [N, PIXELS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> xq: array<f32>;
@group(0) @binding(6) var<storage, read_write> best: array<f32>;
@group(0) @binding(7) var<storage, read_write> momentum: array<f32>;

const TINY = 1e-12;
const HALVINGS = 8;

fn rounded(clean: f32, p: f32) -> f32 {
  return pixel(round(255.0 * clamp(clean + p, 0.0, 1.0)));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let iteration = state[s + SLOT_ITERATION];
  let reach = state[s + SLOT_STEP] * BUDGET;
  let improved = state[s + SLOT_IMPROVED] > 0.5;

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let g = gradient[at + e] * mask[masks + e % PIXELS];
    sum += g * g;
    if (improved) {
      best[at + e] = xq[at + e];
    }
  }
  let unit = 1.0 / (sqrt(total(sum, i)) + TINY);

  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let v = DECAY * momentum[at + e] + unit * (gradient[at + e] * m);
    momentum[at + e] = v;
    sum += (v * m) * (v * m);
  }
  let length = sqrt(total(sum, i));

//#if LINF
  let soft = 1.0 / max(state[s + SLOT_MASK_MAX], TINY);
  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let step = reach * sign(momentum[at + e]) * mask[masks + e % PIXELS] * soft;
    let p = clamp(clean + clamp(delta[at + e] + step, -BUDGET, BUDGET), 0.0, 1.0) - clean;
    let level = round(255.0 * clean);
    let moved = clamp(round(255.0 * clamp(clean + p, 0.0, 1.0)) - level, -LEVELS, LEVELS);
    let next = pixel(level + moved);
    delta[at + e] = p;
    xq[at + e] = next;
    sum += (next - clean) * (next - clean);
  }
//#else
  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let p = delta[at + e] + reach / (length + TINY) * (momentum[at + e] * mask[masks + e % PIXELS]);
    delta[at + e] = p;
    sum += p * p;
  }
  let shrink = min(1.0, BUDGET / (sqrt(total(sum, i)) + TINY));
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    delta[at + e] = clamp(clean + delta[at + e] * shrink, 0.0, 1.0) - clean;
  }

  // The norm of the rounded product grows with the factor, so halving the interval (in octaves) finds it.
  var low = -1.0;
  var high = 2.0;
  var fits = false;
  for (var halving = 0; halving < HALVINGS; halving++) {
    // The lowest factor first: where even that oversteps, rounding towards X is the way out.
    let octave = select(0.5 * (low + high), low, halving == 0);
    let factor = exp2(octave);
    sum = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      let clean = x[at + e];
      let moved = rounded(clean, delta[at + e] * factor) - clean;
      sum += moved * moved;
    }
    let inside = sqrt(total(sum, i)) <= BUDGET;
    if (halving == 0) {
      fits = inside;
    } else if (inside) {
      low = octave;
    } else {
      high = octave;
    }
  }
  let factor = exp2(low);
  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let p = delta[at + e];
    let level = round(255.0 * clean);
    let next = select(pixel(clamp(level + trunc(255.0 * p), 0.0, 255.0)), rounded(clean, p * factor), fits);
    xq[at + e] = next;
    sum += (next - clean) * (next - clean);
  }
//#endif
  let norm = sqrt(total(sum, i));

  if (i == 0) {
    state[s + SLOT_NORM] = norm;
    state[s + SLOT_ITERATION] = iteration + 1.0;
  }
}
