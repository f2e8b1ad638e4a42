// Candidates as images: a slice of them, or the fittest alone (FITTEST, ROWS 1). x with the candidate's pixels, in 8 bits; where M is below 1 the colour is mixed with x.
// x [N, ELEMENTS], mask [N, PIXELS], candidates [N, POPULATION, COUNT, 5], state [N, STATE]; out rows [N * ROWS, ELEMENTS].
// Workgroups (ROWS, N).
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> candidates: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let image = i32(group.y);
//#if FITTEST
  let member = i32(state[image * STATE + SLOT_FITTEST]);
//#else
  let member = i32(state[image * STATE + SLOT_SLICE]) * ROWS + i32(group.x);
//#endif
  let row = (image * ROWS + i32(group.x)) * ELEMENTS;
  let own = (image * POPULATION + member) * COUNT * 5;
  for (var e = i32(local); e < ELEMENTS; e += WG) {
    let clean = x[image * ELEMENTS + e];
    var value = clean;
    let p = e % PIXELS;
    // Of two pixels at one place the later shows.
    for (var k = 0; k < COUNT; k++) {
      let at = own + 5 * k;
      if (i32(round(candidates[at + 1])) * WIDTH + i32(round(candidates[at])) == p) {
        let m = mask[image * PIXELS + p];
        let level = round(255.0 * clean);
        value = select(pixel(round(level + m * (candidates[at + 2 + e / PIXELS] - level))), clean, m == 0.0);
      }
    }
    rows[row + e] = value;
  }
}
