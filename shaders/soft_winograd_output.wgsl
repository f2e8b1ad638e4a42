// Winograd output transform Y = A^T M A with the convolution's epilogue.
//
// product   [frequency][STRIDE_P * tile + STRIDE_Q * out channel], frequencies STRIDE_Z apart (soft_gemm.wgsl with SPLIT)
// out, residual, mask  [BATCH, OUT_CHANNELS, OUT_HEIGHT, OUT_WIDTH], the images from IMAGE on
// bias      [OUT_CHANNELS]
// A tile is (image, tile row, tile column), column fastest. Lanes run along tiles; one invocation makes CHANNELS_EACH channels of one tile.
// Shape: IMAGE, TILES, TILES_X, TILES_Y, OUT_CHANNELS, OUT_HEIGHT, OUT_WIDTH, STRIDE_Z, STRIDE_TILE, STRIDE_CHANNEL.
// Constants: TILE (2 or 4), CHANNELS_EACH, ROWS_OF_4 (OUT_WIDTH % 4 = 0, TILE = 4: rows are vec4s), EXACT (no invocation beyond the output), BIAS, RESIDUAL, RELU, MASK.
// The points of soft_winograd_weight.wgsl.
const SMALL = 0.70710678118654752;
const LARGE = 1.41421356237309505;

@group(0) @binding(0) var<storage, read> product: array<f32>;
//#if ROWS_OF_4
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
//#else
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
//#endif
//#for S in 0..1
//#if BIAS
@group(0) @binding({S + 2}) var<storage, read> bias: array<f32>;
//#endif
//#if ROWS_OF_4
//#if RESIDUAL
@group(0) @binding({S + 2 + BIAS}) var<storage, read> residual: array<vec4f>;
//#endif
//#if MASK
@group(0) @binding({S + 2 + BIAS + RESIDUAL}) var<storage, read> mask: array<vec4f>;
//#endif
//#else
//#if RESIDUAL
@group(0) @binding({S + 2 + BIAS}) var<storage, read> residual: array<f32>;
//#endif
//#if MASK
@group(0) @binding({S + 2 + BIAS + RESIDUAL}) var<storage, read> mask: array<f32>;
//#endif
//#endif
//#end

//#if ROWS_OF_4
// One row of a tile: at counts vec4s.
fn finish(at: i32, channel: i32, sum: vec4f) {
  var v = sum;
//#if BIAS
  v += bias[channel];
//#endif
//#if RESIDUAL
  v += residual[at];
//#endif
//#if RELU
  v = max(v, vec4f());
//#endif
//#if MASK
  v = select(vec4f(), v, mask[at] > vec4f());
//#endif
  out[at] = v;
}
//#else
fn finish(ok: bool, at: i32, channel: i32, sum: f32) {
  if (ok) {
    var v = sum;
//#if BIAS
    v += bias[channel];
//#endif
//#if RESIDUAL
    v += residual[at];
//#endif
//#if RELU
    v = max(v, 0.0);
//#endif
//#if MASK
    v = select(0.0, v, mask[at] > 0.0);
//#endif
    out[at] = v;
  }
}
//#endif

// Quotient of integers by way of f32, which lanes divide at once, where the driver would divide integers one by one. Exact for 0 <= a < 2^21.
fn quotient(a: i32, b: i32) -> i32 {
  return i32((f32(a) + 0.5) / f32(b));
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let tile = i32(group.x) * 8 + i32(index);
  let row = quotient(tile, TILES_X);
  let image = quotient(row, TILES_Y);
  let y = (row - image * TILES_Y) * TILE;
  let x = (tile - row * TILES_X) * TILE;
//#for R in 0..TILE
  let y_{R} = tile < TILES && y + {R} < OUT_HEIGHT;
  let x_{R} = x + {R} < OUT_WIDTH;
//#end
  let plane = (IMAGE + image) * OUT_CHANNELS;
  for (var step = 0; step < CHANNELS_EACH; step++) {
    let channel = i32(group.y) * CHANNELS_EACH + step;
    let here = channel < OUT_CHANNELS;
    let at = select(0, tile * STRIDE_TILE + channel * STRIDE_CHANNEL, here && tile < TILES);
    let base = ((plane + channel) * OUT_HEIGHT + y) * OUT_WIDTH + x;
//#for C in 0..TILE + 2
//#for R in 0..TILE + 2
    let m_{R}_{C} = product[at + {R * (TILE + 2) + C} * STRIDE_Z];
//#end
//#if TILE == 4
    let s_{C} = m_1_{C} + m_2_{C};
    let t_{C} = m_1_{C} - m_2_{C};
    let u_{C} = m_3_{C} + m_4_{C};
    let v_{C} = m_3_{C} - m_4_{C};
    let e_0_{C} = m_0_{C} + s_{C} + u_{C};
    let e_1_{C} = fma(LARGE, v_{C}, SMALL * t_{C});
    let e_2_{C} = fma(2.0, u_{C}, 0.5 * s_{C});
    let e_3_{C} = fma(2.0 * LARGE, v_{C}, 0.5 * SMALL * t_{C}) + m_5_{C};
//#else
    let e_0_{C} = m_0_{C} + m_1_{C} + m_2_{C};
    let e_1_{C} = m_1_{C} - m_2_{C} + m_3_{C};
//#endif
//#end
//#for R in 0..TILE
    {
//#if TILE == 4
      let s = e_{R}_1 + e_{R}_2;
      let t = e_{R}_1 - e_{R}_2;
      let u = e_{R}_3 + e_{R}_4;
      let v = e_{R}_3 - e_{R}_4;
      let row_0 = e_{R}_0 + s + u;
      let row_1 = fma(LARGE, v, SMALL * t);
      let row_2 = fma(2.0, u, 0.5 * s);
      let row_3 = fma(2.0 * LARGE, v, 0.5 * SMALL * t) + e_{R}_5;
//#if ROWS_OF_4
//#if EXACT
      finish((base + {R} * OUT_WIDTH) / 4, channel, vec4f(row_0, row_1, row_2, row_3));
//#else
      if (here && y_{R}) {
        finish((base + {R} * OUT_WIDTH) / 4, channel, vec4f(row_0, row_1, row_2, row_3));
      }
//#endif
//#else
      finish(here && y_{R} && x_0, base + {R} * OUT_WIDTH, channel, row_0);
      finish(here && y_{R} && x_1, base + {R} * OUT_WIDTH + 1, channel, row_1);
      finish(here && y_{R} && x_2, base + {R} * OUT_WIDTH + 2, channel, row_2);
      finish(here && y_{R} && x_3, base + {R} * OUT_WIDTH + 3, channel, row_3);
//#endif
//#else
      finish(here && y_{R} && x_0, base + {R} * OUT_WIDTH, channel, e_{R}_0 + e_{R}_1 + e_{R}_2);
      finish(here && y_{R} && x_1, base + {R} * OUT_WIDTH + 1, channel, e_{R}_1 - e_{R}_2 + e_{R}_3);
//#endif
    }
//#end
  }
}
