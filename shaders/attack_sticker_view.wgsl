// The transformation of one sample of an image at this step. Needs key, settings, state and random4.
struct View { across: i32, down: i32, light: f32 }

fn viewOf(image: i32, sample: i32) -> View {
  let word = random4(key[2 * image], key[2 * image + 1], u32(sample), u32(state[image * STATE + SLOT_STEPS]));
  let span = u32(2 * REACH + 1);
  let light = 1.0 + settings[image * SETTINGS + SET_BRIGHTNESS] * (2.0 * uniform01(word.z) - 1.0);
  return View(i32(word.x % span) - REACH, i32(word.y % span) - REACH, light);
}
