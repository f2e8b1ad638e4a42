// Packs a convolution's input for the product that is its weight gradient, whose k counts output pixels: an image of soft_gemm.wgsl with PATCHES that is there
// once for each column of taps, so that the four pixels of a texel are read by one load whatever the tap.
//
// source  [batch, CHANNELS, HEIGHT, WIDTH], of which the IMAGES from FIRST_IMAGE on are read
// packed  texels [t][channel][image][row][x / 4] of source[image, channel, row - PAD_Y, (4 * (x / 4) + 0..3) * STEP_X + t - PAD_X], 0 outside: t below TAPS_T, ROWS rows of PITCH texels
// Lanes run along rows of a channel's images, one after the other; one invocation packs a row. WINDOW: STEP_X is 1, WIDTH a multiple of 4, and no tap reaches further than
// the four pixels before and after: each is then loaded once.
// Constants: TEXTURE_SHIFT, TAPS_T, PAD_X, WINDOW. Shape: FIRST_IMAGE, IMAGES, CHANNELS, HEIGHT, WIDTH, PAD_Y, STEP_X, ROWS, PITCH.
//#if WINDOW
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
//#else
@group(0) @binding(0) var<storage, read> source: array<f32>;
//#endif
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;

//#if WINDOW
fn load(ok: bool, first: i32, four: i32) -> vec4f {
  let inside = ok && four < WIDTH / 4;
  return select(vec4f(0.0), source[select(0, first / 4 + four, inside)], inside);
}
//#else
fn load(ok: bool, first: i32, x: i32) -> f32 {
  let inside = ok && x >= 0 && x < WIDTH;
  return select(0.0, source[select(0, first + x, inside)], inside);
}
//#endif

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let line = i32(group.x) * 8 + i32(index);
  let image = quotient(line, ROWS);
  if (image >= IMAGES) { return; }
  let channel = i32(group.y);
  let y = line - image * ROWS - PAD_Y;
  let ok = y >= 0 && y < HEIGHT;
  let first = (((FIRST_IMAGE + image) * CHANNELS + channel) * HEIGHT + y) * WIDTH;
  let to = (channel * IMAGES * ROWS + line) * PITCH;
  let copy = CHANNELS * IMAGES * ROWS * PITCH;
  //#if WINDOW
  var before = vec4f(0.0);
  var here = load(ok, first, 0);
  //#endif
  for (var four = 0; four < PITCH; four++) {
    //#if WINDOW
    let after = load(ok, first, four + 1);
    var near = array<f32, 12>(
      before.x, before.y, before.z, before.w, here.x, here.y, here.z, here.w, after.x, after.y, after.z, after.w,
    );
    //#for T in 0..TAPS_T
    textureStore(
      packed,
      texel_at(to + four + {T} * copy),
      vec4f(near[{T} + 4 - PAD_X], near[{T} + 5 - PAD_X], near[{T} + 6 - PAD_X], near[{T} + 7 - PAD_X]),
    );
    //#end
    before = here;
    here = after;
    //#else
    for (var t = 0; t < TAPS_T; t++) {
      let x = four * 4 * STEP_X + t - PAD_X;
      let texel = vec4f(
        load(ok, first, x),
        load(ok, first, x + STEP_X),
        load(ok, first, x + 2 * STEP_X),
        load(ok, first, x + 3 * STEP_X),
      );
      textureStore(packed, texel_at(to + four + t * copy), texel);
    }
    //#endif
  }
}
