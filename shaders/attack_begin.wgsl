// Start of every attack: the iterate is the clean image, nothing is found yet.
// x [N, ELEMENTS], logits [N, CLASSES] of it; out state [N, STATE] zeros, iterate, best [N, ELEMENTS] = x, kept [N, CLASSES] = logits.
// One workgroup of WG invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(4) var<storage, read_write> best: array<f32>;
@group(0) @binding(5) var<storage, read_write> kept: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  for (var slot = i; slot < STATE; slot += WG) {
    state[image * STATE + slot] = 0.0;
  }
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[image * ELEMENTS + e];
    iterate[image * ELEMENTS + e] = clean;
    best[image * ELEMENTS + e] = clean;
  }
  for (var c = i; c < CLASSES; c += WG) {
    kept[image * CLASSES + c] = logits[image * CLASSES + c];
  }
}
