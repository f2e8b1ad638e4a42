// The children of a round of differential evolution: parent r1 + F (r2 - r3), three that differ; in round 0 the first generation:
// places drawn from the region's pixels, colours from N(128, 127) in levels.
// key u32 [N, 2] (seed, image), mask [N, PIXELS], area u32 [N], settings [N, SETTINGS], parents, children [N, POPULATION, COUNT, 5]
// (column, row, colour in levels), state [N, STATE]. Workgroups (ceil(POPULATION / WG), N), one invocation a child.
@group(0) @binding(0) var<storage, read> key: array<u32>;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> area: array<u32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read> parents: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> children: array<f32>;

// The n-th pixel of the region.
fn pixelOf(image: i32, n: i32) -> i32 {
  var left = n;
  for (var p = 0; p < PIXELS; p++) {
    if (mask[image * PIXELS + p] > 0.0) {
      if (left == 0) {
        return p;
      }
      left--;
    }
  }
  return 0;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let member = i32(group.x) * WG + i32(local);
  let image = i32(group.y);
  if (member >= POPULATION || state[image * STATE + SLOT_DONE] > 0.5) {
    return;
  }
  let round = i32(state[image * STATE + SLOT_ROUND]);
  let seed = key[2 * image];
  let number = key[2 * image + 1];
  let people = image * POPULATION;
  let size = COUNT * 5;
  let own = (people + member) * size;
  if (round == 0) {
    for (var k = 0; k < COUNT; k++) {
      let element = u32((member * COUNT + k) * 2);
      let place = random4(seed, number, element, 0u);
      let colour = random4(seed, number, element + 1u, 0u);
      let first = normal2(colour.x, colour.y);
      let second = normal2(colour.z, colour.w);
      let p = pixelOf(image, i32(place.x % max(area[image], 1u)));
      let at = own + 5 * k;
      children[at] = f32(p % WIDTH);
      children[at + 1] = f32(p / WIDTH);
      children[at + 2] = clamp(128.0 + 127.0 * first.x, 0.0, 255.0);
      children[at + 3] = clamp(128.0 + 127.0 * first.y, 0.0, 255.0);
      children[at + 4] = clamp(128.0 + 127.0 * second.x, 0.0, 255.0);
    }
    return;
  }
  let word = random4(seed, number, u32(member), u32(round));
  let r1 = i32(word.x % u32(POPULATION));
  let r2 = (r1 + 1 + i32(word.y % u32(POPULATION - 1))) % POPULATION;
  // Of the others, those below the smaller stay, those from it on move up.
  var r3 = i32(word.z % u32(POPULATION - 2));
  r3 += select(0, 1, r3 >= min(r1, r2));
  r3 += select(0, 1, r3 >= max(r1, r2));
  let factor = settings[image * SETTINGS + SET_FACTOR];
  for (var g = 0; g < size; g++) {
    let value = parents[(people + r1) * size + g] + factor * (parents[(people + r2) * size + g] - parents[(people + r3) * size + g]);
    let kind = g % 5;
    let top = select(select(255.0, f32(HEIGHT - 1), kind == 1), f32(WIDTH - 1), kind == 0);
    children[own + g] = clamp(value, 0.0, top);
  }
}
