// Batched product for software adapters, out[z, p, q] = sum over k of P[z, p, k] Q[z, q, k]: of packed operands, or with PATCHES of packed
// weights and the patches of a packed image, which is any convolution.
//
// p_texels, q_texels  packed operands: for each z and register tile texels [k / 4][row of the tile] of four k (soft_packed.wgsl). A load of a
//         storage texture is one gather of four values in a third of the time of a sampled texture's; a storage buffer's is a branch for
//         each value of each lane.
//         PATCHES: the side of the pixels is an image (soft_image.wgsl). Pixel (image, y, x) of a GRID_HEIGHT x GRID_WIDTH grid has its first
//         tap at texel FIRST + image * IMAGE_STEP + y * PIXEL_STEP_Y + x * PIXEL_STEP_X and in the CHANNELS_4 - 1 planes after it;
//         the next tap is TAP_STEP_X texels away, and the next row of TAPS_T taps TAP_STEP_Y. With PHASES = 2 two such products, each with weights, FIRST and
//         TAPS_T of its own, make every other column of the output each.
// out     SPLIT: [z][p][q], rows counted with their padding; else the final tensor with its epilogue: p counts output channels and q pixels,
//         or with PIXELS_ON_LANES p pixels and q channels; pixel (image, y, x) of channel c lies at image * STRIDE_IMAGE +
//         c * STRIDE_CHANNEL + OUT_FIRST + y * OUT_STEP_Y + x * OUT_STEP_X
//
// One workgroup is one subgroup of 8 lanes; lanes run along p. It owns 8 * RP rows of P and RQ rows of Q (RQ % 8 = 0).
// The rows of Q are loaded once per 8 lanes and handed around within the subgroup where the device has subgroups of 8: a shuffle from a
// constant lane is one instruction, a broadcast three.
//
// All loads of an iteration come first: each is a call under a branch, and values alive across it are spilled. A storage access costs the
// driver's compiler as much as a hundred instructions, so the results are stored in loops that it can't unroll, whose accumulators move up
// (an index would be a gather): bank by bank, unit by unit, row by row, for few of them to move at a time.
//
// Constants: RP, RQ, Q_LOADS (RQ / 8 with SUBGROUPS, else RQ), TEXTURE_SHIFT, SUBGROUPS, SAMPLED (the operands are sampled textures), SPLIT, VEC4 (results are stored by fours along q;
//   always with SPLIT and PHASES = 2), PATCHES, PHASES (1; or 2 with PATCHES, not PIXELS_ON_LANES), PIXELS_ON_LANES (false with SPLIT), UNITS (stores of one row of
//   P), BANK (the units of a bank); if not SPLIT: CHANNEL_BIAS (bias by channel, else by pixel).
// Shape: P_BLOCKS, Q_BLOCKS (groups of 8 rows), P_STEP_K, Q_STEP_K, P_STEP_Z, Q_STEP_Z (from one four k and from one z to the next, in groups
//   of 8 texels), for each phase K4 and P_FIRST (where P begins, in groups of 8 texels), BANKS and BANK_UNITS (UNITS / BANK and BANK, out of the compiler's sight: it would
//   unroll); if not SPLIT: ROWS_P (8 * RP, as those two), PIXELS, CHANNELS, those named above (FIRST and TAPS_T for each phase), HAS_BIAS,
//   and those of soft_epilogue.wgsl.
//#if SUBGROUPS
enable subgroups;
//#endif

//#if VEC4
alias Value = vec4f;
const WIDE = 4;
//#else
alias Value = f32;
const WIDE = 1;
//#endif

//#if SAMPLED
alias Texels = texture_2d<f32>;

fn load(texels: Texels, at: i32) -> vec4f {
  return textureLoad(texels, texel_at(at), 0);
}
//#else
alias Texels = texture_storage_2d<rgba32float, read>;

fn load(texels: Texels, at: i32) -> vec4f {
  return textureLoad(texels, texel_at(at));
}
//#endif

@group(0) @binding(0) var p_texels: Texels;
@group(0) @binding(1) var q_texels: Texels;
@group(0) @binding(2) var<storage, read_write> out: array<Value>;
//#if !SPLIT
const EPILOGUE = 3;

struct Place {
  image: i32,
  y: i32,
  x: i32,
}

fn place_of(pixel: i32) -> Place {
  let row = quotient(pixel, GRID_WIDTH);
  let image = quotient(row, GRID_HEIGHT);
  return Place(image, row - image * GRID_HEIGHT, pixel - row * GRID_WIDTH);
}

fn finish(pixel: i32, channel: i32, sum: Value) {
  if (pixel < PIXELS && channel < CHANNELS) {
    let place = place_of(pixel);
    let offset = place.image * STRIDE_IMAGE + OUT_FIRST + place.y * OUT_STEP_Y + place.x * OUT_STEP_X;
    let at = (offset + channel * STRIDE_CHANNEL) / WIDE;
    var v = sum;
    if (HAS_BIAS == 1) {
//#if CHANNEL_BIAS
      v += bias[channel];
//#else
//#if VEC4
      v += vec4f(bias[pixel], bias[pixel + 1], bias[pixel + 2], bias[pixel + 3]);
//#else
      v += bias[pixel];
//#endif
//#endif
    }
    out[at] = epilogue(at, v);
  }
}
//#endif

//#if PATCHES
fn patch_at(first: i32, pixel: i32) -> i32 {
  let place = place_of(pixel);
  let at = first + place.image * IMAGE_STEP + place.y * PIXEL_STEP_Y + place.x * PIXEL_STEP_X;
  return select(0, at, pixel < PIXELS);
}
//#endif

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let lane = i32(index);
  let z = i32(group.z);
//#for F in 0..PHASES
//#for I in 0..RP
//#for J in 0..RQ
  var acc_{F}_{I}_{J} = 0.0;
//#end
//#end
//#end
//#for F in 0..PHASES
  {
//#for I in 0..RP
//#if PATCHES && PIXELS_ON_LANES
    var p_at_{I} = patch_at(FIRST_{F}, (i32(group.x) * RP + {I}) * 8 + lane);
//#else
    var p_at_{I} = (z * P_STEP_Z + P_FIRST_{F} + i32(group.x) * K4_{F} * P_STEP_K + {I}) * 8 + lane;
//#endif
//#end
//#for G in 0..Q_LOADS
//#if PATCHES && !PIXELS_ON_LANES
//#if SUBGROUPS
    var q_at_{G} = patch_at(FIRST_{F}, (i32(group.y) * (RQ / 8) + {G}) * 8 + lane);
//#else
    var q_at_{G} = patch_at(FIRST_{F}, i32(group.y) * RQ + {G});
//#endif
//#else
//#if SUBGROUPS
    var q_at_{G} = (z * Q_STEP_Z + i32(group.y) * K4_{F} * Q_STEP_K + {G}) * 8 + lane;
//#else
    var q_at_{G} = (z * Q_STEP_Z + i32(group.y) * K4_{F} * Q_STEP_K) * 8 + {G};
//#endif
//#endif
//#end
//#if PATCHES
    var channel_4 = 0;
    var tap = 0;
//#endif
    for (var k = 0; k < K4_{F}; k++) {
//#for I in 0..RP
      let a_{I} = load(p_texels, p_at_{I});
//#end
//#for G in 0..Q_LOADS
      let b_{G} = load(q_texels, q_at_{G});
//#end
//#for J in 0..RQ
      {
//#if SUBGROUPS
        let w = subgroupShuffle(b_{(J - J % 8) / 8}, {J % 8}u);
//#else
        let w = b_{J};
//#endif
//#for I in 0..RP
        acc_{F}_{I}_{J} = fma(a_{I}.w, w.w, fma(a_{I}.z, w.z, fma(a_{I}.y, w.y, fma(a_{I}.x, w.x, acc_{F}_{I}_{J}))));
//#end
      }
//#end
//#if PATCHES
      channel_4 += 1;
      let next_tap = channel_4 == CHANNELS_4;
      channel_4 = select(channel_4, 0, next_tap);
      tap += select(0, 1, next_tap);
      let next_row = tap == TAPS_T_{F};
      tap = select(tap, 0, next_row);
      let step = select(PLANE, TAP_STEP_X - (CHANNELS_4 - 1) * PLANE, next_tap) + select(0, TAP_STEP_Y - TAPS_T_{F} * TAP_STEP_X, next_row);
//#endif
//#for I in 0..RP
//#if PATCHES && PIXELS_ON_LANES
      p_at_{I} += step;
//#else
      p_at_{I} += P_STEP_K * 8;
//#endif
//#end
//#for G in 0..Q_LOADS
//#if PATCHES && !PIXELS_ON_LANES
      q_at_{G} += step;
//#else
      q_at_{G} += Q_STEP_K * 8;
//#endif
//#end
    }
  }
//#end
//#for I in 0..RP
//#for U in 0..UNITS
//#if PHASES == 2
  var sum_{U}_{I} = vec4f(acc_0_{I}_{2 * U}, acc_1_{I}_{2 * U}, acc_0_{I}_{2 * U + 1}, acc_1_{I}_{2 * U + 1});
//#else
//#if VEC4
  var sum_{U}_{I} = vec4f(acc_0_{I}_{4 * U}, acc_0_{I}_{4 * U + 1}, acc_0_{I}_{4 * U + 2}, acc_0_{I}_{4 * U + 3});
//#else
  var sum_{U}_{I} = acc_0_{I}_{U};
//#endif
//#endif
//#end
//#end
  let p_first = i32(group.x) * (RP * 8) + lane;
  var q = i32(group.y) * RQ;
  for (var bank = 0; bank < BANKS; bank++) {
//#for I in 0..RP
//#for U in 0..BANK
    var near_{U}_{I} = sum_{U}_{I};
//#end
//#for U in 0..UNITS - BANK
    sum_{U}_{I} = sum_{U + BANK}_{I};
//#end
//#end
    for (var unit = 0; unit < BANK_UNITS; unit++) {
//#if SPLIT
      let at = (z * P_BLOCKS * 8 + p_first) * (Q_BLOCKS * 2) + q / 4;
//#for I in 0..RP
      out[at + {I} * 16 * Q_BLOCKS] = near_0_{I};
//#end
//#else
//#for I in 0..RP
      var row_{I} = near_0_{I};
//#end
      for (var p = p_first; p < p_first + ROWS_P; p += 8) {
//#if PIXELS_ON_LANES
        finish(p, q, row_0);
//#else
        finish(q, p, row_0);
//#endif
//#for I in 0..RP - 1
        row_{I} = row_{I + 1};
//#end
      }
//#endif
//#for I in 0..RP
//#for U in 0..BANK - 1
      near_{U}_{I} = near_{U + 1}_{I};
//#end
//#end
      q += WIDE / PHASES;
    }
  }
}
