// Adds up the chunks of a product whose k was split (soft_gemm.wgsl with SPLIT), with the epilogue.
//
// partial  [CHUNKS][PIXELS * STRIDE_P_PIXEL, CHANNELS * STRIDE_P_CHANNEL], chunks STRIDE_CHUNK apart
// out, residual, mask: pixel (image, y, x) of IMAGE_PIXELS = rows of IMAGE_WIDTH at the strides below; bias by channel, or by pixel
// One invocation per (pixel, channel). Constants: PIXELS_ON_LANES (STRIDE_P_PIXEL is 1), BIAS, RESIDUAL, RELU, MASK, CHANNEL_BIAS. Shape: CHUNKS, PIXELS,
//   CHANNELS, STRIDE_CHUNK, STRIDE_P_PIXEL, STRIDE_P_CHANNEL, IMAGE_WIDTH, IMAGE_PIXELS, STRIDE_IMAGE, STRIDE_CHANNEL, STRIDE_Y, STRIDE_X, ORIGIN.
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
//#for S in 0..1
//#if BIAS
@group(0) @binding({S + 2}) var<storage, read> bias: array<f32>;
//#endif
//#if RESIDUAL
@group(0) @binding({S + 2 + BIAS}) var<storage, read> residual: array<f32>;
//#endif
//#if MASK
@group(0) @binding({S + 2 + BIAS + RESIDUAL}) var<storage, read> mask: array<f32>;
//#endif
//#end

// Quotient of integers by way of f32, which lanes divide at once, where the driver would divide integers one by one. Exact for 0 <= a < 2^21.
fn quotient(a: i32, b: i32) -> i32 {
  return i32((f32(a) + 0.5) / f32(b));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
//#if PIXELS_ON_LANES
  let pixel = i32(id.x);
  let channel = i32(id.y);
//#else
  let pixel = i32(id.y);
  let channel = i32(id.x);
//#endif
  if (pixel >= PIXELS || channel >= CHANNELS) {
    return;
  }
  let first = pixel * STRIDE_P_PIXEL + channel * STRIDE_P_CHANNEL;
  var v = 0.0;
  for (var chunk = 0; chunk < CHUNKS; chunk++) {
    v += partial[first + chunk * STRIDE_CHUNK];
  }
  let image = quotient(pixel, IMAGE_PIXELS);
  let rest = pixel - image * IMAGE_PIXELS;
  let y = quotient(rest, IMAGE_WIDTH);
  let at = ORIGIN + image * STRIDE_IMAGE + channel * STRIDE_CHANNEL + y * STRIDE_Y + (rest - y * IMAGE_WIDTH) * STRIDE_X;
//#if BIAS
//#if CHANNEL_BIAS
  v += bias[channel];
//#else
  v += bias[pixel];
//#endif
//#endif
//#if RESIDUAL
  v += residual[at];
//#endif
//#if RELU
  v = max(v, 0.0);
//#endif
//#if MASK
  v = select(0.0, v, mask[at] > 0.0);
//#endif
  out[at] = v;
}
