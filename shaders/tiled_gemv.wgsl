// Product of few rows with a large matrix, for real GPUs: c[m, n] = sum over k of a[m, k] * b[k, n], M up to some dozens.
// Bound by reading b, so every element of b is read once per ROWS rows of a, by neighbouring invocations at neighbouring addresses.
//
// a  [M, K], or [K, M] with TRANSPOSE_A
// b  [K, N], or [N, K] with TRANSPOSE_B
// c  [M, N]
//
// A workgroup owns ROWS rows x 4 * LANES_N columns; LANES_K invocations share each column's sum, LANES_K * LANES_N = 256.
// TRANSPOSE_B: b lies along k, so the lanes of k are neighbours and take BY values each (BY = 4 where K % 4 == 0, vectors).
// Otherwise b lies along n: the lanes of n are neighbours and hold four columns each: consecutive ones with VEC_N (N % 4 == 0,
// vectors), else LANES_N apart. The sums of the lanes of k then meet in a tree in workgroup memory, CHUNK rows at a time, in fixed order.
// Constants: the above, CHUNK = min(ROWS, 4), VEC_A (BY == 4 and not TRANSPOSE_A), BIAS [N], RELU, MASK, RESIDUAL, IN_PLACE (the residual stands in the output) and the binding numbers B_*.
//#if VEC_A
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
//#else
@group(0) @binding(0) var<storage, read> a: array<f32>;
//#endif
//#if VEC_N || BY == 4
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
//#else
@group(0) @binding(1) var<storage, read> b: array<f32>;
//#endif
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

// Sums of the four columns of lane (k, n) in row r of the chunk, at (r * LANES_K + k) * LANES_N + n.
var<workgroup> sums: array<vec4<f32>, CHUNK * LANES_K * LANES_N>;

// `BY` values of row m of a from term k.
//#if BY == 4
fn loadA(m: i32, k: i32) -> vec4<f32> {
  //#if VEC_A
  return a[(m * K + k) / 4];
  //#else
  return vec4(a[k * M + m], a[(k + 1) * M + m], a[(k + 2) * M + m], a[(k + 3) * M + m]);
  //#endif
}
//#else
fn loadA(m: i32, k: i32) -> f32 {
  //#if TRANSPOSE_A
  return a[k * M + m];
  //#else
  return a[m * K + k];
  //#endif
}
//#endif

// Column j of the four of lane n.
fn columnOf(n0: i32, laneN: i32, j: i32) -> i32 {
  //#if VEC_N || TRANSPOSE_B
  return n0 + 4 * laneN + j;
  //#else
  return n0 + laneN + LANES_N * j;
  //#endif
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

@compute @workgroup_size(LANES_K * LANES_N)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let me = i32(local);
  let n0 = i32(group.x) * 4 * LANES_N;
  let m0 = i32(group.y) * ROWS;
  //#if TRANSPOSE_B
  let laneK = me % LANES_K;
  let laneN = me / LANES_K;
  //#else
  let laneN = me % LANES_N;
  let laneK = me / LANES_N;
  //#endif

  //#for R in 0..ROWS
  var acc{R} = vec4<f32>();
  // Rows and columns beyond the matrix repeat its last one and are not written.
  let row{R} = min(m0 + {R}, M - 1);
  //#end
  //#for J in 0..4
  let column{J} = min(columnOf(n0, laneN, {J}), N - 1);
  //#end
  for (var k = laneK * BY; k < K; k += LANES_K * BY) {
    //#if BY == 4
    //#for J in 0..4
    let b{J} = b[(column{J} * K + k) / 4];
    //#end
    //#for R in 0..ROWS
    let a{R} = loadA(row{R}, k);
    acc{R} += vec4(dot(a{R}, b0), dot(a{R}, b1), dot(a{R}, b2), dot(a{R}, b3));
    //#end
    //#else
    //#if VEC_N
    // Column 0 of a lane beyond the matrix is N - 1: still inside the last vector.
    let values = b[(k * N + column0) / 4];
    //#else
    //#if TRANSPOSE_B
    let values = vec4(b[column0 * K + k], b[column1 * K + k], b[column2 * K + k], b[column3 * K + k]);
    //#else
    let values = vec4(b[k * N + column0], b[k * N + column1], b[k * N + column2], b[k * N + column3]);
    //#endif
    //#endif
    //#for R in 0..ROWS
    acc{R} = fma(vec4(loadA(row{R}, k)), values, acc{R});
    //#end
    //#endif
  }

  //#for Q in 0..ROWS / CHUNK
  //#for R in 0..CHUNK
  sums[({R} * LANES_K + laneK) * LANES_N + laneN] = acc{Q * CHUNK + R};
  //#end
  for (var reach = LANES_K / 2; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (laneK < reach) {
      for (var r = 0; r < CHUNK; r++) {
        let at = (r * LANES_K + laneK) * LANES_N + laneN;
        sums[at] += sums[at + reach * LANES_N];
      }
    }
  }
  workgroupBarrier();
  if (laneK < CHUNK) {
    let sum = sums[laneK * LANES_K * LANES_N + laneN];
    let m = m0 + {Q} * CHUNK + laneK;
    //#for J in 0..4
    put(m, columnOf(n0, laneN, {J}), sum[{J}]);
    //#end
  }
  workgroupBarrier();
  //#end
}
