// Convolution, one invocation per output: the reference variant, for every shape. x [n, CI, H, W], weight [CO, CI, KH, KW]
// (FLIPPED: stored [CI, CO, KH, KW] and read rotated by 180 degrees) -> y [n, CO, OH, OW].
// Epilogue: + bias[CO], + residual, then max(., 0) (RELU) or zero where mask <= 0 (MASK).
// Constants: COUNT, ROW, CI, H, W, CO, OH, OW, KH, KW, SH, SW, PH, PW, FLIPPED, BIAS, RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#if BIAS
@group(0) @binding(B_BIAS) var<storage, read> bias: array<f32>;
//#endif
//#if RESIDUAL && !IN_PLACE
@group(0) @binding(B_RESIDUAL) var<storage, read> residual: array<f32>;
//#endif
//#if MASK
@group(0) @binding(B_MASK) var<storage, read> mask: array<f32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let n = i / (CO * OH * OW);
  let o = i / (OH * OW) % CO;
  let top = i / OW % OH * SH - PH;
  let left = i % OW * SW - PW;
  var sum = 0.0;
  for (var c = 0; c < CI; c++) {
    let plane = (n * CI + c) * H;
    //#if FLIPPED
    let taps = (c * CO + o) * KH * KW + KH * KW - 1;
    //#else
    let taps = (o * CI + c) * KH * KW;
    //#endif
    for (var r = max(0, -top); r < min(KH, H - top); r++) {
      for (var s = max(0, -left); s < min(KW, W - left); s++) {
        let pixel = x[(plane + top + r) * W + left + s];
        //#if FLIPPED
        sum += pixel * weight[taps - r * KW - s];
        //#else
        sum += pixel * weight[taps + r * KW + s];
        //#endif
      }
    }
  }
  //#if BIAS
  sum += bias[o];
  //#endif
  //#if IN_PLACE
  sum += y[i];
  //#else
  //#if RESIDUAL
  sum += residual[i];
  //#endif
  //#endif
  //#if RELU
  sum = max(sum, 0.0);
  //#endif
  //#if MASK
  sum = select(0.0, sum, mask[i] > 0.0);
  //#endif
  y[i] = sum;
}
