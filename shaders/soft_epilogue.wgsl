// What follows the sum and its bias: residual, ReLU, and the mask of ReLU's gradient, at index `at` of the output. The kernel declares Value, the type
// that it stores at once (f32 or vec4f), and EPILOGUE, the number of the first of these bindings.
// Shape: HAS_RESIDUAL, IN_PLACE (the residual stands in the kernel's output, `out`), HAS_RELU, HAS_MASK (1 or 0), and HAS_BIAS for the kernel itself.
@group(0) @binding(EPILOGUE) var<storage, read> bias: array<f32>;
@group(0) @binding(EPILOGUE + 1) var<storage, read> residual: array<Value>;
@group(0) @binding(EPILOGUE + 2) var<storage, read> mask: array<Value>;

fn epilogue(at: i32, sum: Value) -> Value {
  var v = sum;
  if (HAS_RESIDUAL == 1) {
    v += residual[at];
  }
  if (IN_PLACE == 1) {
    v += out[at];
  }
  if (HAS_RELU == 1) {
    v = max(v, Value());
  }
  if (HAS_MASK == 1) {
    v = select(Value(), v, mask[at] > Value());
  }
  return v;
}
