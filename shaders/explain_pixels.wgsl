// Maps of single pixels from the gradient of the explained logit at the image.
// x [N, 3, PIXELS] in [0, 1], gradient [N, 3, PIXELS]; out map [N, PIXELS]:
//   INPUT: sum over the channels of x times the gradient, signed (Shrikumar et al. 2016);
//   else:  the largest magnitude of the gradient among the channels (saliency, Simonyan et al. 2014).
// One invocation a pixel; workgroups (ceil(PIXELS / WG), N).
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let pixel = i32(id.x);
  let image = i32(id.y);
  if (pixel >= PIXELS) {
    return;
  }
  var value = 0.0;
  for (var c = 0; c < 3; c++) {
    let at = (3 * image + c) * PIXELS + pixel;
//#if INPUT
    value += x[at] * gradient[at];
//#else
    value = max(value, abs(gradient[at]));
//#endif
  }
  map[image * PIXELS + pixel] = value;
}
