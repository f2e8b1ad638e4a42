// One step of sigma-zero (Cina et al. 2025): min max(-margin, 0) + mean of d^2 / (d^2 + sigma), a smooth count of what is changed.
//   g: its gradient in d over its largest magnitude;  d -= a * Adam(g) (Kingma and Ba 2015; .9, .999);  d = clip(x + d) - x;
//   t += fools ? thresholdRate * a' : -thresholdRate * a', in 0 .. 1;  d = 0 where |d| < t.  a falls by a half cosine to a tenth; a' the next.
// x, gradient (of the margin), iterate [N, ELEMENTS], moments [N, 2, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS],
// schedule [ITERATIONS + 1, 3]: a's half cosine, and Adam's 1 - .9^k, 1 - .999^k at step k - 1; state [N, STATE]: SLOT_THRESHOLD (t).
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> schedule: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(7) var<storage, read_write> moments: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let step = i32(state[s + SLOT_STEP]);
  let sigma = settings[row + SET_SIGMA];
  let first = settings[row + SET_STEP];
  let reach = first * (0.1 + 0.9 * schedule[3 * step]);
  let next = first * (0.1 + 0.9 * schedule[3 * step + 3]);
  let correction = schedule[3 * step + 1];
  let spread = sqrt(schedule[3 * step + 2]);
  let fools = state[s + SLOT_FOOLS] > 0.5;
  let old = select(state[s + SLOT_THRESHOLD], settings[row + SET_THRESHOLD], step == 0);
  let threshold = clamp(old + settings[row + SET_THRESHOLD_RATE] * select(-next, next, fools), 0.0, 1.0);
  let push = select(0.0, -1.0, state[s + SLOT_MARGIN] < 0.0);

  var most = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = iterate[at + e] - x[at + e];
    let root = d * d + sigma;
    let g = push * gradient[at + e] + 2.0 * sigma * d / (root * root * f32(ELEMENTS));
    most = max(most, abs(g * mask[image * PIXELS + e % PIXELS]));
  }
  let unit = 1.0 / max(largest(most, i), 1e-12);

  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[image * PIXELS + e % PIXELS];
    let clean = x[at + e];
    let d = iterate[at + e] - clean;
    let root = d * d + sigma;
    let g = unit * m * (push * gradient[at + e] + 2.0 * sigma * d / (root * root * f32(ELEMENTS)));
    let mean = 0.9 * select(moments[2 * at + e], 0.0, step == 0) + 0.1 * g;
    let square = 0.999 * select(moments[2 * at + ELEMENTS + e], 0.0, step == 0) + 0.001 * g * g;
    moments[2 * at + e] = mean;
    moments[2 * at + ELEMENTS + e] = square;
    // The mask again: Adam takes a soft one's scale away.
    let moved = d - m * reach / correction * mean / (sqrt(square) / spread + 1e-8);
    let p = clamp(clean + moved, 0.0, 1.0) - clean;
    iterate[at + e] = select(clamp(clean + p, 0.0, 1.0), clean, abs(p) < threshold);
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_THRESHOLD] = threshold;
  }
}
