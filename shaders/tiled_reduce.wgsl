// Second pass of a split sum: y[i] = epilogue(partial[0][i] + partial[1][i] + ...), always in this order, so runs repeat bit for bit.
// partial [SPLIT][COUNT], y [COUNT]; the channel of element i is i / INNER % CHANNELS. One invocation per element.
// Epilogue: + bias[channel], + residual, then max(., 0) (RELU) or zero where mask <= 0 (MASK).
// Constants: COUNT, ROW, SPLIT, INNER, CHANNELS, BIAS, RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
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
  var sum = 0.0;
  for (var s = 0; s < SPLIT; s++) { sum += partial[s * COUNT + i]; }
  //#if BIAS
  sum += bias[i / INNER % CHANNELS];
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
