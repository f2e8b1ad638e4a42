// One step of a parameter, and of its running average: average += mix * (weight - average).
// ADAM false: SGD as PyTorch's, g = gradient + DECAY * weight; velocity = MOMENTUM * velocity + g; weight -= rate * (NESTEROV: g + MOMENTUM * velocity, else velocity).
// ADAM true: Adam (Kingma and Ba 2015) with decoupled decay (DECOUPLED, Loshchilov and Hutter 2019) or decay in the gradient.
// rates: learning rate, mix, 1 / (1 - beta1^t), 1 / (1 - beta2^t). report[1] is 1 after a loss that was no number: nothing is written then.
// One invocation per value, vec4s with VEC. Constants: COUNT, ROW, VEC, ADAM, DECAY; SGD: MOMENTUM, NESTEROV; Adam: BETA1, BETA2, EPSILON, DECOUPLED.
//#if VEC
alias Value = vec4f;
//#else
alias Value = f32;
//#endif
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read> report: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<Value>;
@group(0) @binding(4) var<storage, read_write> average: array<Value>;
@group(0) @binding(5) var<storage, read_write> velocity: array<Value>;
//#if ADAM
@group(0) @binding(6) var<storage, read_write> square: array<Value>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT || report[1] != 0.0) { return; }
  let w = weight[i];
  //#if ADAM
  //#if DECOUPLED
  let g = gradient[i];
  let kept = w * (1.0 - rates[0] * DECAY);
  //#else
  let g = gradient[i] + DECAY * w;
  let kept = w;
  //#endif
  let v = BETA1 * velocity[i] + (1.0 - BETA1) * g;
  let s = BETA2 * square[i] + (1.0 - BETA2) * g * g;
  velocity[i] = v;
  square[i] = s;
  let next = kept - rates[0] * (v * rates[2]) / (sqrt(s * rates[3]) + EPSILON);
  //#else
  let g = gradient[i] + DECAY * w;
  let v = MOMENTUM * velocity[i] + g;
  velocity[i] = v;
  //#if NESTEROV
  let next = w - rates[0] * (g + MOMENTUM * v);
  //#else
  let next = w - rates[0] * v;
  //#endif
  //#endif
  weight[i] = next;
  average[i] += rates[1] * (next - average[i]);
}
