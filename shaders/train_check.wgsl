// Sets report[1] to CODE where one of TENSORS tensors, of COUNT_0, COUNT_1, ... values, holds what is no number: ReLU's maximum would hide it from the loss.
// One workgroup. Constants: CODE, TENSORS, COUNT_0, ... Before it: train_finite.wgsl.
//#for T in 0..TENSORS
@group(0) @binding({T}) var<storage, read> tensor_{T}: array<f32>;
//#end
@group(0) @binding(TENSORS) var<storage, read_write> report: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var good = true;
  //#for T in 0..TENSORS
  for (var i = i32(lane); i < COUNT_{T}; i += 64) { good = good && finite(tensor_{T}[i]); }
  //#end
  if (!good && report[1] == 0.0) { report[1] = CODE; }
}
