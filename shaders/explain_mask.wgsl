// From the low-resolution map to the CFR and the soft mask (spec of the mask: Eq. 6 and its variants), in one dispatch.
// map [N, ROWS, COLUMNS], signed; out cam [N, HEIGHT, WIDTH] = Lhat in [0, 1], mask [N, HEIGHT, WIDTH],
// settings [N, SETTINGS]: tau at SET_TAU;
// region u32 [N, 2] = {1 if the map has no positive evidence else 0, pixels of the CFR}.
// L = ReLU(map), bilinearly upsampled with half-pixel centres; Lhat = L / max L; CFR = {Lhat >= tau}; on it
//   NORM 0 (max): Lhat;  1 (sum): L / sum of L over the CFR;  2 (mean): sum, times the CFR's pixels;  3 (binary): 1.
// Without positive evidence cam is 0, the mask 1 everywhere. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> map: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read_write> cam: array<f32>;
@group(0) @binding(3) var<storage, read_write> mask: array<f32>;
@group(0) @binding(4) var<storage, read_write> region: array<u32>;

var<workgroup> partial: array<vec2f, WG>;

const PIXELS = HEIGHT * WIDTH;
// Below it a quotient would no longer be accurate; nothing but zeros falls below it in practice.
const EVIDENCE = 1e-30;

fn source(at: i32, extent: i32, cells: i32) -> f32 {
  return max((f32(at) + 0.5) * (f32(cells) / f32(extent)) - 0.5, 0.0);
}

fn evidence(at: i32) -> f32 {
  return max(map[at], 0.0);
}

fn upsampled(start: i32, pixel: i32) -> f32 {
  let y = source(pixel / WIDTH, HEIGHT, ROWS);
  let x = source(pixel % WIDTH, WIDTH, COLUMNS);
  let top = min(i32(y), ROWS - 1);
  let left = min(i32(x), COLUMNS - 1);
  let bottom = min(top + 1, ROWS - 1);
  let right = min(left + 1, COLUMNS - 1);
  let fy = y - f32(top);
  let fx = x - f32(left);
  let above = (1.0 - fx) * evidence(start + top * COLUMNS + left) + fx * evidence(start + top * COLUMNS + right);
  let below = (1.0 - fx) * evidence(start + bottom * COLUMNS + left) + fx * evidence(start + bottom * COLUMNS + right);
  return (1.0 - fy) * above + fy * below;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let start = image * ROWS * COLUMNS;
  let tau = settings[image * SETTINGS + SET_TAU];

  var highest = 0.0;
  for (var pixel = i; pixel < PIXELS; pixel += WG) {
    highest = max(highest, upsampled(start, pixel));
  }
  partial[i] = vec2f(highest, 0.0);
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      partial[i].x = max(partial[i].x, partial[i + stride].x);
    }
    workgroupBarrier();
  }
  let peak = partial[0].x;
  let empty = !(peak > EVIDENCE);
  workgroupBarrier();

  var total = vec2f(0.0);
  for (var pixel = i; pixel < PIXELS; pixel += WG) {
    let value = upsampled(start, pixel) / max(peak, EVIDENCE);
    let inside = !empty && value >= tau;
    cam[image * PIXELS + pixel] = value;
    total += select(vec2f(0.0), vec2f(value, 1.0), inside);
  }
  partial[i] = total;
  workgroupBarrier();
  for (var stride = WG / 2; stride > 0; stride /= 2) {
    if (i < stride) {
      partial[i] += partial[i + stride];
    }
    workgroupBarrier();
  }
  let sum = partial[0].x + 1e-12;
  let count = partial[0].y;

  for (var pixel = i; pixel < PIXELS; pixel += WG) {
    let value = cam[image * PIXELS + pixel];
//#if NORM == 0
    let soft = value;
//#endif
//#if NORM == 1
    let soft = value / sum;
//#endif
//#if NORM == 2
    let soft = value / sum * count;
//#endif
//#if NORM == 3
    let soft = 1.0;
//#endif
    mask[image * PIXELS + pixel] = select(select(0.0, soft, value >= tau), 1.0, empty);
  }
  if (i == 0) {
    region[2 * image] = select(0u, 1u, empty);
    region[2 * image + 1] = u32(count);
  }
}
