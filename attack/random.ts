/**
 * A counter-based generator: every value is a hash of (seed, image, element), so that an image's start depends neither on
 * its batch nor on the adapter.
 */

/** pcg4d of Jarzynski and Olano, Hash Functions for GPU Rendering, JCGT 9(3), 2020: four words from four. */
function pcg4d(v: Uint32Array): void {
  for (let i = 0; i < 4; i++) v[i] = Math.imul(v[i]!, 1664525) + 1013904223;
  for (let round = 0; round < 2; round++) {
    v[0]! += Math.imul(v[1]!, v[3]!);
    v[1]! += Math.imul(v[2]!, v[0]!);
    v[2]! += Math.imul(v[0]!, v[1]!);
    v[3]! += Math.imul(v[1]!, v[2]!);
    if (round === 0) for (let i = 0; i < 4; i++) v[i]! ^= v[i]! >>> 16;
  }
}

/** Four random words of (seed, image, element, stream): those of the same name in shaders/random.wgsl. */
export function random4(seed: number, image: number, element: number, stream: number): Uint32Array {
  const words = Uint32Array.of(seed, image, element, stream);
  pcg4d(words);
  return words;
}

/**
 * Fills `out` from the stream of one image.
 * @param seed, image, stream integers in 0..2^32-1; `stream` tells independent uses of one seed apart
 * @param draw maps two uniform values in (0, 1) to two results
 */
function fill(
  out: Float32Array,
  seed: number,
  image: number,
  stream: number,
  draw: (u: number, v: number) => readonly [number, number],
): void {
  const words = new Uint32Array(4);
  for (let at = 0; at < out.length; at += 4) {
    words.set([seed, image, at / 4, stream]);
    pcg4d(words);
    for (let half = 0; half < 4; half += 2) {
      const [first, second] = draw((words[half]! + 0.5) / 2 ** 32, (words[half + 1]! + 0.5) / 2 ** 32);
      if (at + half < out.length) out[at + half] = first;
      if (at + half + 1 < out.length) out[at + half + 1] = second;
    }
  }
}

/** Independent N(0, 1) values (Box-Muller). */
export function fillNormal(out: Float32Array, seed: number, image: number, stream = 0): void {
  fill(out, seed, image, stream, (u, v) => {
    const radius = Math.sqrt(-2 * Math.log(u));
    return [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)];
  });
}

/** Independent values uniform in (-1, 1). */
export function fillUniform(out: Float32Array, seed: number, image: number, stream = 0): void {
  fill(out, seed, image, stream, (u, v) => [2 * u - 1, 2 * v - 1]);
}

/** Independent signs: -1 or 1. */
export function fillSigns(out: Float32Array, seed: number, image: number, stream = 0): void {
  fill(out, seed, image, stream, (u, v) => [u < 0.5 ? -1 : 1, v < 0.5 ? -1 : 1]);
}
