// Auto-PGD between a look and the next step, on images that are not done: the best point, and at checkpoints whether the step is halved.
//   At a checkpoint the step is halved where fewer than RHO of the steps since the last one raised the loss, or where the best loss did not rise since then
//   and the step was not halved there; the run then goes on from its best point, with that point's gradient. The next checkpoint is SHORTER steps
//   nearer, but LEAST away at least. As in the authors' code the first step's loss is compared to 0, not to the start's.
// kept: what is tried at 8 bits in the end: what fools before what does not, then the highest loss. (The authors keep the last that fools; more loss survives the rounding better.)
// gradient, iterate, best, bestGradient, kept, out direction [N, ELEMENTS], state [N, STATE]. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(3) var<storage, read_write> best: array<f32>;
@group(0) @binding(4) var<storage, read_write> bestGradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> kept: array<f32>;
@group(0) @binding(6) var<storage, read_write> direction: array<f32>;

const RHO = 0.75;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let live = state[s + SLOT_DONE] < 0.5;
  let age = state[s + SLOT_AGE];
  let first = age < 0.5;
  let loss = state[s + SLOT_LOSS];
  let fools = state[s + SLOT_FOOLS];
  let improved = first || loss > state[s + SLOT_TOP];
  let top = select(state[s + SLOT_TOP], loss, improved);
  let keeps = first || fools > state[s + SLOT_KEPT] || (fools == state[s + SLOT_KEPT] && loss > state[s + SLOT_KEPT_LOSS]);
  let every = select(state[s + SLOT_EVERY], f32(FIRST), first);
  let count = select(state[s + SLOT_COUNT] + 1.0, 0.0, first);
  let rises = select(state[s + SLOT_RISES] + select(0.0, 1.0, loss > state[s + SLOT_LAST]), 0.0, first);
  let checks = count == every;
  let stuck = state[s + SLOT_HALVED] < 0.5 && state[s + SLOT_TOP_BEFORE] >= top;
  let halves = checks && (rises <= RHO * every || stuck);
  let reach = select(state[s + SLOT_REACH], 2.0 * state[s + SLOT_EPSILON], first) * select(1.0, 0.5, halves);
  let halved = select(select(state[s + SLOT_HALVED], 1.0, first), select(0.0, 1.0, halves), checks);
  let before = select(state[s + SLOT_TOP_BEFORE], top, first || checks);
  // Nobody may still have to read the state that is written now.
  storageBarrier();

  if (i == 0 && live) {
    state[s + SLOT_AGE] = age + 1.0;
    state[s + SLOT_TOP] = top;
    state[s + SLOT_TOP_BEFORE] = before;
    state[s + SLOT_HALVED] = halved;
    state[s + SLOT_REACH] = reach;
    state[s + SLOT_LAST] = select(loss, 0.0, first);
    state[s + SLOT_RISES] = select(rises, 0.0, checks);
    state[s + SLOT_COUNT] = select(count, 0.0, checks);
    state[s + SLOT_EVERY] = select(every, max(every - f32(SHORTER), f32(LEAST)), checks);
    if (keeps) {
      state[s + SLOT_KEPT] = fools;
      state[s + SLOT_KEPT_LOSS] = loss;
    }
  }
  for (var e = at + i; e < at + ELEMENTS; e += WG) {
    if (live && improved) {
      best[e] = iterate[e];
      bestGradient[e] = gradient[e];
    }
    if (live && keeps) {
      kept[e] = iterate[e];
    }
    if (live && halves) {
      iterate[e] = best[e];
    }
    direction[e] = select(gradient[e], bestGradient[e], halves);
  }
}
