// Winograd F(OUT x OUT, 3x3), output: y = A^T p A of every product p, with the convolution's epilogue (arXiv:1509.09308), SIZE = OUT + 2.
// product [SIZE * SIZE][MP][PP], patches as in tiled_winograd_input.wgsl -> y [BATCH, M, OH, OW].
// One invocation per (channel, patch): OUT x OUT pixels, those beyond the image left out.
// Constants: OUT (2 or 4), SIZE, COUNT = M * PP, ROW, M, MP, OH, OW, ROWS, COLUMNS, PATCHES, PP, BIAS, RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK, B_*.
@group(0) @binding(0) var<storage, read> product: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//#if BIAS
@group(0) @binding(B_BIAS) var<storage, read> bias: array<f32>;
//#endif
//#if RESIDUAL && !IN_PLACE
@group(0) @binding(B_RESIDUAL) var<storage, read> residual: array<f32>;
//#endif
//#if MASK
@group(0) @binding(B_MASK) var<storage, read> mask: array<f32>;
//#endif

alias Line = array<f32, SIZE>;
alias Short = array<f32, OUT>;

fn transform(p: Line) -> Short {
  let sum = p[1] + p[2];
  let difference = p[1] - p[2];
  //#if OUT == 2
  return Short(p[0] + sum, difference - p[3]);
  //#else
  let outer = p[3] + p[4];
  let slope = p[3] - p[4];
  return Short(p[0] + sum + outer, difference + 2 * slope, sum + 4 * outer, difference + 8 * slope + p[5]);
  //#endif
}

fn put(at: i32, m: i32, accumulated: f32) {
  var sum = accumulated;
  //#if BIAS
  sum += bias[m];
  //#endif
  //#if IN_PLACE
  sum += y[at];
  //#else
  //#if RESIDUAL
  sum += residual[at];
  //#endif
  //#endif
  //#if RELU
  sum = max(sum, 0.0);
  //#endif
  //#if MASK
  sum = select(0.0, sum, mask[at] > 0.0);
  //#endif
  y[at] = sum;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  let place = i % PP;
  if (i >= COUNT || place >= PATCHES) { return; }
  let m = i / PP;
  let top = place / COLUMNS % ROWS * OUT;
  let left = place % COLUMNS * OUT;
  let at = ((place / (ROWS * COLUMNS) * M + m) * OH + top) * OW + left;
  // Columns first: half[s] is the transform of column s.
  //#for S in 0..SIZE
  var p{S} = Line();
  //#for R in 0..SIZE
  p{S}[{R}] = product[{R * SIZE + S} * MP * PP + i];
  //#end
  let half{S} = transform(p{S});
  //#end
  //#for R in 0..OUT
  if (top + {R} < OH) {
    //#if OUT == 2
    let line = transform(Line(half0[{R}], half1[{R}], half2[{R}], half3[{R}]));
    //#else
    let line = transform(Line(half0[{R}], half1[{R}], half2[{R}], half3[{R}], half4[{R}], half5[{R}]));
    //#endif
    //#for S in 0..OUT
    if (left + {S} < OW) { put(at + {R} * OW + {S}, m, line[{S}]); }
    //#end
  }
  //#end
}
