// Adds up the sums of batch_norm_reduce.wgsl over its splits, always in this order. One invocation per channel.
// partial [SPLITS, 2, CHANNELS]; source: x with MOMENTS (its channels' first values are the pivots), else the moments [2, CHANNELS].
// Constants: CHANNELS, INNER, SPLITS, MOMENTS, COUNT, EPSILON.
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = i32(id.x);
  if (c >= CHANNELS) { return; }
  var first = 0.0;
  var second = 0.0;
  for (var split = 0; split < SPLITS; split++) {
    first += partial[split * 2 * CHANNELS + c];
    second += partial[(split * 2 + 1) * CHANNELS + c];
  }
  //#if MOMENTS
  let rows = finish(first, second, source[c * INNER]);
  //#else
  let rows = finish(first, second, source[CHANNELS + c]);
  //#endif
  out[c] = rows.x;
  out[CHANNELS + c] = rows.y;
}
