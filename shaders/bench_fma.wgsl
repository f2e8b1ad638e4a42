// The adapter's multiply-add ceiling: every invocation runs ROUNDS rounds of 8 independent chains of fma. y [COUNT] keeps the sums alive.
// Flops per invocation: ROUNDS * 16 * 2. Constants: ROUNDS, COUNT.
@group(0) @binding(0) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = y[id.x];
  //#for I in 0..8
  var a{I} = x + f32({I});
  //#end
  for (var r = 0; r < ROUNDS; r++) {
    //#for J in 0..2
    //#for I in 0..8
    a{I} = fma(a{I}, 0.999, x);
    //#end
    //#end
  }
  y[id.x] = ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7));
}
