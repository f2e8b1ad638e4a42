// Winograd weight transform U = G g G^T of 3x3 kernels, packed for soft_gemm.wgsl.
//
// weight  [OUT_CHANNELS, IN_CHANNELS, 3, 3], or FLIPPED: [IN_CHANNELS, OUT_CHANNELS, 3, 3] read rotated by 180 degrees
// packed  texels of four k for each frequency (soft_packed.wgsl), row = out channel, k = input channel
// One invocation per (out channel, four input channels), both counted with their padding: padding is written as zeros.
// Shape: OUT_CHANNELS, IN_CHANNELS, K4, TILE_BLOCKS, STEP_K, STEP_Z (soft_packed.wgsl; from one frequency to the next), FOUR (4, out of the compiler's sight: it would unroll).
// Constants: FLIPPED, TILE (2 or 4: outputs per tile edge), TEXTURE_SHIFT.
@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, write>;

const EDGE = TILE + 2;
fn load(o: i32, i: i32, tap: i32) -> f32 {
  if (o >= OUT_CHANNELS || i >= IN_CHANNELS) {
    return 0.0;
  }
//#if FLIPPED
  return weight[(i * OUT_CHANNELS + o) * 9 + 8 - tap];
//#else
  return weight[(o * IN_CHANNELS + i) * 9 + tap];
//#endif
}

// One column of G g: the values of the polynomial g0 + g1 x + g2 x^2 at the interpolation points, scaled.
fn expand(g: vec3f) -> array<f32, EDGE> {
//#if TILE == 4
  let even = fma(0.5, g.z, g.x) * (-2.0 / 3.0);
  let odd = g.y * (-2.0 / 3.0 * SMALL);
  let even2 = fma(2.0, g.z, g.x) * (1.0 / 6.0);
  let odd2 = g.y * (1.0 / 6.0 * LARGE);
  return array<f32, EDGE>(g.x, even + odd, even - odd, even2 + odd2, even2 - odd2, g.z);
//#else
  let even = (g.x + g.z) * 0.5;
  let odd = g.y * 0.5;
  return array<f32, EDGE>(g.x, even + odd, even - odd, g.z);
//#endif
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let block = i32(group.z) * TILE_BLOCKS + i32(group.x);
  let o = block * 8 + i32(index);
  let k4 = i32(group.y);
//#for F in 0..(TILE + 2) * (TILE + 2)
  var u_{F} = vec4f();
//#end
  for (var i = k4 * 4; i < k4 * 4 + FOUR; i++) {
    let left = expand(vec3f(load(o, i, 0), load(o, i, 3), load(o, i, 6)));
    let middle = expand(vec3f(load(o, i, 1), load(o, i, 4), load(o, i, 7)));
    let right = expand(vec3f(load(o, i, 2), load(o, i, 5), load(o, i, 8)));
//#for R in 0..TILE + 2
    {
      let row = expand(vec3f(left[{R}], middle[{R}], right[{R}]));
//#for C in 0..TILE + 2
      u_{R * (TILE + 2) + C} = vec4f(u_{R * (TILE + 2) + C}.yzw, row[{C}]);
//#end
    }
//#end
  }
  let first = packed_at(block, k4, i32(index));
//#for F in 0..(TILE + 2) * (TILE + 2)
  {
    textureStore(packed, texel_at(first + {F} * STEP_Z * 8), u_{F});
  }
//#end
}
