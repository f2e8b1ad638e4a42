// The end of a run of auto-PGD, on images that are not done: the iterate becomes what was kept, unless the last one, just judged, goes before it.
// state [N, STATE], kept, iterate [N, ELEMENTS]. Workgroups (ceil(ELEMENTS / WG), N), one invocation an element.
@group(0) @binding(0) var<storage, read> state: array<f32>;
@group(0) @binding(1) var<storage, read> kept: array<f32>;
@group(0) @binding(2) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let e = i32(group.x) * WG + i32(local);
  let image = i32(group.y);
  let s = image * STATE;
  let fools = state[s + SLOT_FOOLS];
  let last = fools > state[s + SLOT_KEPT] || (fools == state[s + SLOT_KEPT] && state[s + SLOT_LOSS] > state[s + SLOT_KEPT_LOSS]);
  if (e < ELEMENTS && !last && state[s + SLOT_DONE] < 0.5) {
    iterate[image * ELEMENTS + e] = kept[image * ELEMENTS + e];
  }
}
