// The iterate as a camera may see it: SAMPLES times shifted by up to REACH pixels each way, what comes from outside is grey, and brighter or
// darker by up to the setting brightness.
// iterate [N, ELEMENTS], key u32 [N, 2] (seed, image), settings [N, SETTINGS], state [N, STATE]; out rows [N * SAMPLES, ELEMENTS].
// Workgroups (SAMPLES, N).
@group(0) @binding(0) var<storage, read> iterate: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let sample = i32(group.x);
  let image = i32(group.y);
  let view = viewOf(image, sample);
  for (var e = i32(local); e < ELEMENTS; e += WG) {
    let column = e % WIDTH - view.across;
    let line = (e % PIXELS) / WIDTH - view.down;
    let inside = column >= 0 && column < WIDTH && line >= 0 && line < HEIGHT;
    let source = image * ELEMENTS + (e / PIXELS) * PIXELS + clamp(line, 0, HEIGHT - 1) * WIDTH + clamp(column, 0, WIDTH - 1);
    rows[(image * SAMPLES + sample) * ELEMENTS + e] = clamp(view.light * select(0.5, iterate[source], inside), 0.0, 1.0);
  }
}
