// Running statistics of a batch-norm and their running average, as PyTorch's: running += MOMENTUM * (batch - running), the variance times UNBIASED = m / (m - 1).
// moments [2, CHANNELS]; rates[1]: mix of the average; nothing is written after a loss that was no number (report[1]). One invocation per channel.
// Constants: CHANNELS, MOMENTUM, UNBIASED.
@group(0) @binding(0) var<storage, read> moments: array<f32>;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read> report: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> average_mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> average_variance: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = i32(id.x);
  if (c >= CHANNELS || report[1] != 0.0) { return; }
  let m = mean[c] + MOMENTUM * (moments[c] - mean[c]);
  let v = variance[c] + MOMENTUM * (moments[CHANNELS + c] * UNBIASED - variance[c]);
  mean[c] = m;
  variance[c] = v;
  average_mean[c] += rates[1] * (m - average_mean[c]);
  average_variance[c] += rates[1] * (v - average_variance[c]);
}
