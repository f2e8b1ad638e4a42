// y[c] = sum over n, i of a[n, c, i] (times b[n, c, i] with DOT); a, b [BATCH, CHANNELS, INNER].
// One workgroup per channel: 64 strided partial sums, then a tree of fixed shape. Constants: BATCH, CHANNELS, INNER, DOT.
@group(0) @binding(0) var<storage, read> a: array<f32>;
//#if DOT
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//#endif

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let c = i32(group.x);
  var sum = 0.0;
  for (var j = i32(lane); j < BATCH * INNER; j += 64) {
    let at = (j / INNER * CHANNELS + c) * INNER + j % INNER;
    //#if DOT
    sum += a[at] * b[at];
    //#else
    sum += a[at];
    //#endif
  }
  partial[lane] = sum;
  for (var half = 32u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  if (lane == 0u) { y[c] = partial[0]; }
}
