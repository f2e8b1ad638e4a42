// Halving of the line from the clean image to the best of an attack, for the nearest point that fools: iterate = x + (far - x) * middle.
// START: far is the best, all of the line is open, images without one are done; else the half that the verdict on the middle leaves.
// x, best, far, iterate [N, ELEMENTS], state [N, STATE]: SLOT_LOW, SLOT_HIGH. One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
//#if START
@group(0) @binding(1) var<storage, read> best: array<f32>;
@group(0) @binding(2) var<storage, read_write> far: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> iterate: array<f32>;
//#else
@group(0) @binding(1) var<storage, read> far: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> iterate: array<f32>;
//#endif

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
//#if START
  let done = state[s + SLOT_FOUND] < 0.5;
  let low = 0.0;
  let high = 1.0;
//#else
  let done = state[s + SLOT_DONE] > 0.5;
  let fools = state[s + SLOT_FOOLS] > 0.5;
  let tried = 0.5 * (state[s + SLOT_LOW] + state[s + SLOT_HIGH]);
  let low = select(tried, state[s + SLOT_LOW], fools);
  let high = select(state[s + SLOT_HIGH], tried, fools);
//#endif
  let middle = 0.5 * (low + high);
  for (var e = i; e < ELEMENTS; e += WG) {
//#if START
    far[at + e] = best[at + e];
//#endif
    if (!done) {
      iterate[at + e] = x[at + e] + (far[at + e] - x[at + e]) * middle;
    }
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_DONE] = select(0.0, 1.0, done);
    state[s + SLOT_LOW] = low;
    state[s + SLOT_HIGH] = high;
  }
}
