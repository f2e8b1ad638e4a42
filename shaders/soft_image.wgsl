// Packs images with their padding for soft_gemm.wgsl with PATCHES.
//
// source  [batch, CHANNELS, HEIGHT, WIDTH]
// packed  texels [image][channel / 4][y][x] of four channels: source[image, channel, y * STEP_Y - PAD_Y, x * STEP_X - PAD_X], 0 outside and beyond CHANNELS.
//         A plane has PLANE texels, its rows PITCH.
// Lanes run along the texels of a plane; one invocation packs STEPS of them, 8 apart, of one of the CHANNELS_4 planes of an image.
// Constant: TEXTURE_SHIFT. Shape: CHANNELS, HEIGHT, WIDTH, STEP_Y, STEP_X, PAD_Y, PAD_X, PLANE, PITCH, CHANNELS_4, STEPS.
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;

fn load(inside: bool, image: i32, channel: i32, at: i32) -> f32 {
  let ok = inside && channel < CHANNELS;
  return select(0.0, source[select(0, (image * CHANNELS + channel) * (HEIGHT * WIDTH) + at, ok)], ok);
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let channel = i32(group.y) * 4;
  let image = i32(group.z);
  let plane = (image * CHANNELS_4 + i32(group.y)) * PLANE;
  for (var step = 0; step < STEPS; step++) {
    let place = (i32(group.x) * STEPS + step) * 8 + i32(index);
    let row = quotient(place, PITCH);
    let y = row * STEP_Y - PAD_Y;
    let x = (place - row * PITCH) * STEP_X - PAD_X;
    let at = y * WIDTH + x;
    let inside = y >= 0 && y < HEIGHT && x >= 0 && x < WIDTH;
    if (place < PLANE) {
      let texel = vec4f(
        load(inside, image, channel, at),
        load(inside, image, channel + 1, at),
        load(inside, image, channel + 2, at),
        load(inside, image, channel + 3, at),
      );
      textureStore(packed, texel_at(plane + place), texel);
    }
  }
}
