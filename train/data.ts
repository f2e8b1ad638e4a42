/** The images that a trainer takes, and their order: by seed and epoch, the same on every machine. */
import { random4 } from '../attack/random.js';
import type { Size } from '../nets/spec.js';

/** Labelled 8-bit images of one size, as a trainer reads them. */
export interface TrainingData {
  /** For messages. */
  readonly name: string;
  /** Images in it. */
  readonly length: number;
  /** Height and width that all images have. */
  readonly size: Size;
  /** The class of each image. */
  readonly labels: Uint32Array;
  /** The bytes of an image: planes R, G, B of height x width. */
  read(index: number): Uint8Array | Promise<Uint8Array>;
}

/** The order of an epoch (Fisher and Yates, from the seed). */
export function orderOf(length: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let left = length - 1; left > 0; left--) {
    const [word = 0] = random4(seed, epoch, left, ORDER_STREAM);
    const other = Math.floor((word / 2 ** 32) * (left + 1));
    [order[left], order[other]] = [order[other]!, order[left]!];
  }
  return order;
}

const ORDER_STREAM = 0x6f72;

/** A step's images as they go to the device. */
export interface Batch {
  /** Each image's bytes by fours, from a word of its own on. */
  readonly packed: Uint32Array;
  readonly labels: Uint32Array;
  readonly ids: Uint32Array;
}

/** Words that an image of this size takes. */
export function wordsOf([height, width]: Size): number {
  return Math.ceil((3 * height * width) / 4);
}

export async function gather(data: TrainingData, ids: Uint32Array): Promise<Batch> {
  const words = wordsOf(data.size);
  const bytes = new Uint8Array(4 * words * ids.length);
  for (const [at, id] of ids.entries()) {
    const image = data.read(id);
    bytes.set(image instanceof Promise ? await image : image, 4 * words * at);
  }
  return {
    packed: new Uint32Array(bytes.buffer),
    labels: Uint32Array.from(ids, (id) => data.labels[id]!),
    ids,
  };
}
