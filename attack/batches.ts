/** Batches of a fixed compiled size: what may be handed over, and how a short last batch is filled up. */
import type { NetSpec } from '../nets/spec.js';

/**
 * Checks images [n, 3, h, w] and their labels [n].
 * @returns n
 * @throws Error on wrong lengths, pixels outside [0, 1] or labels that are no class: faults of the caller
 */
export function checkBatch(
  x: Float32Array,
  labels: Uint32Array,
  { height, width, classes }: Pick<NetSpec, 'height' | 'width' | 'classes'>,
  batch: number,
): number {
  const elements = 3 * height * width;
  const count = x.length / elements;
  if (!Number.isInteger(count) || count < 1 || count > batch) {
    throw new Error(
      `images: expected 1 to ${batch} images of ${elements} values ([n, 3, ${height}, ${width}]), got ${x.length} values`,
    );
  }
  if (labels.length !== count)
    throw new Error(`labels: expected ${count}, one an image, got ${labels.length}`);
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new Error(`labels: expected classes 0 to ${classes - 1}, got ${labels[wrong]} for image ${wrong}`);
  }
  const outside = x.findIndex((value) => !(value >= 0 && value <= 1));
  if (outside >= 0) {
    throw new Error(
      `images: expected pixels in [0, 1] (the net normalises by itself), got ${x[outside]} in image ${Math.floor(outside / elements)}`,
    );
  }
  return count;
}

/**
 * The values of `count` images repeated until there are `batch` images' worth of them. Images do not influence each
 * other, so the copies are only there to be computed and dropped.
 */
export function padded<T extends Float32Array | Uint32Array>(values: T, count: number, batch: number): T {
  if (count === batch) return values;
  const size = values.length / count;
  const full = new (values.constructor as new (length: number) => T)(batch * size);
  for (let at = 0; at < full.length; at += values.length) {
    full.set(values.subarray(0, Math.min(values.length, full.length - at)), at);
  }
  return full;
}
