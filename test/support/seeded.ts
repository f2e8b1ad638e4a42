/**
 * Seeded weights for whole-net tests without weight files: every value is a hash of tensor name, seed and index.
 * `test/golden/nets.py` computes the same bits in Python: integer hashing, then one f32 product and one f32 sum.
 */

/** Bijective 32-bit integer hash (Chris Wellons's lowbias32). */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over the name's UTF-8 bytes, mixed with the seed. */
function keyOf(name: string, seed: number): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return mix((h ^ mix(seed >>> 0)) >>> 0);
}

/**
 * `length` values `center + scale * u`, u uniform in [-1, 1) on a grid of 2^-23, element by element reproducible.
 * `center` and `scale` are rounded to f32 first.
 */
export function seededUniform(
  name: string,
  length: number,
  seed: number,
  center: number,
  scale: number,
): Float32Array {
  const values = new Float32Array(length);
  const key = keyOf(name, seed);
  const c = Math.fround(center);
  const s = Math.fround(scale);
  for (let i = 0; i < length; i++) {
    const bits = mix((mix((i ^ key) >>> 0) + key) >>> 0);
    const u = ((bits >>> 8) - 0x800000) / 0x800000;
    values[i] = c + Math.fround(u * s);
  }
  return values;
}

/** Pixels k/255 with k uniform in 0..255. */
export function seededPixels(name: string, length: number, seed: number): Float32Array {
  const pixels = new Float32Array(length);
  const key = keyOf(name, seed);
  for (let i = 0; i < length; i++) pixels[i] = (mix((mix((i ^ key) >>> 0) + key) >>> 0) >>> 24) / 255;
  return pixels;
}

/**
 * A net's parameter by its name and shape (PyTorch's names): weights uniform with He's variance 2/fan-in, biases and
 * running means in +-0.1, running variances in 0.75..1.25, batch-norm gammas in 0.75..1.25 - in 0.25..0.5 for the norms
 * inside residual blocks, which keeps the sum over 50 to 152 layers small.
 */
export function seededTensor(name: string, shape: readonly number[], seed: number): Float32Array {
  const length = shape.reduce((product, extent) => product * extent, 1);
  if (shape.length >= 2) {
    return seededUniform(name, length, seed, 0, Math.sqrt(6 / (length / shape[0]!)));
  }
  if (name.endsWith('running_var')) return seededUniform(name, length, seed, 1, 0.25);
  if (name.endsWith('running_mean') || name.endsWith('bias'))
    return seededUniform(name, length, seed, 0, 0.1);
  if (/layer\d+\.\d+\.bn[23]\.weight$/.test(name)) return seededUniform(name, length, seed, 0.375, 0.125);
  return seededUniform(name, length, seed, 1, 0.25);
}

/** A whole state dict from the shapes of its tensors, in the form that `loadModel` takes. */
export function seededStateDict(shapes: Readonly<Record<string, readonly number[]>>, seed: number) {
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape]) => {
      let values: Float32Array | undefined;
      const toFloat32 = () => {
        values ??= seededTensor(name, shape, seed);
        return values;
      };
      return [name, { shape, dtype: 'f32' as const, toFloat32 }] as const;
    }),
  );
  return { tensors, metadata: {} as Readonly<Record<string, string>>, source: `seed ${seed}` };
}
