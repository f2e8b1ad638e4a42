// Batch-norm with a batch's own moments over x [BATCH, CHANNELS, INNER]; scale = gamma / sqrt(variance + EPSILON).
// GRADIENT false: y = (x - mean) * scale + beta, + residual (RESIDUAL), then max(., 0) (RELU).
// GRADIENT true: y = scale * (dy - (sums[beta] + normalised x * sums[gamma]) / COUNT), the whole gradient, that through the moments included.
// One invocation takes PER values (vec4s with VEC) of a plane, STEP apart. rows: the moments [2, CHANNELS]; sums [2, CHANNELS]: gradients of beta and gamma.
// Constants: INVOCATIONS, ROW, CHANNELS, INNER, PER, STEP, VEC, COUNT (values of a channel, as f32), EPSILON, GRADIENT, RESIDUAL, RELU.
//#if VEC
alias Value = vec4f;
const WIDE = 4;
//#else
alias Value = f32;
const WIDE = 1;
//#endif
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
//#if GRADIENT
@group(0) @binding(3) var<storage, read> dy: array<Value>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<Value>;
//#else
@group(0) @binding(3) var<storage, read> beta: array<f32>;
//#if RESIDUAL
@group(0) @binding(4) var<storage, read> residual: array<Value>;
@group(0) @binding(5) var<storage, read_write> y: array<Value>;
//#else
@group(0) @binding(4) var<storage, read_write> y: array<Value>;
//#endif
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= INVOCATIONS) { return; }
  let plane = i / STEP;
  let c = plane % CHANNELS;
  let first = plane * (INNER / WIDE) + i % STEP;
  let mean = rows[c];
  let inverse = inverseSqrt(rows[CHANNELS + c] + EPSILON);
  let scale = gamma[c] * inverse;
  //#if GRADIENT
  let through_mean = scale * sums[c] / COUNT;
  let through_variance = scale * inverse * sums[CHANNELS + c] / COUNT;
  //#else
  let shift = beta[c];
  //#endif
  //#for I in 0..PER
  {
    let at = first + {I} * STEP;
    //#if GRADIENT
    y[at] = scale * dy[at] - through_mean - through_variance * (x[at] - mean);
    //#else
    var v = (x[at] - mean) * scale + shift;
    //#if RESIDUAL
    v += residual[at];
    //#endif
    //#if RELU
    v = max(v, Value(0.0));
    //#endif
    y[at] = v;
    //#endif
  }
  //#end
}
