// The nearest of several linearised class boundaries, one offered at a time: z_k - z_y + g (x' - seen) = 0, g its gradient.
// Distances are those of a region with mask M, in the metric sum d^2 / M (which is l2 where M is 0 or 1): |z_k - z_y| / sqrt(sum M g^2);
// LINF: largest |d| / M: |z_k - z_y| / sum M |g|.
// logits, seed (of attack_row) [N, CLASSES], gradient, normal [N, ELEMENTS], mask [N, PIXELS], state [N, STATE]:
// SLOT_DISTANCE, SLOT_GAP: z_k - z_y, SLOT_SIZE: the sum, of the nearest so far; normal its gradient. FIRST: nothing was offered before.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> seed: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> normal: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let s = image * STATE;
  let before = state[s + SLOT_DISTANCE];
  var difference = 0.0;
  for (var c = i; c < CLASSES; c += WG) {
    difference += seed[image * CLASSES + c] * logits[image * CLASSES + c];
  }
  var sum = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let g = gradient[at + e];
    let m = mask[image * PIXELS + e % PIXELS];
    sum += m * select(g * g, abs(g), LINF);
  }
  let gap = total(difference, i);
  let size = total(sum, i);
  let distance = abs(gap) / max(select(sqrt(size), size, LINF), 1e-12);
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (FIRST || distance < before) {
    for (var e = i; e < ELEMENTS; e += WG) {
      normal[at + e] = gradient[at + e];
    }
    if (i == 0) {
      state[s + SLOT_DISTANCE] = distance;
      state[s + SLOT_GAP] = gap;
      state[s + SLOT_SIZE] = size;
    }
  }
}
