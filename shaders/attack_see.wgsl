// What the net is shown of an iterate, and how far it is from the clean image.
// x, iterate, out seen [N, ELEMENTS], mask [N, PIXELS], state [N, STATE]: the norms l0, l1, l2, linf of seen - x.
// Where the mask is 0, seen is x to the last bit, whatever the iterate holds.
// MODE 0: seen = iterate;  1: its nearest 8-bit image;
//      2: an 8-bit image with linf at most the setting epsilon, in whole levels;
//      3: an 8-bit image with l2 at most epsilon: x + t * p rounded, p = iterate - x, with the factor t in [1/2, 4] (found by halving)
//         that brings the norm nearest to epsilon from below, since rounding alone may overstep a budget, or lose most of a small one.
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> iterate: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
//#if MODE >= 2
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> seen: array<f32>;
//#else
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> seen: array<f32>;
//#endif

const HALVINGS = 8;

fn rounded(clean: f32, p: f32) -> f32 {
  return pixel(round(255.0 * clamp(clean + p, 0.0, 1.0)));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;

//#if MODE == 2
  // 8/255 must give 8 levels however it was rounded.
  let levels = floor(min(settings[image * SETTINGS + SET_EPSILON], 1.0) * 255.0 + 1e-4);
//#endif
//#if MODE == 3
  let budget = settings[image * SETTINGS + SET_EPSILON];
  var low = -1.0;
  var high = 2.0;
  var fits = false;
  // The norm of the rounded product grows with the factor, so halving the interval (in octaves) finds it.
  for (var halving = 0; halving < HALVINGS; halving++) {
    // The lowest factor first: where even that oversteps, rounding towards x is the way out.
    let octave = select(0.5 * (low + high), low, halving == 0);
    let factor = exp2(octave);
    var length = 0.0;
    for (var e = i; e < ELEMENTS; e += WG) {
      let clean = x[at + e];
      let moved = select(rounded(clean, (iterate[at + e] - clean) * factor) - clean, 0.0, mask[masks + e % PIXELS] == 0.0);
      length += moved * moved;
    }
    let inside = sqrt(total(length, i)) <= budget;
    if (halving == 0) {
      fits = inside;
    } else if (inside) {
      low = octave;
    } else {
      high = octave;
    }
  }
  let factor = exp2(low);
//#endif

  var count = 0.0;
  var sum = 0.0;
  var squares = 0.0;
  var greatest = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let clean = x[at + e];
    let p = iterate[at + e] - clean;
//#if MODE == 0
    var next = iterate[at + e];
//#endif
//#if MODE == 1
    var next = pixel(round(255.0 * clamp(iterate[at + e], 0.0, 1.0)));
//#endif
//#if MODE == 2
    let level = round(255.0 * clean);
    var next = pixel(level + clamp(round(255.0 * clamp(iterate[at + e], 0.0, 1.0)) - level, -levels, levels));
//#endif
//#if MODE == 3
    let level = round(255.0 * clean);
    var next = select(pixel(clamp(level + trunc(255.0 * p), 0.0, 255.0)), rounded(clean, p * factor), fits);
//#endif
    next = select(next, clean, mask[masks + e % PIXELS] == 0.0);
    seen[at + e] = next;
    let moved = abs(next - clean);
    count += select(0.0, 1.0, moved > 0.0);
    sum += moved;
    squares += moved * moved;
    greatest = max(greatest, moved);
  }
  let l0 = total(count, i);
  let l1 = total(sum, i);
  let l2 = sqrt(total(squares, i));
  let linf = largest(greatest, i);
  if (i == 0) {
    state[s + SLOT_L0] = l0;
    state[s + SLOT_L1] = l1;
    state[s + SLOT_L2] = l2;
    state[s + SLOT_LINF] = linf;
  }
}
