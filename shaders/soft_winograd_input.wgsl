// Winograd input transform V = B^T d B, packed for soft_gemm.wgsl.
//
// input   [BATCH, IN_CHANNELS, IN_HEIGHT, IN_WIDTH], of which the images from IMAGE on are read
// packed  texels of four k for each frequency (soft_packed.wgsl), row = tile, k = input channel
// A tile is (image, tile row, tile column), column fastest. Lanes run along tiles; one invocation makes four channels of one tile, both
// counted with their padding: padding is written as zeros.
// Shape: IMAGE, TILES, TILES_X, TILES_Y, TILE_BLOCKS, STEP_K, STEP_Z (soft_packed.wgsl; from one frequency to the next), IN_CHANNELS, IN_HEIGHT, IN_WIDTH, PAD_Y, PAD_X, K4, FOUR (4, out of the
//   compiler's sight: it would unroll).
// Constants: TILE (2 or 4: outputs per tile edge), TEXTURE_SHIFT, ROWS_OF_4 (IN_WIDTH % 4 = 0, TILE = 4, PAD_X = 1: inner columns load as vec4s), NEIGHBOURS
//   (ROWS_OF_4, 8 % TILES_X = 0 and subgroups of 8: the outer columns are those of other lanes).
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;
//#if NEIGHBOURS
enable subgroups;
//#endif
//#if ROWS_OF_4
@group(0) @binding(2) var<storage, read> input_4: array<vec4f>;
//#endif

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let block = i32(group.z) * TILE_BLOCKS + i32(group.x);
  let tile = block * 8 + i32(index);
  let row = quotient(tile, TILES_X);
  let image = quotient(row, TILES_Y);
  let y = (row - image * TILES_Y) * TILE - PAD_Y;
  let x = (tile - row * TILES_X) * TILE - PAD_X;
  let plane = (IMAGE + image) * IN_CHANNELS;
//#for R in 0..TILE + 2
  let y_{R} = tile < TILES && y + {R} >= 0 && y + {R} < IN_HEIGHT;
  let x_{R} = x + {R} >= 0 && x + {R} < IN_WIDTH;
//#end
  let origin = y * IN_WIDTH + x;
//#for F in 0..(TILE + 2) * (TILE + 2)
  var texel_{F} = vec4f();
//#end
  let k4 = i32(group.y);
  for (var channel = k4 * 4; channel < k4 * 4 + FOUR; channel++) {
    let here = channel < IN_CHANNELS;
    let base = (plane + channel) * (IN_HEIGHT * IN_WIDTH) + origin;
//#if ROWS_OF_4
//#for R in 0..6
    let row_{R} = here && y_{R};
    let inner_{R} = select(vec4f(), input_4[select(0, (base + {R} * IN_WIDTH + 1) / 4, row_{R} && x_1)], row_{R} && x_1);
//#if NEIGHBOURS
    let d_{R}_0 = select(0.0, subgroupShuffle(inner_{R}.w, (index + 7u) % 8u), x_0);
//#else
    let d_{R}_0 = select(0.0, input[select(0, base + {R} * IN_WIDTH, row_{R} && x_0)], row_{R} && x_0);
//#endif
    let d_{R}_1 = inner_{R}.x;
    let d_{R}_2 = inner_{R}.y;
    let d_{R}_3 = inner_{R}.z;
    let d_{R}_4 = inner_{R}.w;
//#if NEIGHBOURS
    let d_{R}_5 = select(0.0, subgroupShuffle(inner_{R}.x, (index + 1u) % 8u), x_5);
//#else
    let d_{R}_5 = select(0.0, input[select(0, base + {R} * IN_WIDTH + 5, row_{R} && x_5)], row_{R} && x_5);
//#endif
//#end
//#else
//#for R in 0..TILE + 2
//#for C in 0..TILE + 2
    let ok_{R}_{C} = here && y_{R} && x_{C};
    let d_{R}_{C} = select(0.0, input[select(0, base + {R} * IN_WIDTH + {C}, ok_{R}_{C})], ok_{R}_{C});
//#end
//#end
//#endif
//#if TILE == 4
//#for C in 0..6
    let s_{C} = fma(-2.0, d_2_{C}, d_4_{C});
    let t_{C} = SMALL * fma(-2.0, d_1_{C}, d_3_{C});
    let u_{C} = fma(-0.5, d_2_{C}, d_4_{C});
    let v_{C} = LARGE * fma(-0.5, d_1_{C}, d_3_{C});
    let e_0_{C} = fma(-2.5, d_2_{C}, d_0_{C} + d_4_{C});
    let e_1_{C} = s_{C} + t_{C};
    let e_2_{C} = s_{C} - t_{C};
    let e_3_{C} = u_{C} + v_{C};
    let e_4_{C} = u_{C} - v_{C};
    let e_5_{C} = fma(-2.5, d_3_{C}, d_1_{C} + d_5_{C});
//#end
//#for R in 0..6
    {
      let s = fma(-2.0, e_{R}_2, e_{R}_4);
      let t = SMALL * fma(-2.0, e_{R}_1, e_{R}_3);
      let u = fma(-0.5, e_{R}_2, e_{R}_4);
      let v = LARGE * fma(-0.5, e_{R}_1, e_{R}_3);
      texel_{R * 6} = vec4f(texel_{R * 6}.yzw, fma(-2.5, e_{R}_2, e_{R}_0 + e_{R}_4));
      texel_{R * 6 + 1} = vec4f(texel_{R * 6 + 1}.yzw, s + t);
      texel_{R * 6 + 2} = vec4f(texel_{R * 6 + 2}.yzw, s - t);
      texel_{R * 6 + 3} = vec4f(texel_{R * 6 + 3}.yzw, u + v);
      texel_{R * 6 + 4} = vec4f(texel_{R * 6 + 4}.yzw, u - v);
      texel_{R * 6 + 5} = vec4f(texel_{R * 6 + 5}.yzw, fma(-2.5, e_{R}_3, e_{R}_1 + e_{R}_5));
    }
//#end
//#else
//#for C in 0..4
    let e_0_{C} = d_0_{C} - d_2_{C};
    let e_1_{C} = d_1_{C} + d_2_{C};
    let e_2_{C} = d_2_{C} - d_1_{C};
    let e_3_{C} = d_3_{C} - d_1_{C};
//#end
//#for R in 0..4
    texel_{R * 4} = vec4f(texel_{R * 4}.yzw, e_{R}_0 - e_{R}_2);
    texel_{R * 4 + 1} = vec4f(texel_{R * 4 + 1}.yzw, e_{R}_1 + e_{R}_2);
    texel_{R * 4 + 2} = vec4f(texel_{R * 4 + 2}.yzw, e_{R}_2 - e_{R}_1);
    texel_{R * 4 + 3} = vec4f(texel_{R * 4 + 3}.yzw, e_{R}_3 - e_{R}_1);
//#end
//#endif
  }
  let first = packed_at(block, k4, i32(index));
//#for F in 0..(TILE + 2) * (TILE + 2)
  {
    textureStore(packed, texel_at(first + {F} * STEP_Z * 8), texel_{F});
  }
//#end
}
