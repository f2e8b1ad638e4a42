// The next query of the square attack, on images that are not done. held (delta = held - X) first takes over the last one where that fooled or had a better margin.
// Per image and query: a square of side s at a random place, s by the schedule sides [QUERIES]; M bounds what each value may change.
//   LINF: first stripes X +- epsilon * M, a sign for each column and channel; then held +- 2 epsilon in the square, a sign for each channel, held within epsilon * M
//   else: first five by five bumps; then the square gets the mass of itself and of a second one, whose values become 0, and what is left of the budget: per channel
//         (bump * sign + delta / ||delta||) scaled to sqrt(max(0, epsilon^2 - ||delta||^2) / 3 + ||delta in both||^2); then delta is scaled to epsilon
// x, iterate, held [N, ELEMENTS], mask [N, PIXELS], key u32 [N, 2], settings [N, SETTINGS], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> sides: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> iterate: array<f32>;
@group(0) @binding(7) var<storage, read_write> held: array<f32>;

const TINY = 1e-12;
const PLACES = 0x5a000000u;
const SIGNS = 0x5a000001u;
const FIRSTS = 0x5a100000u;

fn drawn(image: i32, element: u32, step: u32) -> vec4u {
  return random4(key[2 * image], key[2 * image + 1], element, step);
}

// An integer from 0 to count - 1; 0 where count is 0.
fn below(word: u32, count: i32) -> i32 {
  return i32(uniform01(word) * f32(count));
}

// The sign of a channel (or of any of 32 things) in a random word.
fn signOf(word: u32, index: i32) -> f32 {
  return select(-1.0, 1.0, ((word >> u32(31 - index)) & 1u) == 1u);
}

fn inside(p: i32, top: i32, left: i32, s: i32) -> bool {
  let y = p / WIDTH;
  let x = p % WIDTH;
  return y >= top && y < top + s && x >= left && x < left + s;
}

// Two pyramids of opposite sign, one above the other, in a square of side s: the sum of 1 / j^2 over the rectangles j that cover a place; not normalised.
fn bump(row: i32, column: i32, s: i32) -> f32 {
  let upper = row < s / 2;
  let height = select(s - s / 2, s / 2, upper);
  let y = select(row - s / 2, row, upper);
  let apart = max(abs(y - height / 2), abs(column - s / 2));
  var sum = 0.0;
  for (var j = s / 2 + 1; j > apart; j--) {
    sum += 1.0 / f32(j * j);
  }
  return select(-sum, sum, upper);
}

// What scales the halves of a bump so that each has half of the square's norm, 1.
fn halves(s: i32, i: i32) -> vec2f {
  var squares = vec2f(0.0);
  for (var p = i; p < s * s; p += WG) {
    let b = bump(p / s, p % s, s);
    squares += select(vec2f(0.0, b * b), vec2f(b * b, 0.0), b > 0.0);
  }
  let upper = total(squares.x, i);
  let lower = total(squares.y, i);
  return inverseSqrt(2.0 * max(vec2f(upper, lower), vec2f(TINY)));
}

fn scaledBump(y: i32, x: i32, s: i32, turned: bool, scale: vec2f) -> f32 {
  let b = bump(select(y, x, turned), select(x, y, turned), s);
  return b * select(scale.y, scale.x, b > 0.0);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * ELEMENTS;
  let masks = image * PIXELS;
  let s = image * STATE;
  let budget = settings[image * SETTINGS + SET_EPSILON];
  let live = state[s + SLOT_DONE] < 0.5;
  let step = u32(state[s + SLOT_STEPS]);
  let query = i32(state[s + SLOT_QUERY]);
  let first = query == 0;
  let margin = state[s + SLOT_MARGIN];
  let takes = !first && (query == 1 || margin > state[s + SLOT_MOST]);
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0 && live) {
    state[s + SLOT_QUERY] = f32(query + 1);
    if (takes) {
      state[s + SLOT_MOST] = margin;
    }
  }
  for (var e = i; e < ELEMENTS && live; e += WG) {
    if (first) {
      held[at + e] = x[at + e];
    }
    if (takes) {
      held[at + e] = iterate[at + e];
    }
  }
  // Below, other invocations read it where a row of channels is no whole number of workgroups.
  storageBarrier();

  let side = i32(sides[max(query - 1, 0)]);
  let places = drawn(image, PLACES, step);
  let signs = drawn(image, SIGNS, step);
  let top = below(places.x, HEIGHT - side);
  let left = below(places.y, WIDTH - side);

//#if LINF
  for (var e = i; e < ELEMENTS && live; e += WG) {
    let clean = x[at + e];
    let p = e % PIXELS;
    let channel = e / PIXELS;
    let most = budget * mask[masks + p];
    var next = held[at + e];
    if (first) {
      next = clean + most * signOf(drawn(image, FIRSTS + u32(channel * WIDTH + p % WIDTH), step).x, 0);
    } else if (inside(p, top, left, side)) {
      next += 2.0 * budget * signOf(signs.x, channel);
    }
    iterate[at + e] = clamp(clamp(next, clean - most, clean + most), 0.0, 1.0);
  }
//#else
  let tile = HEIGHT / 5;
  let edge = (HEIGHT - 5 * tile) / 2;
  let scale = halves(select(side, tile, first), i);
  let top2 = below(places.z, HEIGHT - side);
  let left2 = below(places.w, WIDTH - side);
  let turned = signs.y >= 0x80000000u;

  var squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    let d = held[at + e] - x[at + e];
    squares += d * d;
  }
  let left3 = max(0.0, budget * budget - total(squares, i)) / 3.0;

  for (var channel = 0; channel < 3; channel++) {
    let plane = at + channel * PIXELS;
    var both = 0.0;
    var own = 0.0;
    for (var p = i; p < PIXELS; p += WG) {
      let d = held[plane + p] - x[plane + p];
      let here = inside(p, top, left, side);
      own += select(0.0, d * d, here);
      both += select(0.0, d * d, here || inside(p, top2, left2, side));
    }
    let unit = 1.0 / (sqrt(total(own, i)) + TINY);
    let mass = left3 + total(both, i);

    // The new values of the square, then their norm, then all of the channel's delta.
    var sum = 0.0;
    for (var p = i; p < PIXELS; p += WG) {
      let y = p / WIDTH;
      let column = p % WIDTH;
      var d = held[plane + p] - x[plane + p];
      if (first) {
        let row = (y - edge) / tile;
        let line = (column - edge) / tile;
        let covered = y >= edge && column >= edge && y < edge + 5 * tile && column < edge + 5 * tile;
        let words = drawn(image, FIRSTS + u32(row * 5 + line), step);
        let b = scaledBump((y - edge) % tile, (column - edge) % tile, tile, words.y >= 0x80000000u, scale);
        d = select(0.0, b * signOf(words.x, channel), covered);
      } else if (inside(p, top, left, side)) {
        d = d * unit + scaledBump(y - top, column - left, side, turned, scale) * signOf(signs.x, channel);
        d *= mask[masks + p];
        sum += d * d;
      } else if (inside(p, top2, left2, side)) {
        d = 0.0;
      }
      if (live) {
        iterate[plane + p] = select(d, d * mask[masks + p], first);
      }
    }
    let gain = sqrt(mass) / (sqrt(total(sum, i)) + TINY);
    for (var p = i; p < PIXELS && live && !first; p += WG) {
      iterate[plane + p] *= select(1.0, gain, inside(p, top, left, side));
    }
  }

  storageBarrier();
  squares = 0.0;
  for (var e = i; e < ELEMENTS; e += WG) {
    squares += iterate[at + e] * iterate[at + e];
  }
  let reach = budget / (sqrt(total(squares, i)) + TINY);
  for (var e = i; e < ELEMENTS && live; e += WG) {
    iterate[at + e] = clamp(x[at + e] + reach * iterate[at + e], 0.0, 1.0);
  }
//#endif
}
