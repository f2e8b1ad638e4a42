// The result of the paper mode: the 8-bit rounding of X' = X + delta*M, clipped to [0, 1].
// x, delta, best (out) [N, ELEMENTS], mask [N, PIXELS], state [N, STATE]: ||best - X||.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> best: array<f32>;

var<workgroup> partial: array<f32, WG>;

// level / 255 for level in 0..255, correctly rounded without a division (WGSL's may be 2.5 ULP off):
// 2^24 / 255 = 65793.0039, and the remainder always rounds the exact product up by one ULP.
fn pixel(level: f32) -> f32 {
  let below = level * 65793.0 * 0x1p-24f;
  return select(bitcast<f32>(bitcast<u32>(below) + 1u), 0.0, level < 0.5);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;

  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let moved = clean + delta[at + e] * mask[image * PIXELS + e % PIXELS];
    let rounded = pixel(round(255.0 * clamp(moved, 0.0, 1.0)));
    best[at + e] = rounded;
    sum += (rounded - clean) * (rounded - clean);
  }
  partial[i] = sum;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      partial[i] += partial[i + stride];
    }
    workgroupBarrier();
  }
  if (i == 0) {
    state[image * STATE + SLOT_NORM] = sqrt(partial[0]);
  }
}
