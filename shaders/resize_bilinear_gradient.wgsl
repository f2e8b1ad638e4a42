// Input gradient of resize_bilinear.wgsl in gather form: dy [planes, OH, OW] -> dx [planes, H, W]: every input pixel visits the
// outputs whose source position lies within one pixel of it. One invocation per input pixel. Constants: COUNT, ROW, H, W, OH, OW.
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

// The weight that output `o` of `outputs` gives to input `i` of `inputs`.
fn weight(o: i32, i: i32, inputs: i32, outputs: i32) -> f32 {
  let f = max((f32(o) + 0.5) * (f32(inputs) / f32(outputs)) - 0.5, 0.0);
  let i0 = min(i32(f), inputs - 1);
  let i1 = min(i0 + 1, inputs - 1);
  let t = f - f32(i0);
  return select(0.0, 1.0 - t, i == i0) + select(0.0, t, i == i1);
}

// A bound on the first output that touches input i, one too low at worst.
fn first(i: i32, inputs: i32, outputs: i32) -> i32 {
  return max(i32(floor((f32(i) - 0.5) * (f32(outputs) / f32(inputs)) - 0.5)) - 1, 0);
}

fn last(i: i32, inputs: i32, outputs: i32) -> i32 {
  return select(min(i32(ceil((f32(i) + 1.5) * (f32(outputs) / f32(inputs)) - 0.5)) + 1, outputs - 1), outputs - 1, i == inputs - 1);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x) + i32(id.y) * ROW;
  if (i >= COUNT) { return; }
  let plane = i / (H * W);
  let row = i / W % H;
  let column = i % W;
  // Input 0 also takes every output whose position was clamped to it.
  let r0 = select(first(row, H, OH), 0, row == 0);
  let c0 = select(first(column, W, OW), 0, column == 0);
  var sum = 0.0;
  for (var r = r0; r <= last(row, H, OH); r++) {
    let wr = weight(r, row, H, OH);
    if (wr == 0.0) { continue; }
    for (var c = c0; c <= last(column, W, OW); c++) {
      sum += wr * weight(c, column, W, OW) * dy[(plane * OH + r) * OW + c];
    }
  }
  dx[i] = sum;
}
