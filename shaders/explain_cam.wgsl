// Class activation maps at the features' own resolution, signed: no rectification yet.
// features A [N, CHANNELS, CELLS]; out map [N, CELLS]. Second operand: g, the gradient of the explained logit [N, CHANNELS, CELLS], or for MODE 0
// weights [N, CHANNELS]. By MODE, map = sum_k lambda_k A_k with
//   0 (CAM, Zhou et al. 2016): lambda = the linear layer's weights of the class;
//   1 (Grad-CAM, Selvaraju et al. 2017, Eq. 4 and 5): lambda_k = mean of g_k over the cells;
//   2 (Grad-CAM++, Chattopadhay et al. 2018): lambda_k = sum of a max(g_k, 0), a = g^2 / (2 g^2 + sum(A_k) g^3 + 1e-6);
//   3 (XGrad-CAM, Fu et al. 2020): lambda_k = sum of g_k A_k / (sum(A_k) + 1e-7);
// or with a weight for each cell
//   4 (HiResCAM, Draelos and Carin 2020): sum_k g_k A_k;
//   5 (LayerCAM, Jiang et al. 2021): sum_k max(g_k, 0) A_k.
// One workgroup of WG invocations an image. Invocations share a cell in SLICES slices of the channels, summed in order.
@group(0) @binding(0) var<storage, read> features: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

//#if MODE < 4
var<workgroup> lambda: array<f32, CHANNELS>;
//#endif
var<workgroup> partial: array<f32, WG>;

const SLICES = max(1, WG / CELLS);
const SPAN = min(WG, CELLS);

//#if MODE == 2 || MODE == 3
fn evidence(at: i32) -> f32 {
  var sum = 0.0;
  for (var cell = 0; cell < CELLS; cell++) {
    sum += features[at + cell];
  }
  return sum;
}
//#endif

//#if MODE == 0
fn channelWeight(image: i32, k: i32) -> f32 {
  return weights[image * CHANNELS + k];
}
//#endif
//#if MODE == 1
fn channelWeight(image: i32, k: i32) -> f32 {
  let at = (image * CHANNELS + k) * CELLS;
  var sum = 0.0;
  for (var cell = 0; cell < CELLS; cell++) {
    sum += weights[at + cell];
  }
  return sum / f32(CELLS);
}
//#endif
//#if MODE == 2
fn channelWeight(image: i32, k: i32) -> f32 {
  let at = (image * CHANNELS + k) * CELLS;
  let total = evidence(at);
  var sum = 0.0;
  for (var cell = 0; cell < CELLS; cell++) {
    let g = weights[at + cell];
    if (g > 0.0) {
      sum += g * (g * g / (2.0 * g * g + total * (g * g * g) + 1e-6));
    }
  }
  return sum;
}
//#endif
//#if MODE == 3
fn channelWeight(image: i32, k: i32) -> f32 {
  let at = (image * CHANNELS + k) * CELLS;
  let total = evidence(at) + 1e-7;
  var sum = 0.0;
  for (var cell = 0; cell < CELLS; cell++) {
    sum += weights[at + cell] * features[at + cell] / total;
  }
  return sum;
}
//#endif

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let start = image * CHANNELS * CELLS;

//#if MODE < 4
  for (var k = i; k < CHANNELS; k += WG) {
    lambda[k] = channelWeight(image, k);
  }
  workgroupBarrier();
//#endif

  for (var first = 0; first < CELLS; first += SPAN) {
    let cell = first + i % SPAN;
    let slice = i / SPAN;
    var sum = 0.0;
    if (cell < CELLS && slice < SLICES) {
      for (var k = slice; k < CHANNELS; k += SLICES) {
        let at = start + k * CELLS + cell;
//#if MODE < 4
        sum += lambda[k] * features[at];
//#endif
//#if MODE == 4
        sum += weights[at] * features[at];
//#endif
//#if MODE == 5
        sum += max(weights[at], 0.0) * features[at];
//#endif
      }
    }
    partial[i] = sum;
    workgroupBarrier();
    if (i < SPAN && cell < CELLS) {
      var value = 0.0;
      for (var s = 0; s < SLICES; s++) {
        value += partial[s * SPAN + i];
      }
      map[image * CELLS + cell] = value;
    }
    workgroupBarrier();
  }
}
