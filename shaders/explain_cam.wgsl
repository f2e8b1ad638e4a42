// Class activation map at the features' own resolution: L = ReLU(sum_k lambda_k A^k) (Eq. 5).
// features [N, CHANNELS, CELLS]; out map [N, CELLS]. Second operand:
//   GRADIENT: gradient of the explained logit [N, CHANNELS, CELLS], lambda_k = its mean over the cells (Grad-CAM, Eq. 4);
//   else:     lambda itself [N, CHANNELS], the linear layer's weights of the class (CAM, Zhou et al. 2016).
// One workgroup of WG invocations an image. Invocations share a cell in SLICES slices of the channels, summed in order.
@group(0) @binding(0) var<storage, read> features: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

var<workgroup> lambda: array<f32, CHANNELS>;
var<workgroup> partial: array<f32, WG>;

const SLICES = max(1, WG / CELLS);
const SPAN = min(WG, CELLS);

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let start = image * CHANNELS * CELLS;

  for (var k = i; k < CHANNELS; k += WG) {
//#if GRADIENT
    var sum = 0.0;
    for (var cell = 0; cell < CELLS; cell++) {
      sum += weights[start + k * CELLS + cell];
    }
    lambda[k] = sum / f32(CELLS);
//#else
    lambda[k] = weights[image * CHANNELS + k];
//#endif
  }
  workgroupBarrier();

  for (var first = 0; first < CELLS; first += SPAN) {
    let cell = first + i % SPAN;
    let slice = i / SPAN;
    var sum = 0.0;
    if (cell < CELLS && slice < SLICES) {
      for (var k = slice; k < CHANNELS; k += SLICES) {
        sum += lambda[k] * features[start + k * CELLS + cell];
      }
    }
    partial[i] = sum;
    workgroupBarrier();
    if (i < SPAN && cell < CELLS) {
      var value = 0.0;
      for (var s = 0; s < SLICES; s++) {
        value += partial[s * SPAN + i];
      }
      map[image * CELLS + cell] = max(value, 0.0);
    }
    workgroupBarrier();
  }
}
