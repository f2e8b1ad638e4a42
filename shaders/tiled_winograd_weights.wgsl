// Winograd F(OUT x OUT, 3x3), weights: u = G g G^T of every 3x3 filter g (Lavin and Gray 2015, arXiv:1509.09308).
// weight [M, C, 3, 3] (FLIPPED: stored [C, M, 3, 3] and read rotated by 180 degrees) -> u [SIZE * SIZE][C][MP], zero beyond M, SIZE = OUT + 2.
// One invocation per (c, m). Constants: OUT (2 or 4), SIZE, COUNT = C * MP, ROW, C, M, MP, FLIPPED.
@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;

alias Line = array<f32, SIZE>;

fn transform(g: vec3<f32>) -> Line {
  //#if OUT == 2
  return Line(g.x, (g.x + g.y + g.z) / 2, (g.x - g.y + g.z) / 2, g.z);
  //#else
  let even = g.x / 24 + g.z / 6;
  return Line(g.x / 4, -(g.x + g.y + g.z) / 6, -(g.x - g.y + g.z) / 6, even + g.y / 12, even - g.y / 12, g.z);
  //#endif
}

fn tap(at: i32, t: i32) -> f32 {
  //#if FLIPPED
  return weight[at + 8 - t];
  //#else
  return weight[at + t];
  //#endif
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let m = i % MP;
  let c = i / MP;
  //#if FLIPPED
  let at = (c * M + m) * 9;
  //#else
  let at = (m * C + c) * 9;
  //#endif
  var rows: array<vec3<f32>, SIZE>;
  if (m < M) {
    //#for J in 0..3
    let column{J} = transform(vec3(tap(at, {J}), tap(at, {J + 3}), tap(at, {J + 6})));
    //#end
    for (var r = 0; r < SIZE; r++) { rows[r] = vec3(column0[r], column1[r], column2[r]); }
  }
  for (var r = 0; r < SIZE; r++) {
    let line = transform(rows[r]);
    for (var s = 0; s < SIZE; s++) { u[(r * SIZE + s) * COUNT + i] = line[s]; }
  }
}
