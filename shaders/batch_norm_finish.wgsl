// What two sums over a channel come to. MOMENTS: mean and variance (over COUNT, as batch-norm divides) of values that were taken from `known`, the pivot.
// Else: the gradients of beta and gamma; `known` is the variance. Constants: COUNT, EPSILON, MOMENTS.
fn finish(first: f32, second: f32, known: f32) -> vec2f {
  //#if MOMENTS
  let mean = first / COUNT;
  return vec2f(known + mean, max(second / COUNT - mean * mean, 0.0));
  //#else
  return vec2f(first, second * inverseSqrt(known + EPSILON));
  //#endif
}
