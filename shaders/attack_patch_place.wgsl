// Where a patch lies: rectangles in the box around the region's pixels, cut to the region.
// SHARE of the box's area in all. LAVAN: one square in corner CORNER (0 top left, 1 top right, 2 bottom left, 3 bottom right); else STICKERS bars of
// 3/5 of its width, centred in so many equal strips, one below the other.
// mask [N, PIXELS]; support [N, PIXELS]: the mask in the rectangles, else 0. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> mask: array<f32>;
@group(0) @binding(1) var<storage, read_write> support: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let at = i32(group.x) * PIXELS;
  var low = vec2f(-4096.0, -4096.0);
  var high = vec2f(0.0, 0.0);
  for (var p = i; p < PIXELS; p += WG) {
    if (mask[at + p] > 0.0) {
      let here = vec2f(f32(p % WIDTH), f32(p / WIDTH));
      low = max(low, -here);
      high = max(high, here + 1.0);
    }
  }
  let first = vec2f(-largest(low.x, i), -largest(low.y, i));
  let size = vec2f(largest(high.x, i), largest(high.y, i)) - first;
//#if LAVAN
  // The root of a square's area may come out a little low.
  let side = min(max(1.0, floor(sqrt(SHARE * size.x * size.y) + 1e-4)), min(size.x, size.y));
  let extent = vec2f(side, side);
  let corner = vec2f(f32(CORNER % 2), f32(CORNER / 2));
//#else
  let width = max(1.0, round(0.6 * size.x));
  let extent = vec2f(width, max(1.0, floor(SHARE * size.x * size.y / (f32(STICKERS) * width) + 1e-4)));
//#endif
  for (var p = i; p < PIXELS; p += WG) {
    let here = vec2f(f32(p % WIDTH), f32(p / WIDTH));
//#if LAVAN
    let start = first + corner * (size - extent);
    let inside = all(here >= start) && all(here < start + extent);
//#else
    var inside = false;
    for (var k = 0; k < STICKERS; k++) {
      let middle = vec2f(0.5, (f32(k) + 0.5) / f32(STICKERS));
      let start = floor(first + middle * size - 0.5 * extent + 0.5);
      inside = inside || (all(here >= start) && all(here < start + extent));
    }
//#endif
    support[at + p] = select(0.0, mask[at + p], inside);
  }
}
