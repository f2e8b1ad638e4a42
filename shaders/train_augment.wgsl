// A batch of 8-bit images [BATCH, 3, H, W] to pixels [BATCH, 3, OH, OW] in [0, 1]: mirrored (half of them, FLIP), cropped from a border of PAD black pixels at a random place,
// and resized where OH x OW is another size (RESIZE): antialiased bilinear, as PyTorch's interpolate. The random numbers are those of (seed, image, STREAM, step).
// packed  bytes by fours, WORDS words an image
// ids     number of each image in its data set;  key: seed and step
// One invocation per value. Constants: COUNT, ROW, H, W, OH, OW, PAD, FLIP, RESIZE, WORDS, STREAM; with RESIZE also SCALE_Y, SCALE_X (H / OH, W / OW). Before it: random.wgsl.
@group(0) @binding(0) var<storage, read> packed: array<u32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read_write> pixels: array<f32>;

struct Crop {
  y: i32,
  x: i32,
  flip: bool,
}

fn crop_of(image: i32) -> Crop {
  let word = random4(key[0], ids[image], u32(STREAM), key[1]);
  let places = u32(2 * PAD + 1);
  return Crop(i32((word.x >> 8u) % places) - PAD, i32((word.y >> 8u) % places) - PAD, FLIP && (word.z >> 31u) == 1u);
}

fn pixel(image: i32, channel: i32, crop: Crop, y: i32, x: i32) -> f32 {
  let row = y + crop.y;
  let place = x + crop.x;
  if (row < 0 || row >= H || place < 0 || place >= W) { return 0.0; }
  let byte = (channel * H + row) * W + select(place, W - 1 - place, crop.flip);
  let word = packed[image * WORDS + byte / 4];
  return f32((word >> u32(byte % 4 * 8)) & 255u) / 255.0;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let x = i % OW;
  let y = i / OW % OH;
  let channel = i / (OW * OH) % 3;
  let image = i / (OW * OH * 3);
  let crop = crop_of(image);
  //#if RESIZE
  let reach = vec2f(max(SCALE_Y, 1.0), max(SCALE_X, 1.0));
  let centre = (vec2f(f32(y), f32(x)) + 0.5) * vec2f(SCALE_Y, SCALE_X);
  let first = max(vec2i(centre - reach + 0.5), vec2i(0));
  let end = min(vec2i(centre + reach + 0.5), vec2i(H, W));
  var sum = 0.0;
  var weights = 0.0;
  for (var row = first.x; row < end.x; row++) {
    let down = max(1.0 - abs((f32(row) - centre.x + 0.5) / reach.x), 0.0);
    for (var column = first.y; column < end.y; column++) {
      let weight = down * max(1.0 - abs((f32(column) - centre.y + 0.5) / reach.y), 0.0);
      sum += weight * pixel(image, channel, crop, row, column);
      weights += weight;
    }
  }
  pixels[i] = sum / weights;
  //#else
  pixels[i] = pixel(image, channel, crop, y, x);
  //#endif
}
