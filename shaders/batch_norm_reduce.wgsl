// Two sums per channel of x [BATCH, CHANNELS, INNER], in one pass over it: what batch-norm in training needs.
// MOMENTS: of x - pivot and of its square, the pivot being the channel's first value, so that nothing cancels where the mean is far from 0.
// Else: of dy and of dy * (x - mean), by which the gradient goes on.
// One workgroup per channel and split of the batch: 64 strided partial sums, then a tree of fixed shape. Values by fours with VEC.
// out     [SPLITS, 2, CHANNELS] of raw sums where SPLITS > 1 (batch_norm_combine.wgsl goes on), else the finished rows (batch_norm_finish.wgsl).
// Constants: BATCH, CHANNELS, INNER, SPLITS, MOMENTS, VEC, COUNT (values of a channel, as f32), EPSILON.
//#if VEC
alias Value = vec4f;
const WIDE = 4;

fn total(v: Value) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}
//#else
alias Value = f32;
const WIDE = 1;

fn total(v: Value) -> f32 {
  return v;
}
//#endif
@group(0) @binding(0) var<storage, read> x: array<Value>;
//#if MOMENTS
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
//#else
@group(0) @binding(1) var<storage, read> dy: array<Value>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
//#endif

var<workgroup> firsts: array<f32, 64>;
var<workgroup> seconds: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let c = i32(group.x);
  let split = i32(group.y);
  let plane = INNER / WIDE;
  let begin = BATCH * split / SPLITS;
  let end = BATCH * (split + 1) / SPLITS;
  //#if MOMENTS
  //#if VEC
  let centre = x[c * plane].x;
  //#else
  let centre = x[c * plane];
  //#endif
  //#else
  let centre = moments[c];
  //#endif
  var first = Value(0.0);
  var second = Value(0.0);
  for (var j = i32(lane) + begin * plane; j < end * plane; j += 64) {
    let at = (j / plane * CHANNELS + c) * plane + j % plane;
    let v = x[at] - centre;
    //#if MOMENTS
    first += v;
    second += v * v;
    //#else
    let d = dy[at];
    first += d;
    second += d * v;
    //#endif
  }
  firsts[lane] = total(first);
  seconds[lane] = total(second);
  for (var half = 32u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (lane < half) {
      firsts[lane] += firsts[lane + half];
      seconds[lane] += seconds[lane + half];
    }
  }
  if (lane == 0u) {
    //#if SPLITS > 1
    out[split * 2 * CHANNELS + c] = firsts[0];
    out[(split * 2 + 1) * CHANNELS + c] = seconds[0];
    //#else
    //#if MOMENTS
    let rows = finish(firsts[0], seconds[0], centre);
    //#else
    let rows = finish(firsts[0], seconds[0], moments[CHANNELS + c]);
    //#endif
    out[c] = rows.x;
    out[CHANNELS + c] = rows.y;
    //#endif
  }
}
