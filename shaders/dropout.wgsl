// y = x / (1 - RATE) where a random number is not below RATE, else 0. key: seed and step; the random number is that of (seed, element, STREAM, step), so the gradient,
// which is the same map of the cotangent, drops the same elements. One invocation per value. Constants: COUNT, ROW, RATE, STREAM. Before it: random.wgsl.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let word = random4(key[0], u32(i), u32(STREAM), key[1]).x;
  y[i] = select(0.0, x[i] / (1.0 - RATE), uniform01(word) >= RATE);
}
