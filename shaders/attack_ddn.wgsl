// One step of decoupling direction and norm, DDN (Rony et al. 2019): the direction follows the gradient, the norm r shrinks while the iterate fools.
//   g = M * gradient;  d += a * g / ||g||, a random normal direction where g is 0;
//   r *= fools ? 1 - gamma : 1 + gamma, at most the norm of the farthest image;  d scaled to norm r;  iterate = clip(x + d).
// ROUND: the iterate is rounded to 8 bits, as the authors' code does, so that it may stay where it is when r shrinks.
// a falls by a half cosine, whose values cosine [T] holds. x, gradient, iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS],
// key u32 [N, 2]: seed, image; state [N, STATE] (r, the verdict). One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> cosine: array<f32>;
@group(0) @binding(5) var<storage, read> key: array<u32>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<storage, read_write> iterate: array<f32>;

const TINY = 1e-12;

// Element e of d after the step; gain is a / ||g||, 0 where g is 0.
fn moved(image: i32, e: i32, gain: f32, reach: f32, step: i32) -> f32 {
  let at = image * ELEMENTS + e;
  let m = mask[image * PIXELS + e % PIXELS];
  var push = gain * (gradient[at] * m);
  if (gain == 0.0) {
    let words = random4(key[2 * image], key[2 * image + 1], u32(e), u32(step));
    push = reach * m * normal2(words.x, words.y).x;
  }
  return iterate[at] - x[at] + push;
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
  let reach = mix(settings[row + SET_STEP_END], settings[row + SET_STEP_START], cosine[step]);

  var sum = 0.0;
  var far = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = mask[masks + e % PIXELS];
    let g = gradient[at + e] * m;
    let room = select(0.0, max(x[at + e], 1.0 - x[at + e]), m > 0.0);
    sum += g * g;
    far += room * room;
  }
  let length = sqrt(total(sum, i));
  let farthest = sqrt(total(far, i));
  let gain = select(0.0, reach / (length + TINY), length > 0.0);

  let change = 1.0 + select(1.0, -1.0, state[s + SLOT_FOOLS] > 0.5) * settings[row + SET_GAMMA];
  let radius = min(farthest, change * select(state[s + SLOT_RADIUS], settings[row + SET_RADIUS], step == 0));

  sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = moved(image, e, gain, reach, step);
    sum += d * d;
  }
  let scale = radius / (sqrt(total(sum, i)) + TINY);
  for (var e = i; e < ELEMENTS; e += WG) {
    let next = clamp(x[at + e] + scale * moved(image, e, gain, reach, step), 0.0, 1.0);
//#if ROUND
    iterate[at + e] = pixel(round(255.0 * next));
//#else
    iterate[at + e] = next;
//#endif
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_RADIUS] = radius;
  }
}
