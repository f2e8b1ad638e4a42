// Start of one of the runs of FAB: the iterate is the clean image in the first run towards a boundary, else clip(x + startRadius / 2 * M t),
// t random of norm 1: normal and l2, LINF: uniform. SLOT_RUNS counts the runs before; RESTARTS of them in a row have one SLOT_AIM, the
// rank of the class whose boundary they look at. KEEPS: the run begins with nothing kept but its start. An image that is done stays as it is,
// and what is kept of it is its iterate. x, iterate, kept [N, ELEMENTS], mask [N, PIXELS], key u32 [N, 2]: seed, image,
// settings [N, SETTINGS], state [N, STATE]. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> iterate: array<f32>;
//#if KEEPS
@group(0) @binding(6) var<storage, read_write> kept: array<f32>;
//#endif

fn noise(image: i32, e: i32, run: i32) -> f32 {
  let words = random4(key[2 * image], key[2 * image + 1], u32(e), u32(run));
  let value = select(normal2(words.x, words.y).x, 2.0 * uniform01(words.x) - 1.0, LINF);
  return mask[image * PIXELS + e % PIXELS] * value;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let run = i32(state[s + SLOT_RUNS]);
  let done = state[s + SLOT_DONE] > 0.5;
  var size = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let t = noise(image, e, run);
    size = select(size + t * t, max(size, abs(t)), LINF);
  }
//#if LINF
  let norm = largest(size, i);
//#else
  let norm = sqrt(total(size, i));
//#endif
  let away = 0.5 * settings[image * SETTINGS + SET_START_RADIUS] / max(norm, 1e-12);
  let gain = select(away, 0.0, run % RESTARTS == 0);
  for (var e = i; e < ELEMENTS; e += WG) {
    let point = select(clamp(x[at + e] + gain * noise(image, e, run), 0.0, 1.0), iterate[at + e], done);
    iterate[at + e] = point;
//#if KEEPS
    kept[at + e] = point;
//#endif
  }
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_AIM] = f32(run / RESTARTS);
    state[s + SLOT_RUNS] = f32(run + 1);
    state[s + SLOT_NEAREST] = 3.4e38;
  }
}
