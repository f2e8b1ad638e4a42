// Batched product of packed operands for software adapters: out[z, p, q] = sum over k of P[z, p, k] Q[z, q, k].
//
// P, Q    uniform windows of packed operands, [z][row / 8][k / 4][row % 8][k % 4], one pair of bindings per slice of k
//         (SLICES slices of 4 * K4 values). A uniform load is branch-free where a storage load is a masked loop over lanes.
// place   uniform: where this window's results go: first p, first q, first z, and RQ, as a number that the compiler can't see
// out     SPLIT: out[z * STRIDE_Z + p * STRIDE_P + q * STRIDE_Q], else the final tensor with its epilogue
//
// One workgroup is one subgroup of 8 lanes; lanes run along p. It owns 8 * RP rows of P and RQ rows of Q (RQ % 8 = 0).
// The rows of Q are loaded once per 8 lanes and broadcast within the subgroup where the device has subgroups of 8.
//
// A storage access costs the driver's compiler as much as a hundred instructions, so the results are stored in a loop that it can't
// unroll; with LOOP_STORE false (SPLIT only) they are not, which runs faster where k is short.
//
// Constants: LENGTH (vec4s of a window), SLICES, RP, RQ, LOOP_STORE, SUBGROUPS, SPLIT; if not SPLIT: PIXELS_ON_LANES (p counts output pixels, q
//   channels; else swapped), EXACT (no padded rows), BIAS, RESIDUAL, RELU, MASK, CHANNEL_BIAS.
// Shape: P_BLOCKS, Q_BLOCKS (groups of 8 rows per z in a window), K4, STRIDE_Z, STRIDE_P, STRIDE_Q; if not SPLIT: PIXELS, CHANNELS, IMAGE_WIDTH,
//   IMAGE_PIXELS, STRIDE_IMAGE, STRIDE_CHANNEL, STRIDE_Y, STRIDE_X, ORIGIN.
//#if SUBGROUPS
enable subgroups;
//#endif

//#for S in 0..SLICES
@group(0) @binding({2 * S}) var<uniform> p_{S}: array<vec4f, LENGTH>;
@group(0) @binding({2 * S + 1}) var<uniform> q_{S}: array<vec4f, LENGTH>;
//#end
//#for S in SLICES..SLICES + 1
@group(0) @binding({2 * S}) var<uniform> place: vec4i;
@group(0) @binding({2 * S + 1}) var<storage, read_write> out: array<f32>;
//#if !SPLIT
//#if BIAS
@group(0) @binding({2 * S + 2}) var<storage, read> bias: array<f32>;
//#endif
//#if RESIDUAL
@group(0) @binding({2 * S + 2 + BIAS}) var<storage, read> residual: array<f32>;
//#endif
//#if MASK
@group(0) @binding({2 * S + 2 + BIAS + RESIDUAL}) var<storage, read> mask: array<f32>;
//#endif
//#endif
//#end

//#if !SPLIT
// Quotient of integers by way of f32, which lanes divide at once, where the driver would divide integers one by one. Exact for 0 <= a < 2^21.
fn quotient(a: i32, b: i32) -> i32 {
  return i32((f32(a) + 0.5) / f32(b));
}

fn pixel_offset(pixel: i32) -> i32 {
  let image = quotient(pixel, IMAGE_PIXELS);
  let rest = pixel - image * IMAGE_PIXELS;
  let y = quotient(rest, IMAGE_WIDTH);
  return ORIGIN + image * STRIDE_IMAGE + y * STRIDE_Y + (rest - y * IMAGE_WIDTH) * STRIDE_X;
}

fn finish(pixel: i32, offset: i32, channel: i32, sum: f32) {
  if (EXACT || (pixel < PIXELS && channel < CHANNELS)) {
    let at = offset + channel * STRIDE_CHANNEL;
    var v = sum;
//#if BIAS
//#if CHANNEL_BIAS
    v += bias[channel];
//#else
    v += bias[pixel];
//#endif
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

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let lane = i32(index);
  let p_base = (i32(group.z) * P_BLOCKS + i32(group.x) * RP) * K4 * 8 + lane;
  let q_base = (i32(group.z) * Q_BLOCKS + i32(group.y) * (RQ / 8)) * K4 * 8;
//#for I in 0..RP
//#for J in 0..RQ
  var acc_{I}_{J} = 0.0;
//#end
//#end
//#for S in 0..SLICES
  for (var k = 0; k < K4 * 8; k += 8) {
//#for I in 0..RP
    let a_{I} = p_{S}[p_base + {I} * K4 * 8 + k];
//#end
//#for G in 0..RQ / 8
    {
//#if SUBGROUPS
      let b = q_{S}[q_base + {G} * K4 * 8 + k + lane];
//#endif
//#for L in 0..8
      {
//#if SUBGROUPS
        let w = vec4f(subgroupBroadcast(b.x, {L}u), subgroupBroadcast(b.y, {L}u), subgroupBroadcast(b.z, {L}u), subgroupBroadcast(b.w, {L}u));
//#else
        let w = q_{S}[q_base + {G} * K4 * 8 + k + {L}];
//#endif
//#for I in 0..RP
        acc_{I}_{G * 8 + L} = fma(a_{I}.w, w.w, fma(a_{I}.z, w.z, fma(a_{I}.y, w.y, fma(a_{I}.x, w.x, acc_{I}_{G * 8 + L}))));
//#end
      }
//#end
    }
//#end
  }
//#end
  let p_first = place.x + i32(group.x) * (RP * 8) + lane;
  let q_first = place.y + i32(group.y) * RQ;
//#if LOOP_STORE
//#for I in 0..RP
  var sums_{I}: array<f32, RQ>;
//#for J in 0..RQ
  sums_{I}[{J}] = acc_{I}_{J};
//#end
//#end
//#endif
//#if SPLIT
  let at = (place.z + i32(group.z)) * STRIDE_Z + p_first * STRIDE_P + q_first * STRIDE_Q;
//#if LOOP_STORE
  for (var j = 0; j < place.w; j++) {
//#for I in 0..RP
    out[at + {I} * 8 * STRIDE_P + j * STRIDE_Q] = sums_{I}[j];
//#end
  }
//#else
//#for I in 0..RP
//#for J in 0..RQ
  out[at + {I} * 8 * STRIDE_P + {J} * STRIDE_Q] = acc_{I}_{J};
//#end
//#end
//#endif
//#else
//#if PIXELS_ON_LANES
//#for I in 0..RP
  let offset_{I} = pixel_offset(p_first + {I} * 8);
//#end
  for (var j = 0; j < place.w; j++) {
//#for I in 0..RP
    finish(p_first + {I} * 8, offset_{I}, q_first + j, sums_{I}[j]);
//#end
  }
//#else
  for (var j = 0; j < place.w; j++) {
    let offset = pixel_offset(q_first + j);
//#for I in 0..RP
    finish(q_first + j, offset, p_first + {I} * 8, sums_{I}[j]);
//#end
  }
//#endif
//#endif
}
