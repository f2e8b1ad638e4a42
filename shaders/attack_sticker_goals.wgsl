// The goal of every sample of every image. goal u32 [N]; out goals u32 [N * SAMPLES]. One workgroup of SAMPLES invocations an image.
@group(0) @binding(0) var<storage, read> goal: array<u32>;
@group(0) @binding(1) var<storage, read_write> goals: array<u32>;

@compute @workgroup_size(SAMPLES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  goals[i32(group.x) * SAMPLES + i32(local)] = goal[group.x];
}
