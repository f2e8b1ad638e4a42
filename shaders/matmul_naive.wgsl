// Matrix product, one invocation per output: the reference variant, for every shape. a [M, K] (TRANSPOSE_A: stored [K, M]),
// b [K, N] (TRANSPOSE_B: stored [N, K]) -> y [M, N]. Epilogue: + bias[N], + residual, then max(., 0) (RELU) or zero where mask <= 0 (MASK).
// Constants: COUNT, ROW, M, N, K, TRANSPOSE_A, TRANSPOSE_B, BIAS, RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
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
  let row = i / N;
  let column = i % N;
  var sum = 0.0;
  for (var k = 0; k < K; k++) {
    //#if TRANSPOSE_A
    let left = a[k * M + row];
    //#else
    let left = a[row * K + k];
    //#endif
    //#if TRANSPOSE_B
    sum += left * b[column * K + k];
    //#else
    sum += left * b[k * N + column];
    //#endif
  }
  //#if BIAS
  sum += bias[column];
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
