// Matrix product with tiles in workgroup memory, for real GPUs: c[m, n] = sum over k of a[m, k] * b[k, n], for COPIES independent products.
//
// a  [COPIES][M, K], or [K, M] with TRANSPOSE_A; as vectors of four with VEC_A (TRANSPOSE_A, M % 4 == 0)
// b  [COPIES][K, N], or [N, K] with TRANSPOSE_B; as vectors of four with VEC_B (not TRANSPOSE_B, N % 4 == 0)
//    F16: packed to f16 and padded, [K][NP / 4] (VEC_B, tiled_pack.wgsl)
// c  [COPIES][M, N], as vectors of four with VEC_C (N % 4 == 0); with SPLIT > 1 partial sums [SPLIT][M, N] for tiled_reduce.wgsl
//
// A workgroup owns BM x BN of one product and one of SPLIT parts of k; an invocation owns TM x TN. Double buffer as in tiled_conv.wgsl.
// An operand that is stored along k is loaded with neighbouring invocations along k and turned on its way into workgroup memory; its
// tile rows are padded by a slot (PA, PB), so that those writes fall into different banks.
// Slot s of a row holds four columns: consecutive ones (VEC_B or VEC_C), else s, s + SB, s + 2 SB, s + 3 SB, so that single stores
// coalesce; rows likewise (VEC_A).
// Constants: the above, BK, THREADS = BM / TM * BN / TN, LOADS_A, LOADS_B, F16, BIAS [N], RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
//#if F16
enable f16;
alias Value = f16;
alias Tile4 = vec4<f16>;
//#else
alias Value = f32;
alias Tile4 = vec4<f32>;
//#endif
//#if VEC_A
alias A = vec4<f32>;
//#else
alias A = f32;
//#endif
//#if F16
alias B = vec4<f16>;
//#else
//#if VEC_B
alias B = vec4<f32>;
//#else
alias B = f32;
//#endif
//#endif
//#if VEC_C
alias Out = vec4<f32>;
const STEP = 4;
//#else
alias Out = f32;
const STEP = 1;
//#endif
@group(0) @binding(0) var<storage, read> a: array<A>;
@group(0) @binding(1) var<storage, read> b: array<B>;
@group(0) @binding(2) var<storage, read_write> c: array<Out>;
//#if BIAS
@group(0) @binding(B_BIAS) var<storage, read> bias: array<Out>;
//#endif
//#if RESIDUAL && !IN_PLACE
@group(0) @binding(B_RESIDUAL) var<storage, read> residual: array<Out>;
//#endif
//#if MASK
@group(0) @binding(B_MASK) var<storage, read> mask: array<Out>;
//#endif

const SA = BM / 4;
const SB = BN / 4;
const GX = BN / TN;
const GY = BM / TM;

var<workgroup> tileA: array<Tile4, 2 * BK * PA>;
var<workgroup> tileB: array<Tile4, 2 * BK * PB>;

// Four rows of a at term k: those of `slot` in the block that starts at m0.
fn loadA(copy: i32, k: i32, m0: i32, slot: i32) -> Tile4 {
  //#if VEC_A
  let m = m0 + 4 * slot;
  if (k >= K || m >= M) { return Tile4(); }
  return Tile4(a[(copy * K + k) * (M / 4) + m / 4]);
  //#else
  var values = Tile4();
  //#for J in 0..4
  {
    let m = m0 + slot + {J} * SA;
    //#if TRANSPOSE_A
    if (k < K && m < M) { values[{J}] = Value(a[(copy * K + k) * M + m]); }
    //#else
    if (k < K && m < M) { values[{J}] = Value(a[(copy * M + m) * K + k]); }
    //#endif
  }
  //#end
  return values;
  //#endif
}

fn loadB(copy: i32, k: i32, n0: i32, slot: i32) -> Tile4 {
  //#if VEC_B
  let n = n0 + 4 * slot;
  if (k >= K || n >= NP) { return Tile4(); }
  return Tile4(b[(copy * K + k) * (NP / 4) + n / 4]);
  //#else
  var values = Tile4();
  //#for J in 0..4
  {
    //#if VEC_C
    let n = n0 + 4 * slot + {J};
    //#else
    let n = n0 + slot + {J} * SB;
    //#endif
    //#if TRANSPOSE_B
    if (k < K && n < N) { values[{J}] = b[(copy * N + n) * K + k]; }
    //#else
    if (k < K && n < N) { values[{J}] = b[(copy * K + k) * N + n]; }
    //#endif
  }
  //#end
  return values;
  //#endif
}

// `at`: index in c, `column`: index in bias, both in steps of Out.
fn put(at: i32, column: i32, accumulated: Out) {
  var sum = accumulated;
  //#if BIAS
  sum += bias[column];
  //#endif
  //#if IN_PLACE
  sum += c[at];
  //#else
  //#if RESIDUAL
  sum += residual[at];
  //#endif
  //#endif
  //#if RELU
  sum = max(sum, Out());
  //#endif
  //#if MASK
  sum = select(Out(), sum, mask[at] > Out());
  //#endif
  c[at] = sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let me = i32(local);
  let m0 = i32(group.y) * BM;
  let n0 = i32(group.x) * BN;
  let copy = i32(group.z) / SPLIT;
  let split = i32(group.z) % SPLIT;
  let tiles = (K + BK - 1) / BK;
  let each = (tiles + SPLIT - 1) / SPLIT;
  let first = min(tiles, split * each);
  let last = min(tiles, first + each);
  let tx = me % GX;
  let ty = me / GX;

  //#for I in 0..TM
  //#for J in 0..TN / 4
  var acc{I}_{J} = vec4<f32>();
  //#end
  //#end
  //#for L in 0..LOADS_A
  var nextA{L} = Tile4();
  //#if TRANSPOSE_A
  let rowA{L} = (me + {L} * THREADS) / SA;
  let slotA{L} = (me + {L} * THREADS) % SA;
  //#else
  let rowA{L} = (me + {L} * THREADS) % BK;
  let slotA{L} = (me + {L} * THREADS) / BK;
  //#endif
  //#end
  //#for L in 0..LOADS_B
  var nextB{L} = Tile4();
  //#if TRANSPOSE_B
  let rowB{L} = (me + {L} * THREADS) % BK;
  let slotB{L} = (me + {L} * THREADS) / BK;
  //#else
  let rowB{L} = (me + {L} * THREADS) / SB;
  let slotB{L} = (me + {L} * THREADS) % SB;
  //#endif
  //#end

  // Iteration `first - 1` only fetches, the last one only multiplies.
  for (var q = first - 1; q < last; q++) {
    let fetch = q + 1;
    if (fetch < last) {
      //#for L in 0..LOADS_A
      nextA{L} = loadA(copy, fetch * BK + rowA{L}, m0, slotA{L});
      //#end
      //#for L in 0..LOADS_B
      nextB{L} = loadB(copy, fetch * BK + rowB{L}, n0, slotB{L});
      //#end
    }
    if (q >= first) {
      let half = (q - first) % 2;
      for (var k = half * BK; k < (half + 1) * BK; k++) {
        //#for I in 0..TM / 4
        let a{I} = vec4<f32>(tileA[k * PA + ty + {I} * GY]);
        //#end
        //#for J in 0..TN / 4
        let b{J} = vec4<f32>(tileB[k * PB + tx + {J} * GX]);
        //#end
        //#for I in 0..TM
        //#for J in 0..TN / 4
        acc{I}_{J} = fma(vec4<f32>(a{(I - I % 4) / 4}[{I % 4}]), b{J}, acc{I}_{J});
        //#end
        //#end
      }
    }
    if (fetch < last) {
      let half = (fetch - first) % 2;
      // Small tiles have fewer slots than there are invocations.
      //#for L in 0..LOADS_A
      if (rowA{L} < BK && slotA{L} < SA) { tileA[(half * BK + rowA{L}) * PA + slotA{L}] = nextA{L}; }
      //#end
      //#for L in 0..LOADS_B
      if (rowB{L} < BK && slotB{L} < SB) { tileB[(half * BK + rowB{L}) * PB + slotB{L}] = nextB{L}; }
      //#end
    }
    workgroupBarrier();
  }

  //#for I in 0..TM
  {
    //#if VEC_A
    let m = m0 + 4 * (ty + {(I - I % 4) / 4} * GY) + {I % 4};
    //#else
    let m = m0 + ty + {(I - I % 4) / 4} * GY + {I % 4} * SA;
    //#endif
    let row = ((split + copy) * M + m) * (N / STEP);
    //#for J in 0..TN / 4
    {
      let slot = tx + {J} * GX;
      //#if VEC_C
      let column = n0 / 4 + slot;
      if (m < M && column < N / 4) { put(row + column, column, acc{I}_{J}); }
      //#else
      //#for V in 0..4
      {
        //#if VEC_B
        let column = n0 + 4 * slot + {V};
        //#else
        let column = n0 + slot + {V} * SB;
        //#endif
        if (m < M && column < N) { put(row + column, column, acc{I}_{J}[{V}]); }
      }
      //#end
      //#endif
    }
    //#end
  }
  //#end
}
