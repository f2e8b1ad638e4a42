// The box as all of R: p = (tanh(w) + 1) / 2 (Carlini and Wagner 2017), and Adam (Kingma and Ba 2015) on w.
// place [N, 3, ELEMENTS]: w, and Adam's two moments of it; slots DECAY1, DECAY2: powers of Adam's two decays.
fn squashed(w: f32) -> f32 {
  return 1.0 / (1.0 + exp(-2.0 * w));
}

// A pixel at the edge of the box is moved in by 5e-7, as the authors' code does: its w would be infinite.
fn unsquashed(p: f32) -> f32 {
  let t = 0.999999 * (2.0 * p - 1.0);
  return 0.5 * log((1.0 + t) / (1.0 - t));
}

// d p / d w.
fn squashing(p: f32) -> f32 {
  return 2.0 * p * (1.0 - p);
}

// Adam's step length from the powers of its decays, the present step among them.
fn adamLength(rate: f32, decay1: f32, decay2: f32) -> f32 {
  return rate * sqrt(1.0 - decay2) / (1.0 - decay1);
}

// One step on w at `first` of an image's place, its moments `ELEMENTS` and twice that further; returns the new w.
fn adamStep(first: i32, slope: f32, length: f32) -> f32 {
  let m = 0.9 * place[first + ELEMENTS] + (1.0 - 0.9) * slope;
  let v = 0.999 * place[first + 2 * ELEMENTS] + (1.0 - 0.999) * slope * slope;
  let w = place[first] - length * m / (sqrt(v) + 1e-8);
  place[first] = w;
  place[first + ELEMENTS] = m;
  place[first + 2 * ELEMENTS] = v;
  return w;
}

fn adamReset(first: i32) {
  place[first + ELEMENTS] = 0.0;
  place[first + 2 * ELEMENTS] = 0.0;
}
