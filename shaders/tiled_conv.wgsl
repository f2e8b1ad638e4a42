// Convolution as an implicit matrix product with tiles in workgroup memory, for real GPUs.
// y[m, n] = sum over k of weight[k, m] * patch[k, n]: m = output channel, n = output pixel over the whole batch, k = (channel, tap).
//
// x       source [BATCH, C, H, W]
// weight  packed [K rows][MP / 4] four output channels each, zero beyond M (tiled_pack.wgsl); rows in the order of k below
// y       destination [BATCH, M, OH, OW]; with SPLIT > 1 partial sums [SPLIT][BATCH, M, OH, OW] for tiled_reduce.wgsl
//
// Forward: k = (channel * KH + r) * KW + s. A tile of BK rows then reads the taps of few channels: near pixels, which the cache holds.
// GRADIENT (source dy, destination dx of a convolution of stride SH, SW): the destination pixels of one phase
// (row % SH, column % SW) meet only the taps of one parity, so each phase is a stride-1 convolution of its own, all in one dispatch
// along z. k = tap * C + channel, padded to whole tiles per tap: the number of taps differs by phase, and this way nothing in
// the inner loop is divided by it.
//
// A workgroup owns BM channels x BN pixels of one phase and one of SPLIT parts of k; an invocation owns TM x TN of them. While one
// half of the tiles is multiplied, the next is on its way from memory to registers and then to the other half: one barrier a tile.
// Slot s of a patch row holds the pixels s, s + SB, s + 2 SB, s + 3 SB, so that neighbouring invocations load and store neighbouring
// pixels one by one and still read workgroup memory by four. VEC (1x1, stride 1, no padding, OH * OW % 4 == 0): slot s
// holds four consecutive pixels, loaded and stored by four.
// Constants: the above, THREADS = BM / TM * BN / TN, PH, PW, LOADS_A, LOADS_B (tile slots per invocation, rounded up), F16 (tiles
// and weight in f16, sums in f32), BIAS, RESIDUAL, IN_PLACE (the residual stands in the output), RELU, MASK and the binding numbers B_*.
//#if F16
enable f16;
alias Tile4 = vec4<f16>;
//#else
alias Tile4 = vec4<f32>;
//#endif
//#if VEC
alias Pixels = vec4<f32>;
const STEP = 4;
//#else
alias Pixels = f32;
const STEP = 1;
//#endif
@group(0) @binding(0) var<storage, read> x: array<Pixels>;
@group(0) @binding(1) var<storage, read> weight: array<Tile4>;
@group(0) @binding(2) var<storage, read_write> y: array<Pixels>;
//#if BIAS
@group(0) @binding(B_BIAS) var<storage, read> bias: array<f32>;
//#endif
//#if RESIDUAL && !IN_PLACE
@group(0) @binding(B_RESIDUAL) var<storage, read> residual: array<Pixels>;
//#endif
//#if MASK
@group(0) @binding(B_MASK) var<storage, read> mask: array<Pixels>;
//#endif

// Slots of four in a row of each tile, and invocations along each axis.
const SA = BM / 4;
const SB = BN / 4;
const GX = BN / TN;
const GY = BM / TM;
// Tiles of k per tap (GRADIENT).
const CT = (C + BK - 1) / BK;

var<workgroup> tileA: array<Tile4, 2 * BK * SA>;
var<workgroup> tileB: array<Tile4, 2 * BK * SB>;

// Where the four pixels of a patch slot start in x: row and column of tap (0, 0), and the index of their image. Pixels beyond the last
// one get a row that no tap brings back into the image.
struct Pixel4 { rows: vec4<i32>, columns: vec4<i32>, images: vec4<i32> }

// A tap: offset in the source and row of the packed weight at channel 0.
struct Tap { row: i32, column: i32, weightRow: i32 }

//#if GRADIENT
fn tapOf(q: i32, first: vec2<i32>, tapColumns: i32) -> Tap {
  let tap = q / CT;
  let at = vec2(tap / tapColumns, tap % tapColumns);
  return Tap(-at.x, -at.y, ((first.x + SH * at.x) * KW + first.y + SW * at.y) * C);
}
//#endif

fn patchAt(channel: i32, row: i32, column: i32, place: Pixel4) -> vec4<f32> {
  //#if VEC
  if (place.rows.x < 0) { return vec4<f32>(); }
  return x[place.images.x + channel * (H * W / 4)];
  //#else
  var values = vec4<f32>();
  let rows = place.rows + row;
  let columns = place.columns + column;
  let at = place.images + (channel * H + rows) * W + columns;
  //#for J in 0..4
  // A negative index is a large one as u32.
  if (u32(rows[{J}]) < u32(H) && u32(columns[{J}]) < u32(W)) { values[{J}] = x[at[{J}]]; }
  //#end
  return values;
  //#endif
}

// `at`: index in y, in steps of Pixels.
fn put(at: i32, m: i32, accumulated: Pixels) {
  if (m >= M) { return; }
  var sum = accumulated;
  //#if BIAS
  sum += bias[m];
  //#endif
  //#if IN_PLACE
  sum += y[at];
  //#else
  //#if RESIDUAL
  sum += residual[at];
  //#endif
  //#endif
  //#if RELU
  sum = max(sum, Pixels());
  //#endif
  //#if MASK
  sum = select(Pixels(), sum, mask[at] > Pixels());
  //#endif
  y[at] = sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let me = i32(local);
  let m0 = i32(group.y) * BM;
  let n0 = i32(group.x) * BN;
  let split = i32(group.z) % SPLIT;

  //#if GRADIENT
  let phase = vec2(i32(group.z) / SPLIT / SW, i32(group.z) / SPLIT % SW);
  let firstTap = (phase + vec2(PH, PW)) % vec2(SH, SW);
  let taps = (vec2(KH, KW) - firstTap + vec2(SH, SW) - 1) / vec2(SH, SW);
  let extent = (vec2(OH, OW) - phase + vec2(SH, SW) - 1) / vec2(SH, SW);
  let start = (phase + vec2(PH, PW)) / vec2(SH, SW);
  let tiles = taps.x * taps.y * CT;
  //#else
  let extent = vec2(OH, OW);
  let tiles = (C * KH * KW + BK - 1) / BK;
  //#endif
  let pixels = extent.x * extent.y;
  let count = BATCH * pixels;
  // Phases other than the first may have fewer pixels than the grid was made for.
  if (n0 >= count) { return; }
  let each = (tiles + SPLIT - 1) / SPLIT;
  let first = min(tiles, split * each);
  let last = min(tiles, first + each);

  // THREADS % SB == 0, so all patch slots of an invocation lie in one column.
  let column = me % SB;
  var place: Pixel4;
  //#for J in 0..4
  {
    //#if VEC
    let n = n0 + 4 * column + {J};
    //#else
    let n = n0 + column + SB * {J};
    //#endif
    let image = n / pixels;
    let i = n % pixels / extent.y;
    let j = n % pixels % extent.y;
    //#if VEC
    place.images[{J}] = (image * C * H * W + n % pixels) / 4;
    place.rows[{J}] = select(-1, i, n < count);
    //#else
    place.images[{J}] = image * C * H * W;
    //#if GRADIENT
    place.rows[{J}] = select(-0x100000, start.x + i, n < count);
    place.columns[{J}] = start.y + j;
    //#else
    place.rows[{J}] = select(-0x100000, i * SH - PH, n < count);
    place.columns[{J}] = j * SW - PW;
    //#endif
    //#endif
  }
  //#end

  let tx = me % GX;
  let ty = me / GX;
  //#for I in 0..TM
  //#for J in 0..TN / 4
  var acc{I}_{J} = vec4<f32>();
  //#end
  //#end
  //#for L in 0..LOADS_A
  var nextA{L} = Tile4();
  //#end
  //#for L in 0..LOADS_B
  var nextB{L} = Tile4();
  //#end

  // Iteration `first - 1` only fetches, the last one only multiplies.
  for (var q = first - 1; q < last; q++) {
    let fetch = q + 1;
    if (fetch < last) {
      //#if GRADIENT
      let tap = tapOf(fetch, firstTap, taps.y);
      let c0 = fetch % CT * BK;
      //#endif
      //#for L in 0..LOADS_A
      {
        let row = (me + {L} * THREADS) / SA;
        let slot = m0 / 4 + (me + {L} * THREADS) % SA;
        //#if GRADIENT
        let k = tap.weightRow + c0 + row;
        let inside = c0 + row < C;
        //#else
        let k = fetch * BK + row;
        let inside = k < C * KH * KW;
        //#endif
        nextA{L} = Tile4();
        if (row < BK && inside && slot < MP / 4) { nextA{L} = weight[k * (MP / 4) + slot]; }
      }
      //#end
      //#for L in 0..LOADS_B
      {
        let row = (me + {L} * THREADS) / SB;
        //#if GRADIENT
        let channel = c0 + row;
        let inside = channel < C;
        let shift = vec2(tap.row, tap.column);
        //#else
        let k = fetch * BK + row;
        let inside = k < C * KH * KW;
        let channel = k / (KH * KW);
        let shift = vec2(k % (KH * KW) / KW, k % KW);
        //#endif
        nextB{L} = Tile4();
        if (row < BK && inside) { nextB{L} = Tile4(patchAt(channel, shift.x, shift.y, place)); }
      }
      //#end
    }
    if (q >= first) {
      let half = (q - first) % 2;
      for (var k = half * BK; k < (half + 1) * BK; k++) {
        //#for I in 0..TM / 4
        let a{I} = vec4<f32>(tileA[k * SA + ty + {I} * GY]);
        //#end
        //#for J in 0..TN / 4
        let b{J} = vec4<f32>(tileB[k * SB + tx + {J} * GX]);
        //#end
        //#for I in 0..TM
        //#for J in 0..TN / 4
        acc{I}_{J} = fma(vec4<f32>(a{(I - I % 4) / 4}[{I % 4}]), b{J}, acc{I}_{J});
        //#end
        //#end
      }
    }
    if (fetch < last) {
      let half = (fetch - first) % 2;
      //#for L in 0..LOADS_A
      if (me + {L} * THREADS < BK * SA) { tileA[half * BK * SA + me + {L} * THREADS] = nextA{L}; }
      //#end
      //#for L in 0..LOADS_B
      if (me + {L} * THREADS < BK * SB) { tileB[half * BK * SB + me + {L} * THREADS] = nextB{L}; }
      //#end
    }
    workgroupBarrier();
  }

  let plane = OH * OW / STEP;
  //#for J in 0..TN / 4
  //#for V in 0..VEC ? 1 : 4
  {
    //#if VEC
    let n = n0 + 4 * (tx + {J} * GX);
    //#else
    let n = n0 + tx + {J} * GX + {V} * SB;
    //#endif
    if (n < count) {
      //#if GRADIENT
      let pixel = (phase.x + n % pixels / extent.y * SH) * OW + phase.y + n % pixels % extent.y * SW;
      //#else
      let pixel = n % pixels;
      //#endif
      let at = ((split * BATCH + n / pixels) * M * OH * OW + pixel) / STEP;
      //#for I in 0..TM
      {
        let m = m0 + 4 * (ty + {(I - I % 4) / 4} * GY) + {I % 4};
        //#if VEC
        put(at + m * plane, m, acc{I}_{J});
        //#else
        put(at + m * plane, m, acc{I}_{J}[{V}]);
        //#endif
      }
      //#end
    }
  }
  //#end
  //#end
}
