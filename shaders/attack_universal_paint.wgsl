// The images with the patch: iterate = x + M * (patch - x) under it. FINAL: at the place where it is saved.
// x, iterate [N, ELEMENTS], mask [N, PIXELS], patches [N or 1 (SHARED), 3, SIDE, SIDE], clock [N], key u32 [N, 2], settings [N, SETTINGS].
// Workgroups (ceil(PIXELS / WG), N), one invocation a pixel.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> patches: array<f32>;
@group(0) @binding(3) var<storage, read> clock: array<f32>;
@group(0) @binding(4) var<storage, read> key: array<u32>;
@group(0) @binding(5) var<storage, read> settings: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = i32(group.x) * WG + i32(local);
  let image = i32(group.y);
  if (p >= PIXELS) {
    return;
  }
  let view = viewOf(image, select(u32(clock[image]), 0xffffffffu, FINAL));
  let texel = texelOf(view, p % WIDTH, p / WIDTH);
  let m = mask[image * PIXELS + p];
  let home = select(image, 0, SHARED) * 3 * SIDE * SIDE;
  for (var c = 0; c < 3; c++) {
    let e = image * ELEMENTS + c * PIXELS + p;
    let clean = x[e];
    iterate[e] = select(clean, clamp(clean + m * (patches[home + c * SIDE * SIDE + max(texel, 0)] - clean), 0.0, 1.0), texel >= 0);
  }
}
