// Zeros. values [N, COUNT]; workgroups (ceil(COUNT / WG), N).
@group(0) @binding(0) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let e = i32(group.x) * WG + i32(local);
  if (e < COUNT) {
    values[i32(group.y) * COUNT + e] = 0.0;
  }
}
