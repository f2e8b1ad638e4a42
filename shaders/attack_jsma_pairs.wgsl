// The best partner of every value of an image: with a = slope of the aim's logit, b = that of the others' sum, theta > 0, the pair (p, q) with
// a_p + a_q > 0 and b_p + b_q < 0 and the greatest -(a_p + a_q) (b_p + b_q). Values at the edge of the box are out, as are those outside of M.
// own, others, iterate [N, ELEMENTS], mask [N, PIXELS], settings [N, SETTINGS];
// out worth, partner [N, ELEMENTS]: 0 and -1 where there is none. Alone (ONE): a value is its own partner.
// Workgroups (ceil(ELEMENTS / WG), N), one invocation a value.
@group(0) @binding(0) var<storage, read> own: array<f32>;
@group(0) @binding(1) var<storage, read> others: array<f32>;
@group(0) @binding(2) var<storage, read> iterate: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read> settings: array<f32>;
@group(0) @binding(5) var<storage, read_write> worth: array<f32>;
@group(0) @binding(6) var<storage, read_write> partner: array<f32>;

fn mayMove(image: i32, e: i32, theta: f32) -> bool {
  let value = iterate[image * ELEMENTS + e];
  return mask[image * PIXELS + e % PIXELS] > 0.0 && select(value > 0.0, 1.0 > value, theta > 0.0);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = i32(group.x) * WG + i32(local);
  let image = i32(group.y);
  if (p >= ELEMENTS) {
    return;
  }
  let at = image * ELEMENTS;
  let theta = settings[image * SETTINGS + SET_THETA];
  // With theta < 0 values fall: both slopes turn.
  let way = sign(theta);
  let a = way * own[at + p] * mask[image * PIXELS + p % PIXELS];
  let b = way * others[at + p] * mask[image * PIXELS + p % PIXELS];
  var best = 0.0;
  var index = -1;
  if (mayMove(image, p, theta)) {
//#if ONE
    if (a > 0.0 && b < 0.0) {
      best = -a * b;
      index = p;
    }
//#else
    // A pair counts once, at the lower of the two.
    for (var q = p + 1; q < ELEMENTS; q++) {
      let m = mask[image * PIXELS + q % PIXELS];
      let up = a + way * own[at + q] * m;
      let down = b + way * others[at + q] * m;
      if (up > 0.0 && down < 0.0 && -up * down > best && mayMove(image, q, theta)) {
        best = -up * down;
        index = q;
      }
    }
//#endif
  }
  worth[at + p] = best;
  partner[at + p] = f32(index);
}
