// A random point around the clean image: iterate = clip(X + M * noise), on images that are not done.
// DRAW 0: uniform in (-1, 1);  1: N(0, 1);  2: a sign.
// LENGTH 0: times the radius;  1: scaled to linf = radius;  2: to l2 = radius;  3: to l2 = radius * U^(1/d), d the values of the region: a normal
//        direction so scaled is uniform in the ball.
// x, iterate [N, ELEMENTS], mask [N, PIXELS], key u32 [N, 2], state [N, STATE], area u32 [N], radius [N, COLUMNS], of which column COLUMN.
// The numbers are of the step that comes: another restart gets others. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read> area: array<u32>;
@group(0) @binding(5) var<storage, read> radius: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;

const TINY = 1e-12;
const LENGTH_STREAM = 0xffffffffu;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let step = u32(state[image * STATE + SLOT_STEPS]);
  var reach = radius[image * COLUMNS + COLUMN];
  if (state[image * STATE + SLOT_DONE] > 0.5) {
    return;
  }

  var squares = 0.0;
  var greatest = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let words = random4(key[2 * image], key[2 * image + 1], u32(e), step);
//#if DRAW == 0
    let drawn = 2.0 * uniform01(words.x) - 1.0;
//#endif
//#if DRAW == 1
    let drawn = normal2(words.x, words.y).x;
//#endif
//#if DRAW == 2
    let drawn = select(-1.0, 1.0, words.x >= 0x80000000u);
//#endif
    let noise = drawn * mask[image * PIXELS + e % PIXELS];
    iterate[at + e] = noise;
    squares += noise * noise;
    greatest = max(greatest, abs(noise));
  }
//#if LENGTH == 1
  reach /= largest(greatest, i) + TINY;
//#endif
//#if LENGTH >= 2
  reach /= sqrt(total(squares, i)) + TINY;
//#endif
//#if LENGTH == 3
  let share = uniform01(random4(key[2 * image], key[2 * image + 1], LENGTH_STREAM, step).x);
  reach *= pow(share, 1.0 / f32(3u * max(area[image], 1u)));
//#endif
  for (var e = i; e < ELEMENTS; e += WG) {
    iterate[at + e] = clamp(x[at + e] + reach * iterate[at + e], 0.0, 1.0);
  }
}
