// Winograd output transform Y = A^T M A with the convolution's epilogue.
//
// product   TILES_ON_LANES: vec4s of four out channels, [frequency][tile][out channel / 4]; else [frequency][out channel][tile]; with padding:
//           frequencies STRIDE_Z apart, the next dimension PITCH (soft_gemm.wgsl with SPLIT)
// out, residual, mask  [BATCH, OUT_CHANNELS, OUT_HEIGHT, OUT_WIDTH], the images from IMAGE on
// bias      [OUT_CHANNELS]
// A tile is (image, tile row, tile column), column fastest. Lanes run along tiles; one invocation makes FOURS_EACH times four channels of one
// tile: row by row of M, so that the code stays small (a storage access is a hundred instructions).
// Shape: IMAGE, TILES, TILES_X, TILES_Y, OUT_CHANNELS, OUT_HEIGHT, OUT_WIDTH, STRIDE_Z, PITCH, FOURS_EACH, EDGE, FOUR and LINES (TILE + 2, 4 and TILE, out of
//   the compiler's sight: it would unroll), and those of soft_epilogue.wgsl.
// Constants: TILE (2 or 4), TILES_ON_LANES, ROWS_OF_4 (OUT_WIDTH % 4 = 0, TILE = 4: rows are vec4s).
//#if TILES_ON_LANES
@group(0) @binding(0) var<storage, read> product: array<vec4f>;
//#else
@group(0) @binding(0) var<storage, read> product: array<f32>;
//#endif
//#if ROWS_OF_4
alias Value = vec4f;
//#else
alias Value = f32;
//#endif
@group(0) @binding(1) var<storage, read_write> out: array<Value>;
const EPILOGUE = 2;

fn finish(at: i32, channel: i32, sum: Value) {
  var v = sum;
  if (HAS_BIAS == 1) {
    v += bias[channel];
  }
  out[at] = epilogue(at, v);
}

// Four channels of one tile and frequency.
fn load(at: i32) -> vec4f {
//#if TILES_ON_LANES
  return product[at];
//#else
  return vec4f(product[at], product[at + PITCH], product[at + 2 * PITCH], product[at + 3 * PITCH]);
//#endif
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let tile = i32(group.x) * 8 + i32(index);
  let row = quotient(tile, TILES_X);
  let image = quotient(row, TILES_Y);
  let y = (row - image * TILES_Y) * TILE;
  let x = (tile - row * TILES_X) * TILE;
//#if !ROWS_OF_4
//#for C in 0..TILE
  let x_{C} = x + {C} < OUT_WIDTH;
//#end
//#endif
  // A^T, a column for each row of M.
//#if TILE == 4
  let columns = array<vec4f, 6>(
    vec4f(1.0, 0.0, 0.0, 0.0),
    vec4f(1.0, SMALL, 0.5, 0.5 * SMALL),
    vec4f(1.0, -SMALL, 0.5, -0.5 * SMALL),
    vec4f(1.0, LARGE, 2.0, 2.0 * LARGE),
    vec4f(1.0, -LARGE, 2.0, -2.0 * LARGE),
    vec4f(0.0, 0.0, 0.0, 1.0),
  );
//#else
  let columns = array<vec4f, 4>(vec4f(1.0, 0.0, 0.0, 0.0), vec4f(1.0, 1.0, 0.0, 0.0), vec4f(1.0, -1.0, 0.0, 0.0), vec4f(0.0, 1.0, 0.0, 0.0));
//#endif
  let plane = (IMAGE + image) * OUT_CHANNELS;
  for (var step = 0; step < FOURS_EACH; step++) {
    let four = i32(group.y) * FOURS_EACH + step;
//#if TILES_ON_LANES
    var at = tile * PITCH + four;
//#else
    var at = four * 4 * PITCH + tile;
//#endif
//#for R in 0..TILE
//#for C in 0..TILE
    var y_{R}_{C} = vec4f();
//#end
//#end
    for (var row = 0; row < EDGE; row++) {
//#for C in 0..TILE + 2
      let m_{C} = load(at + {C} * STRIDE_Z);
//#end
      at += EDGE * STRIDE_Z;
//#if TILE == 4
      let s = m_1 + m_2;
      let t = m_1 - m_2;
      let u = m_3 + m_4;
      let v = m_3 - m_4;
      let e_0 = m_0 + s + u;
      let e_1 = fma(vec4f(LARGE), v, SMALL * t);
      let e_2 = fma(vec4f(2.0), u, 0.5 * s);
      let e_3 = fma(vec4f(2.0 * LARGE), v, 0.5 * SMALL * t) + m_5;
//#else
      let e_0 = m_0 + m_1 + m_2;
      let e_1 = m_1 - m_2 + m_3;
//#endif
      let weight = columns[row];
//#for R in 0..TILE
//#for C in 0..TILE
      y_{R}_{C} = fma(vec4f(weight[{R}]), e_{C}, y_{R}_{C});
//#end
//#end
    }
    // Channel by channel, and of it row by row: the next one moves up, for an index would be a gather.
    for (var channel = four * 4; channel < four * 4 + FOUR; channel++) {
//#for R in 0..TILE
//#for C in 0..TILE
      var z_{R}_{C} = y_{R}_{C}.x;
      y_{R}_{C} = y_{R}_{C}.yzwx;
//#end
//#end
      for (var line = y; line < y + LINES; line++) {
        if (tile < TILES && channel < OUT_CHANNELS && line < OUT_HEIGHT) {
          let to = ((plane + channel) * OUT_HEIGHT + line) * OUT_WIDTH + x;
//#if ROWS_OF_4
          finish(to / 4, channel, vec4f(z_0_0, z_0_1, z_0_2, z_0_3));
//#else
//#for C in 0..TILE
          if (x_{C}) {
            finish(to + {C}, channel, z_0_{C});
          }
//#end
//#endif
        }
//#for R in 0..TILE - 1
//#for C in 0..TILE
        z_{R}_{C} = z_{R + 1}_{C};
//#end
//#end
      }
    }
  }
}
