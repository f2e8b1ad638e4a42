// Input gradient of a convolution in gather form, one invocation per input element: the reference variant, for every shape.
// dy [n, CO, OH, OW], weight [CO, CI, KH, KW] -> dx [n, CI, H, W]; named by the forward convolution. Epilogue over dx as in conv2d_naive.wgsl.
// Constants: COUNT, ROW, CI, H, W, CO, OH, OW, KH, KW, SH, SW, PH, PW, BIAS, RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
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
  let n = i / (CI * H * W);
  let c = i / (H * W) % CI;
  let row = i / W % H + PH;
  let column = i % W + PW;
  var sum = 0.0;
  for (var r = row % SH; r < KH; r += SH) {
    let p = (row - r) / SH;
    if (row < r || p >= OH) { continue; }
    for (var s = column % SW; s < KW; s += SW) {
      let q = (column - s) / SW;
      if (column < s || q >= OW) { continue; }
      for (var o = 0; o < CO; o++) {
        sum += dy[((n * CO + o) * OH + p) * OW + q] * weight[((o * CI + c) * KH + r) * KW + s];
      }
    }
  }
  //#if BIAS
  sum += bias[c];
  //#endif
  //#if IN_PLACE
  sum += dx[i];
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
  dx[i] = sum;
}
