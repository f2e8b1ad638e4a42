// Winograd F(OUT x OUT, 3x3), input: v = B^T d B of every SIZE x SIZE patch d, patches OUT apart (arXiv:1509.09308), SIZE = OUT + 2.
// x [BATCH, C, H, W] -> v [SIZE * SIZE][C][PP], patch p = (image * ROWS + row) * COLUMNS + column, zero for p in PATCHES..PP-1.
// One invocation per (channel, patch): neighbours write neighbouring patches.
// Constants: OUT (2 or 4), SIZE, COUNT = C * PP, ROW, C, H, W, PH, PW (padding), ROWS, COLUMNS (patches of an image), PATCHES, PP.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> v: array<f32>;

alias Line = array<f32, SIZE>;

fn transform(d: Line) -> Line {
  //#if OUT == 2
  return Line(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
  //#else
  let even = d[4] - 4 * d[2];
  let odd = d[3] - 4 * d[1];
  let far = d[4] - d[2];
  let near = 2 * (d[3] - d[1]);
  return Line(4 * d[0] - 5 * d[2] + d[4], even + odd, even - odd, far + near, far - near, 4 * d[1] - 5 * d[3] + d[5]);
  //#endif
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let place = i % PP;
  let image = place / (ROWS * COLUMNS);
  let plane = (image * C + i / PP) * H;
  let top = place / COLUMNS % ROWS * OUT - PH;
  let left = place % COLUMNS * OUT - PW;
  // Columns first: half[s] is the transform of column s.
  //#for S in 0..SIZE
  var d{S} = Line();
  if (place < PATCHES && u32(left + {S}) < u32(W)) {
    //#for R in 0..SIZE
    if (u32(top + {R}) < u32(H)) { d{S}[{R}] = x[(plane + top + {R}) * W + left + {S}]; }
    //#end
  }
  let half{S} = transform(d{S});
  //#end
  //#for R in 0..SIZE
  {
    //#if OUT == 2
    let line = transform(Line(half0[{R}], half1[{R}], half2[{R}], half3[{R}]));
    //#else
    let line = transform(Line(half0[{R}], half1[{R}], half2[{R}], half3[{R}], half4[{R}], half5[{R}]));
    //#endif
    //#for S in 0..SIZE
    v[{R * SIZE + S} * COUNT + i] = line[{S}];
    //#end
  }
  //#end
}
