// A random resize and pad of each image, with the probability of the setting diversity; else the image as it is. Xie et al. 2019.
// The side is drawn from [floor(resize * side), side), resize the setting of that name; the place from those that fit, the last of each axis excepted, as in the authors' code.
// Nearest neighbours, as there: y' reads y = floor(y' * side / small), so that no two pixels read the same one.
// TRANSPOSE: what arrives at y' goes back to y: the gradient's way; pixels that none reads get 0.
// images, out [N, ELEMENTS], key u32 [N, 2], settings [N, SETTINGS], state [N, STATE], whose slot AT tells the step.
// Workgroups (ceil(ELEMENTS / WG), N), one invocation an element of out.
@group(0) @binding(0) var<storage, read> images: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

const STREAM = 0xd1000000u;

fn below(word: u32, count: i32) -> i32 {
  return i32(uniform01(word) * f32(count));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let e = i32(group.x) * WG + i32(local);
  let image = i32(group.y);
  if (e >= ELEMENTS) {
    return;
  }
  let row = image * SETTINGS;
  let step = u32(state[image * STATE + AT]);
  let words = random4(key[2 * image], key[2 * image + 1], STREAM, step);
  let at = image * ELEMENTS;
  if (uniform01(words.x) >= settings[row + SET_DIVERSITY]) {
    out[at + e] = images[at + e];
    return;
  }
  let least = max(1, i32(floor(settings[row + SET_RESIZE] * f32(WIDTH) + 1e-4)));
  let small = least + below(words.y, WIDTH - least);
  let top = below(words.z, WIDTH - small);
  let left = below(words.w, WIDTH - small);

  let channel = e / PIXELS;
  let y = e % PIXELS / WIDTH;
  let x = e % WIDTH;
//#if TRANSPOSE
  // The only pixel of the small image that can read y is the first that reaches it.
  let fromY = (y * small + WIDTH - 1) / WIDTH;
  let fromX = (x * small + WIDTH - 1) / WIDTH;
  let seen = fromY < small && fromX < small && fromY * WIDTH / small == y && fromX * WIDTH / small == x;
  let source = channel * PIXELS + (top + fromY) * WIDTH + left + fromX;
//#else
  let fromY = y - top;
  let fromX = x - left;
  let seen = fromY >= 0 && fromX >= 0 && fromY < small && fromX < small;
  let source = channel * PIXELS + fromY * WIDTH / small * WIDTH + fromX * WIDTH / small;
//#endif
  out[at + e] = select(0.0, images[at + select(0, source, seen)], seen);
}
