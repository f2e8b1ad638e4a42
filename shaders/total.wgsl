// Sum and maximum of a value of each of a workgroup's WG (a power of two) invocations i, as trees in workgroup memory.
var<workgroup> partial: array<f32, WG>;

fn total(value: f32, i: i32) -> f32 {
  partial[i] = value;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      partial[i] += partial[i + stride];
    }
    workgroupBarrier();
  }
  let sum = partial[0];
  workgroupBarrier();
  return sum;
}

fn largest(value: f32, i: i32) -> f32 {
  partial[i] = value;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      partial[i] = max(partial[i], partial[i + stride]);
    }
    workgroupBarrier();
  }
  let most = partial[0];
  workgroupBarrier();
  return most;
}
