// Keeps the last iterate of an attack where attack_loss found it the best: best = xq on images whose state says so.
// state [N, STATE], xq, best [N, ELEMENTS]. Workgroups (ceil(ELEMENTS / WG), N), one invocation an element.
@group(0) @binding(0) var<storage, read> state: array<f32>;
@group(0) @binding(1) var<storage, read> xq: array<f32>;
@group(0) @binding(2) var<storage, read_write> best: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let e = i32(group.x) * WG + i32(local);
  let image = i32(group.y);
  if (e < ELEMENTS && state[image * STATE + SLOT_IMPROVED] > 0.5) {
    best[image * ELEMENTS + e] = xq[image * ELEMENTS + e];
  }
}
