// The least of a value of each of a workgroup's WG (a power of two) invocations i, and the index that goes with it; the lowest index of equals.
struct Least { value: f32, index: i32 }

var<workgroup> leastValue: array<f32, WG>;
var<workgroup> leastIndex: array<i32, WG>;

fn least(value: f32, index: i32, i: i32) -> Least {
  leastValue[i] = value;
  leastIndex[i] = index;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      let other = leastValue[i + stride];
      if (other < leastValue[i] || (other == leastValue[i] && leastIndex[i + stride] < leastIndex[i])) {
        leastValue[i] = other;
        leastIndex[i] = leastIndex[i + stride];
      }
    }
    workgroupBarrier();
  }
  let first = Least(leastValue[0], leastIndex[0]);
  workgroupBarrier();
  return first;
}
