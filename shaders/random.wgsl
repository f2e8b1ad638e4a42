// Counter-based random numbers: pcg4d of Jarzynski and Olano (Hash Functions for GPU Rendering, JCGT 9(3), 2020), four words from four:
// (seed, image, element, step). What an image gets depends neither on its batch nor on the adapter; attack/random.ts has the same.
fn random4(seed: u32, image: u32, element: u32, step: u32) -> vec4u {
  var v = vec4u(seed, image, element, step) * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// Uniform in [0, 1), of 24 bits: exact in f32.
fn uniform01(word: u32) -> f32 {
  return f32(word >> 8u) * 0x1p-24f;
}

// Two independent N(0, 1) values (Box-Muller).
fn normal2(a: u32, b: u32) -> vec2f {
  let radius = sqrt(-2.0 * log((f32(a >> 8u) + 0.5) * 0x1p-24f));
  let angle = 6.283185307179586 * uniform01(b);
  return radius * vec2f(cos(angle), sin(angle));
}
