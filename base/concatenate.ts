/** Parts of one kind of array as one. */

type Numbers = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** @param Kind the array's constructor, which an empty list of parts does not tell */
export function concatenate<A extends Numbers>(
  Kind: new (length: number) => A,
  parts: readonly ArrayLike<number>[],
): A {
  const whole = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
