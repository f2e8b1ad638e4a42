// One step of sticker: Adam on the mean loss over the samples less weight * ||d||, d = iterate - x, in the stickers S, clipped to the box.
// The gradient of a sample goes back the way that attack_sticker_see came.
// x, iterate [N, ELEMENTS], support [N, PIXELS], gradient [N * SAMPLES, ELEMENTS] of the cross-entropy, key u32 [N, 2], settings [N, SETTINGS],
// state [N, STATE], moments [N, 2, ELEMENTS]. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> support: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> key: array<u32>;
@group(0) @binding(4) var<storage, read> settings: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> moments: array<f32>;
@group(0) @binding(7) var<storage, read_write> iterate: array<f32>;

const SIGN = select(1.0, -1.0, TARGETED);

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let row = image * SETTINGS;
  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = iterate[at + e] - x[at + e];
    sum += d * d;
  }
  let pull = settings[row + SET_WEIGHT] / max(sqrt(total(sum, i)), 1e-12);
  let started = state[s + SLOT_STEPS] > 0.0;
  let decay1 = 0.9 * select(1.0, state[s + SLOT_DECAY1], started);
  let decay2 = 0.999 * select(1.0, state[s + SLOT_DECAY2], started);
  let length = settings[row + SET_LEARNING_RATE] * sqrt(1.0 - decay2) / (1.0 - decay1);
  for (var e = i; e < ELEMENTS; e += WG) {
    let m = support[image * PIXELS + e % PIXELS];
    if (m > 0.0) {
      let value = iterate[at + e];
      var g = 0.0;
      for (var sample = 0; sample < SAMPLES; sample++) {
        let view = viewOf(image, sample);
        let column = e % WIDTH + view.across;
        let line = (e % PIXELS) / WIDTH + view.down;
        let inside = column >= 0 && column < WIDTH && line >= 0 && line < HEIGHT;
        if (inside && view.light * value <= 1.0) {
          let seen = (e / PIXELS) * PIXELS + line * WIDTH + column;
          g += view.light * gradient[(image * SAMPLES + sample) * ELEMENTS + seen];
        }
      }
      let rise = m * (SIGN * g / f32(SAMPLES) - pull * (value - x[at + e]));
      let first = 2 * at + e;
      let m1 = 0.9 * moments[first] + (1.0 - 0.9) * rise;
      let m2 = 0.999 * moments[first + ELEMENTS] + (1.0 - 0.999) * rise * rise;
      moments[first] = m1;
      moments[first + ELEMENTS] = m2;
      iterate[at + e] = clamp(value + length * m1 / (sqrt(m2) + 1e-8), 0.0, 1.0);
    }
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_DECAY1] = decay1;
    state[s + SLOT_DECAY2] = decay2;
    state[s + SLOT_STEPS] += 1.0;
    state[s + SLOT_FORWARDS] += f32(SAMPLES);
    state[s + SLOT_BACKWARDS] += f32(SAMPLES);
  }
}
