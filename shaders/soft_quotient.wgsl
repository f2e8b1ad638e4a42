// Quotient of integers by way of f32, which lanes divide at once, where the driver would divide integers one by one. Exact for 0 <= a < 2^21.
fn quotient(a: i32, b: i32) -> i32 {
  return i32((f32(a) + 0.5) / f32(b));
}
