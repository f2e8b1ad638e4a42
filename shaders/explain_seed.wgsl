// Cotangent of the explained logit: one-hot rows, so that the backward pass starts at Z_y alone (Grad-CAM, Eq. 4).
// logits [N, CLASSES], labels u32 [N]; seed [N, CLASSES] out: 1 at the label, else 0.
// A label outside [0, CLASSES) means the net's own prediction (the first of equal maxima, as torch.argmax).
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> seed: array<f32>;

var<workgroup> values: array<f32, WG>;
var<workgroup> indices: array<i32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let row = i32(group.x) * CLASSES;

  var best = -3.4e38;
  var index = CLASSES;
  for (var c = i; c < CLASSES; c += WG) {
    let z = logits[row + c];
    if (index == CLASSES || z > best) {
      best = z;
      index = c;
    }
  }
  values[i] = best;
  indices[i] = index;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      let other = indices[i + stride];
      let ahead = values[i + stride] > values[i] || (values[i + stride] == values[i] && other < indices[i]);
      if (other < CLASSES && (indices[i] == CLASSES || ahead)) {
        values[i] = values[i + stride];
        indices[i] = other;
      }
    }
    workgroupBarrier();
  }

  let given = labels[group.x];
  let chosen = select(indices[0], i32(given), given < u32(CLASSES));
  for (var c = i; c < CLASSES; c += WG) {
    seed[row + c] = select(0.0, 1.0, c == chosen);
  }
}
