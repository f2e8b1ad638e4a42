// A grey patch, and the clock at 0. patches [PATCHES, 3, SIDE, SIDE], clock [N]. One workgroup of WG invocations a patch.
@group(0) @binding(0) var<storage, read_write> patches: array<f32>;
@group(0) @binding(1) var<storage, read_write> clock: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let count = 3 * SIDE * SIDE;
  for (var e = i32(local); e < count; e += WG) {
    patches[i32(group.x) * count + e] = 0.5;
  }
  for (var image = i32(local); image < IMAGES; image += WG) {
    clock[i32(group.x) * IMAGES + image] = 0.0;
  }
}
