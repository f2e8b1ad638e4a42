// Re-layout of a weight for the tiled kernels: from any order to rows of four output channels, so that tile loads are whole vectors.
// source [..] f32 -> packed [C * T rows][MP / 4], zero beyond M; row = c * T + t, or t * C + c with TAP_MAJOR.
// The element (c, t, m) is source[c * STRIDE_C + m * STRIDE_M + t], with the taps t counted backwards where FLIPPED.
// One invocation per vector. Constants: COUNT = C * T * MP / 4, ROW (invocations per y), the above, F16 (packs to f16).
//#if F16
enable f16;
alias Out4 = vec4<f16>;
//#else
alias Out4 = vec4<f32>;
//#endif
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<Out4>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let m = i % (MP / 4) * 4;
  let row = i / (MP / 4);
  //#if TAP_MAJOR
  let c = row % C;
  let t = row / C;
  //#else
  let c = row / T;
  let t = row % T;
  //#endif
  //#if FLIPPED
  let at = c * STRIDE_C + T - 1 - t;
  //#else
  let at = c * STRIDE_C + t;
  //#endif
  var values = vec4<f32>();
  //#for J in 0..4
  if (m + {J} < M) { values[{J}] = source[at + (m + {J}) * STRIDE_M]; }
  //#end
  packed[i] = Out4(values);
}
