// One step to the nearest linearised boundary (attack_nearest) and a little past it, in images that are not done:
//   iterate = clip(iterate + (1 + overshoot) * (distance + 1e-4) * M * g / sqrt(sum M g^2)).
// Without PROJECT (DeepFool, Moosavi-Dezfooli et al. 2016) an image is done when it fools.
// PROJECT (SuperDeepFool, Abdolahpourrostam et al. 2024): where such steps from `base` fool, or were `innerSteps` many, base moves by the
// part of iterate - x along the boundary's normal there, the gradient of the margin, and the iterate goes back to base; done where base fools.
// SLOT_INNER: steps since base. x, normal, gradient, base, iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> mask: array<f32>;
@group(0) @binding(1) var<storage, read> normal: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>;
//#if PROJECT
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(7) var<storage, read_write> base: array<f32>;
//#else
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> iterate: array<f32>;
//#endif

// In units of l2; as in the authors' code.
const PAST = 1e-4;
const TINY = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let row = image * SETTINGS;
  let fools = state[s + SLOT_FOOLS] > 0.5;
  let done = state[s + SLOT_DONE] > 0.5;
  let length = (1.0 + settings[row + SET_OVERSHOOT]) * (state[s + SLOT_DISTANCE] + PAST);
  let gain = length / max(sqrt(state[s + SLOT_SIZE]), TINY);

//#if PROJECT
  let inner = state[s + SLOT_INNER];
  let atBase = inner < 0.5;
  let returns = !atBase && (fools || inner >= f32(INNER_STEPS));
  let stops = fools && atBase;
  var along = 0.0;
  var squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let g = gradient[at + e];
    along += (iterate[at + e] - x[at + e]) * g;
    squares += mask[masks + e % PIXELS] * g * g;
  }
  let share = total(along, i) / max(total(squares, i), TINY * TINY);
//#else
  let stops = fools;
//#endif

  if (!done && !stops) {
    for (var e = i; e < ELEMENTS; e += WG) {
      let m = mask[masks + e % PIXELS];
//#if PROJECT
      if (returns) {
        let next = clamp(base[at + e] + share * (m * gradient[at + e]), 0.0, 1.0);
        base[at + e] = next;
        iterate[at + e] = next;
      } else {
        iterate[at + e] = clamp(iterate[at + e] + gain * (m * normal[at + e]), 0.0, 1.0);
      }
//#else
      iterate[at + e] = clamp(iterate[at + e] + gain * (m * normal[at + e]), 0.0, 1.0);
//#endif
    }
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0 && !done) {
    state[s + SLOT_DONE] = select(0.0, 1.0, stops);
//#if PROJECT
    state[s + SLOT_INNER] = select(inner + 1.0, 0.0, returns || stops);
//#endif
  }
}
