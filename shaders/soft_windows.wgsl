// The table of places of a windowed product (soft_gemm.wgsl): entry w (256 bytes apart) holds the first p, q and z of window w, and RQ.
//
// place  [WINDOWS][64] i32, the first four of each entry used
// One invocation per window. Shape: WINDOWS, P_WINDOWS, Q_WINDOWS, P_STEP, Q_STEP, Z_STEP, RQ.
@group(0) @binding(0) var<storage, read_write> place: array<i32>;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let window = i32(id.x);
  if (window >= WINDOWS) {
    return;
  }
  place[window * 64] = (window % P_WINDOWS) * P_STEP;
  place[window * 64 + 1] = (window / P_WINDOWS % Q_WINDOWS) * Q_STEP;
  place[window * 64 + 2] = (window / (P_WINDOWS * Q_WINDOWS)) * Z_STEP;
  place[window * 64 + 3] = RQ;
}
