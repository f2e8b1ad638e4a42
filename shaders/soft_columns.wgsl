// The last step of a convolution, or of a convolution's input gradient, made as one product per pixel of its source: adds up the columns that
// meet in an output element (col2im), with the epilogue.
//
// columns  vec4s of four channels, [pixel * STRIDE_PIXEL + tap * STRIDE_TAP + channel / 4], pixel = (image, y, x) of the SOURCE_HEIGHT x
//          SOURCE_WIDTH source
// out, residual, mask  [BATCH, CHANNELS, HEIGHT, WIDTH]; bias [CHANNELS]
// GRADIENT: output y collects source y' = (y + PAD_Y - r) / STRIDE_Y where that divides; else y' = y * STRIDE_Y + r - PAD_Y, with the taps
// stored rotated by 180 degrees.
// Lanes run along output pixels; a workgroup makes FOURS_EACH times four channels of 8 pixels.
// Constants: GRADIENT, KH, KW, STRIDE_Y, STRIDE_X, TAPS_R, TAPS_T (taps that can meet in one output: KH, KW, or with GRADIENT the share of one
//   phase of the stride). Shape: FOURS_EACH, FOUR (4, out of the compiler's sight: it would unroll), PIXELS (BATCH * HEIGHT * WIDTH), HAS_BIAS,
//   HAS_RESIDUAL, HAS_RELU, HAS_MASK (1 or 0) and the others above.
@group(0) @binding(0) var<storage, read> columns: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
alias Value = f32;
const EPILOGUE = 2;

fn finish(ok: bool, at: i32, channel: i32, sum: f32) {
  if (ok) {
    var v = sum;
    if (HAS_BIAS == 1) {
      v += bias[channel];
    }
    out[at] = epilogue(at, v);
  }
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
  let pixel = i32(group.x) * 8 + i32(index);
  let line = quotient(pixel, WIDTH);
  let image = quotient(line, HEIGHT);
  let y = line - image * HEIGHT;
  let x = pixel - line * WIDTH;
  let base = image * (SOURCE_HEIGHT * SOURCE_WIDTH) * STRIDE_PIXEL;
//#if GRADIENT
  let r_first = (y + PAD_Y) % STRIDE_Y;
  let t_first = (x + PAD_X) % STRIDE_X;
//#endif
//#for R in 0..TAPS_R
//#if GRADIENT
  let r_{R} = r_first + {R} * STRIDE_Y;
  let y_{R} = (y + PAD_Y - r_first) / STRIDE_Y - {R};
//#else
  let r_{R} = KH - 1 - {R};
  let y_{R} = y * STRIDE_Y + {R} - PAD_Y;
//#endif
  let y_ok_{R} = pixel < PIXELS && r_{R} < KH && y_{R} >= 0 && y_{R} < SOURCE_HEIGHT;
//#end
//#for T in 0..TAPS_T
//#if GRADIENT
  let t_{T} = t_first + {T} * STRIDE_X;
  let x_{T} = (x + PAD_X - t_first) / STRIDE_X - {T};
//#else
  let t_{T} = KW - 1 - {T};
  let x_{T} = x * STRIDE_X + {T} - PAD_X;
//#endif
  let x_ok_{T} = t_{T} < KW && x_{T} >= 0 && x_{T} < SOURCE_WIDTH;
//#end
//#for R in 0..TAPS_R
//#for T in 0..TAPS_T
  let at_{R}_{T} = base + (r_{R} * KW + t_{T}) * STRIDE_TAP + (y_{R} * SOURCE_WIDTH + x_{T}) * STRIDE_PIXEL;
//#end
//#end
  let ok = pixel < PIXELS;
  let plane = image * CHANNELS * (HEIGHT * WIDTH) + y * WIDTH + x;
  for (var step = 0; step < FOURS_EACH; step++) {
    let four = i32(group.y) * FOURS_EACH + step;
    var sum = vec4f();
//#for R in 0..TAPS_R
//#for T in 0..TAPS_T
    sum += select(vec4f(), columns[select(0, at_{R}_{T} + four, y_ok_{R} && x_ok_{T})], y_ok_{R} && x_ok_{T});
//#end
//#end
    for (var channel = four * 4; channel < four * 4 + FOUR; channel++) {
      finish(ok && channel < CHANNELS, plane + channel * (HEIGHT * WIDTH), channel, sum.x);
      sum = sum.yzwx;
    }
  }
}
