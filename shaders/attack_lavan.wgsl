// One step of lavan: iterate += stepSize * S * g / max |S * g|, clipped to the box; g the gradient of the margin, S the patch. Done where it fools.
// gradient, iterate [N, ELEMENTS], support [N, PIXELS], settings [N, SETTINGS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read> support: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  var most = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    most = max(most, abs(gradient[at + e] * support[masks + e % PIXELS]));
  }
  let gain = settings[image * SETTINGS + SET_STEP_SIZE] / max(largest(most, i), 1e-30);
  if (state[image * STATE + SLOT_DONE] > 0.5) {
    return;
  }
  for (var e = i; e < ELEMENTS; e += WG) {
    let push = gain * gradient[at + e] * support[masks + e % PIXELS];
    iterate[at + e] = clamp(iterate[at + e] + push, 0.0, 1.0);
  }
}
