// One step of jsma: the two values (or the one) with the greatest saliency move by theta * M. Done where the image fools, where no pair is left,
// or where the share GAMMA of the region's values is spent.
// worth, partner, iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS], area u32 [N], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> worth: array<f32>;
@group(0) @binding(1) var<storage, read> partner: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> area: array<u32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;

fn shift(image: i32, e: i32, theta: f32) {
  let at = image * ELEMENTS + e;
  iterate[at] = clamp(iterate[at] + theta * mask[image * PIXELS + e % PIXELS], 0.0, 1.0);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let row = image * SETTINGS;
  var value = 0.0;
  var index = -1;
  for (var e = i; e < ELEMENTS; e += WG) {
    if (worth[at + e] > value) {
      value = worth[at + e];
      index = e;
    }
  }
  let best = least(-value, select(index, ELEMENTS, index < 0), i);
  if (i == 0) {
    let live = state[s + SLOT_DONE] < 0.5;
    let most = floor(3.0 * f32(area[image]) * GAMMA / f32(TOGETHER));
    let spent = state[s + SLOT_MOVES] >= most;
    let stop = state[s + SLOT_FOOLS] > 0.5 || best.index >= ELEMENTS || spent;
    if (live && stop) {
      state[s + SLOT_DONE] = 1.0;
    }
    if (live && !stop) {
      state[s + SLOT_MOVES] += 1.0;
      shift(image, best.index, settings[row + SET_THETA]);
      let other = i32(partner[at + best.index]);
      if (other != best.index) {
        shift(image, other, settings[row + SET_THETA]);
      }
    }
  }
}
