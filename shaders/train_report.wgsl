// Notes a step's mean loss and how many images were right in `report`, and stops the updates at a loss that is no number: they read report[1].
// loss [BATCH], logits [BATCH, CLASSES], labels [BATCH]; report: steps noted, 1 after a bad loss, then SLOTS losses and SLOTS counts, used in turn.
// One workgroup. Constants: BATCH, CLASSES, SLOTS. Before it: train_finite.wgsl.
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> report: array<f32>;

var<workgroup> losses: array<f32, 64>;
var<workgroup> counts: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  var right = 0.0;
  for (var n = i32(lane); n < BATCH; n += 64) {
    sum += loss[n];
    let own = logits[n * CLASSES + i32(labels[n])];
    var beaten = false;
    for (var c = 0; c < CLASSES; c++) { beaten = beaten || (logits[n * CLASSES + c] > own); }
    right += select(1.0, 0.0, beaten);
  }
  losses[lane] = sum;
  counts[lane] = right;
  for (var half = 32u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (lane < half) {
      losses[lane] += losses[lane + half];
      counts[lane] += counts[lane + half];
    }
  }
  if (lane == 0u && report[1] == 0.0) {
    let slot = i32(report[0]) % SLOTS;
    report[2 + slot] = losses[0] / f32(BATCH);
    report[2 + SLOTS + slot] = counts[0];
    report[0] += 1.0;
    if (!finite(losses[0])) { report[1] = 1.0; }
  }
}
