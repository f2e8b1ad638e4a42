/** What rows of logits say: the probabilities and the winner, for every part that reads predictions on the CPU. */

/** Row `image` of logits [n, classes]: a view. */
export function logitsOf(logits: Float32Array, image: number, classes: number): Float32Array {
  return logits.subarray(image * classes, (image + 1) * classes);
}

/** Predicted classes [n] of logits [n, classes]. */
export function predictions(logits: Float32Array, classes: number): Uint32Array<ArrayBuffer> {
  const count = logits.length / classes;
  return Uint32Array.from({ length: count }, (_, image) => argmax(logitsOf(logits, image, classes)));
}

/** Probabilities of one row of logits (softmax, in f64). */
export function softmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (z) => Math.exp(z - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

/** Index of the largest value; the first of equals. */
export function argmax(values: Float32Array | Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
