// The perturbation of adversarial training, [BATCH, ELEMENTS] in units of pixels in [0, 1].
// KIND 0: delta = uniform in (-LIMIT, LIMIT), by (seed, image, element, step).  1: delta = clamp(delta + RATE * sign(gradient), -LIMIT, LIMIT).
// KIND 2: shown = clamp(x + delta, 0, 1). One invocation per value. Constants: KIND, COUNT, ROW; KIND 0: LIMIT, ELEMENTS, STREAM; 1: LIMIT, RATE.
// Before it: random.wgsl.
//#if KIND == 0
@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read_write> delta: array<f32>;
//#endif
//#if KIND == 1
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> delta: array<f32>;
//#endif
//#if KIND == 2
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read_write> shown: array<f32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  //#if KIND == 0
  let word = random4(key[0], ids[i / ELEMENTS], u32(i % ELEMENTS + STREAM), key[1]).x;
  delta[i] = LIMIT * (2.0 * uniform01(word) - 1.0);
  //#endif
  //#if KIND == 1
  delta[i] = clamp(delta[i] + RATE * sign(gradient[i]), -LIMIT, LIMIT);
  //#endif
  //#if KIND == 2
  shown[i] = clamp(x[i] + delta[i], 0.0, 1.0);
  //#endif
}
