// Where a patch of SIDE^2 texels lies in an image at a step: wholly inside, turned by up to the setting rotation, scaled by up to the setting
// scaling; hashed from (seed, image, 0, step). Needs key, settings and random4.
struct View { middle: vec2f, turn: vec2f, scale: f32 }

fn viewOf(image: i32, step: u32) -> View {
  let word = random4(key[2 * image], key[2 * image + 1], 0u, step);
  let row = image * SETTINGS;
  // By the tangent of half the angle: exact enough without WGSL's cosine, whose error is 2^-11.
  let t = settings[row + SET_ROTATION] * (3.14159265 / 360.0) * (2.0 * uniform01(word.z) - 1.0);
  let turn = vec2f(1.0 - t * t, 2.0 * t) / (1.0 + t * t);
  let scale = 1.0 - settings[row + SET_SCALING] * uniform01(word.w);
  let reach = min(0.5 * f32(SIDE) * scale * (abs(turn.x) + abs(turn.y)), 0.5 * f32(min(WIDTH, HEIGHT)));
  let room = vec2f(f32(WIDTH), f32(HEIGHT)) - 2.0 * reach;
  return View(reach + room * vec2f(uniform01(word.x), uniform01(word.y)), turn, scale);
}

// The texel under a pixel, or -1.
fn texelOf(view: View, column: i32, line: i32) -> i32 {
  let away = (vec2f(f32(column), f32(line)) + 0.5 - view.middle) / view.scale;
  let u = floor(vec2f(view.turn.x * away.x + view.turn.y * away.y, view.turn.x * away.y - view.turn.y * away.x) + 0.5 * f32(SIDE));
  let inside = all(u >= vec2f(0.0)) && all(u < vec2f(f32(SIDE)));
  return select(-1, i32(u.y) * SIDE + i32(u.x), inside);
}
