// One step on a patch: patch += stepSize * g / max |g|, clipped to the box; g the sum over its images of what the pixels over a texel say.
// gradient [N, ELEMENTS], mask [N, PIXELS], key u32 [N, 2], settings [N, SETTINGS], patches, slopes [N or 1 (SHARED), 3, SIDE, SIDE], clock [N].
// One workgroup of WG (a power of two) invocations a patch; IMAGES: how many each has.
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> patches: array<f32>;
@group(0) @binding(5) var<storage, read_write> slopes: array<f32>;
@group(0) @binding(6) var<storage, read_write> clock: array<f32>;

// A texel scaled by at most 1 lies within a pixel of its middle; one more for the floor.
const REACH = 2;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let first = i32(group.x) * IMAGES;
  let texels = SIDE * SIDE;
  let home = i32(group.x) * 3 * texels;
  var most = 0.0;
  for (var q = i; q < texels; q += WG) {
    var g = vec3f(0.0);
    for (var image = first; image < first + IMAGES; image++) {
      let view = viewOf(image, u32(clock[image]));
      let away = view.scale * (vec2f(f32(q % SIDE), f32(q / SIDE)) + 0.5 - 0.5 * f32(SIDE));
      let near = vec2i(floor(view.middle + vec2f(view.turn.x * away.x - view.turn.y * away.y, view.turn.y * away.x + view.turn.x * away.y)));
      for (var line = max(near.y - REACH, 0); line <= min(near.y + REACH, HEIGHT - 1); line++) {
        for (var column = max(near.x - REACH, 0); column <= min(near.x + REACH, WIDTH - 1); column++) {
          if (texelOf(view, column, line) == q) {
            let p = line * WIDTH + column;
            let at = image * ELEMENTS + p;
            g += mask[image * PIXELS + p] * vec3f(gradient[at], gradient[at + PIXELS], gradient[at + 2 * PIXELS]);
          }
        }
      }
    }
    for (var c = 0; c < 3; c++) {
      slopes[home + c * texels + q] = g[c];
      most = max(most, abs(g[c]));
    }
  }
  let gain = settings[first * SETTINGS + SET_STEP_SIZE] / max(largest(most, i), 1e-30);
  for (var q = i; q < texels; q += WG) {
    for (var c = 0; c < 3; c++) {
      let at = home + c * texels + q;
      patches[at] = clamp(patches[at] + gain * slopes[at], 0.0, 1.0);
    }
  }
  // Nobody may still have to read the clock that is written now.
  storageBarrier();
  for (var image = first + i; image < first + IMAGES; image += WG) {
    clock[image] += 1.0;
  }
}
