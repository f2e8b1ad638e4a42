/** A data set in memory, as a trainer and its tests take it: bytes at the net's size. */
import { UserError } from '../base/errors.js';
import type { Cifar10 } from '../data/cifar10.js';
import { PLANE, RECORD_BYTES } from '../data/cifar10-format.js';
import type { Dataset } from '../data/datasets.js';
import { preprocess } from '../data/image.js';
import type { NetSpec } from '../nets/spec.js';
import type { TrainingData } from '../train/data.js';
import type { Console } from './console.js';
import { Interrupted } from './services.js';

/** Images stay in memory: more bytes than this are refused. */
const MOST_BYTES = 4 * 2 ** 30;

/**
 * Reads all images once.
 * @throws UserError where they take more than 4 GiB, or where one cannot be read
 */
export async function loadImages(
  dataset: Dataset,
  { height, width, form }: Pick<NetSpec, 'height' | 'width' | 'form'>,
  console: Console,
  signal: AbortSignal,
): Promise<TrainingData> {
  const { name, length } = dataset;
  const bytes = 3 * height * width;
  const size = [height, width] as const;
  const records = 'records' in dataset ? (dataset as Cifar10).records : undefined;
  if (records && bytes === 3 * PLANE) {
    const at = (index: number) => index * RECORD_BYTES;
    const labels = Uint32Array.from({ length }, (_, index) => records[at(index)]!);
    return { name, length, size, labels, read: (index) => records.subarray(at(index) + 1, at(index + 1)) };
  }
  if (length * bytes > MOST_BYTES)
    throw new UserError(
      `${name}: expected images that take at most ${MOST_BYTES / 2 ** 30} GiB of memory, got ${length} of ${width}x${height}; take a smaller --input-size or fewer images`,
    );
  const all = new Uint8Array(length * bytes);
  const labels = new Uint32Array(length);
  const progress = console.progress(`read ${name}`, length, 'images');
  try {
    for (let index = 0; index < length; index++) {
      if (signal.aborted) throw new Interrupted('interrupted');
      const { image, label, source } = await dataset.get(index);
      const { data } = fitted(image, source, { inputSize: [height, width], form });
      const plane = height * width;
      for (let c = 0; c < 3; c++) {
        for (let p = 0; p < plane; p++) all[index * bytes + c * plane + p] = data[3 * p + c]!;
      }
      labels[index] = label;
      progress.at(index + 1);
    }
  } finally {
    progress.stop();
  }
  return { name, length, size, labels, read: (index) => all.subarray(index * bytes, (index + 1) * bytes) };
}

function fitted(
  ...[image, source, options]: [Parameters<typeof preprocess>[0], string, Parameters<typeof preprocess>[1]]
) {
  try {
    return preprocess(image, options);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${source}: ${error.message}`) : error;
  }
}

/** The first `count` images as pixels in [0, 1], [count, 3, h, w], from `first` on. */
export async function pixelsOf(data: TrainingData, first: number, count: number): Promise<Float32Array> {
  const bytes = 3 * data.size[0] * data.size[1];
  const pixels = new Float32Array(count * bytes);
  for (let i = 0; i < count; i++) {
    const image = await data.read(first + i);
    for (let at = 0; at < bytes; at++) pixels[i * bytes + at] = image[at]! / 255;
  }
  return pixels;
}
