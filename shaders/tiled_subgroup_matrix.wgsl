// Matrix product on tensor cores: c[m, n] = sum over k of a[m, k] * b[k, n]. Needs Dawn's chromium-experimental-subgroup-matrix with
// matrices of SM x SK times SK x SN and subgroups of 32. COMPILED ONLY: validated by Dawn's compiler, never run by the authors, who had no
// device with the feature (bench/NOTES-tiled.md); a tuner must compare it with another variant before it trusts it.
//
// a  [M, K], or [K, M] with TRANSPOSE_A
// b  [K, N], or [N, K] with TRANSPOSE_B
// c  [M, N]
//
// A workgroup of 4 subgroups owns 64 x 64; a subgroup owns a quarter, 32 x 32, as 32 / SM x 32 / SN result matrices. Both operands pass through
// workgroup memory in type T (F16: f16, else f32): that bounds-checks and turns them and makes every subgroup load an aligned one. The results
// pass through it too, for the edges and the epilogue. Sums in f32.
// Constants: the above, BK (terms a step, a multiple of SK), PAD (values added to a tile row against bank conflicts, 16 bytes), F16,
// BIAS [N], RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
enable chromium_experimental_subgroup_matrix;
//#if F16
enable f16;
alias T = f16;
//#else
alias T = f32;
//#endif
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
//#if BIAS
@group(0) @binding(B_BIAS) var<storage, read> bias: array<f32>;
//#endif
//#if RESIDUAL && !IN_PLACE
@group(0) @binding(B_RESIDUAL) var<storage, read> residual: array<f32>;
//#endif
//#if MASK
@group(0) @binding(B_MASK) var<storage, read> mask: array<f32>;
//#endif

const THREADS = 128;
const PITCH_A = BK + PAD;
const PITCH_B = 64 + PAD;
alias Left = subgroup_matrix_left<T, SK, SM>;
alias Right = subgroup_matrix_right<T, SN, SK>;
alias Sum = subgroup_matrix_result<f32, SN, SM>;

var<workgroup> tileA: array<T, 64 * PITCH_A>;
var<workgroup> tileB: array<T, BK * PITCH_B>;
var<workgroup> result: array<f32, 32 * 32>;

fn fill(me: i32, m0: i32, n0: i32, k0: i32) {
  for (var i = me; i < 64 * BK; i += THREADS) {
    // Neighbouring invocations read neighbouring addresses.
    //#if TRANSPOSE_A
    let m = i % 64;
    let k = i / 64;
    //#else
    let m = i / BK;
    let k = i % BK;
    //#endif
    var value = 0.0;
    if (m0 + m < M && k0 + k < K) {
      //#if TRANSPOSE_A
      value = a[(k0 + k) * M + m0 + m];
      //#else
      value = a[(m0 + m) * K + k0 + k];
      //#endif
    }
    tileA[m * PITCH_A + k] = T(value);
  }
  for (var i = me; i < 64 * BK; i += THREADS) {
    //#if TRANSPOSE_B
    let n = i / BK;
    let k = i % BK;
    //#else
    let n = i % 64;
    let k = i / 64;
    //#endif
    var value = 0.0;
    if (n0 + n < N && k0 + k < K) {
      //#if TRANSPOSE_B
      value = b[(n0 + n) * K + k0 + k];
      //#else
      value = b[(k0 + k) * N + n0 + n];
      //#endif
    }
    tileB[k * PITCH_B + n] = T(value);
  }
}

fn put(m: i32, n: i32, accumulated: f32) {
  if (m >= M || n >= N) { return; }
  let at = m * N + n;
  var sum = accumulated;
  //#if BIAS
  sum += bias[n];
  //#endif
  //#if IN_PLACE
  sum += c[at];
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
  c[at] = sum;
}

// The compiler can't see that local / 32 is the same throughout a subgroup.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let me = i32(local);
  let m0 = i32(group.y) * 64;
  let n0 = i32(group.x) * 64;
  let row = me / 64 * 32;
  let column = me / 32 % 2 * 32;
  //#for I in 0..32 / SM
  //#for J in 0..32 / SN
  var acc{I}_{J}: Sum;
  //#end
  //#end
  for (var k0 = 0; k0 < K; k0 += BK) {
    fill(me, m0, n0, k0);
    workgroupBarrier();
    for (var k = 0; k < BK; k += SK) {
      //#for I in 0..32 / SM
      let left{I} = subgroupMatrixLoad<Left, row_major>(&tileA, (row + {I} * SM) * PITCH_A + k, PITCH_A);
      //#end
      //#for J in 0..32 / SN
      let right{J} = subgroupMatrixLoad<Right, row_major>(&tileB, k * PITCH_B + column + {J} * SN, PITCH_B);
      //#for I in 0..32 / SM
      acc{I}_{J} = subgroupMatrixMultiplyAccumulate(left{I}, right{J}, acc{I}_{J});
      //#end
      //#end
    }
    workgroupBarrier();
  }
  // One quarter after the other: a quarter of the workgroup memory, and more workgroups at a time.
  for (var quarter = 0; quarter < 4; quarter++) {
    if (me / 32 == quarter) {
      //#for I in 0..32 / SM
      //#for J in 0..32 / SN
      subgroupMatrixStore<row_major>(&result, {I} * SM * 32 + {J} * SN, acc{I}_{J}, 32);
      //#end
      //#end
    }
    workgroupBarrier();
    for (var i = me; i < 32 * 32; i += THREADS) {
      put(m0 + quarter / 2 * 32 + i / 32, n0 + quarter % 2 * 32 + i % 32, result[i]);
    }
    workgroupBarrier();
  }
}
