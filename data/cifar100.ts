/** CIFAR-100 (Krizhevsky 2009), by its 100 fine classes: the Python or the binary version in a folder of the user's. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { readBytes } from '../node/files.js';
import { readPythonBatch, readPythonNames } from './cifar-python.js';
import { recordsDataset } from './cifar10.js';
import { RECORD_BYTES } from './cifar10-format.js';
import type { Dataset } from './dataset.js';
import { lines } from './image-lists.js';

const CLASSES = 100;

/**
 * Opens the test images.
 * @param labels the net's classes, in the order of its outputs
 * @throws UserError for a folder in neither form
 */
export async function openCifar100(
  folder: string,
  labels?: readonly string[],
  split: 'train' | 'test' = 'test',
): Promise<Dataset> {
  const name = `cifar100:${folder}${split === 'test' ? '' : ' (train)'}`;
  const place = [folder, join(folder, 'cifar-100-python'), join(folder, 'cifar-100-binary')].find(
    (candidate) =>
      (existsSync(join(candidate, split)) && existsSync(join(candidate, 'meta'))) ||
      (existsSync(join(candidate, `${split}.bin`)) && existsSync(join(candidate, 'fine_label_names.txt'))),
  );
  if (place === undefined)
    throw new UserError(
      `${name}: expected ${split} and meta of the Python version, or ${split}.bin and fine_label_names.txt of the binary one, got neither`,
    );
  const { records, classes } = existsSync(join(place, 'meta'))
    ? await python(place, split)
    : await binary(place, split);
  if (classes.length !== CLASSES)
    throw new UserError(`${name}: expected ${CLASSES} names of classes, got ${classes.length}`);
  return recordsDataset(name, records, (index) => `cifar100:${split}/${index}`, classes, labels);
}

interface Read {
  readonly records: Uint8Array;
  readonly classes: readonly string[];
}

async function python(place: string, split: string): Promise<Read> {
  const meta = join(place, 'meta');
  const test = join(place, split);
  return {
    classes: readPythonNames(await readBytes(meta, 'the names of CIFAR-100'), meta, 'fine_label_names'),
    records: readPythonBatch(await readBytes(test, 'a CIFAR-100 batch'), test, 'fine_labels', CLASSES),
  };
}

/** Records of the binary version have the label of a superclass before the fine one. */
async function binary(place: string, split: string): Promise<Read> {
  const path = join(place, `${split}.bin`);
  const bytes = await readBytes(path, 'a CIFAR-100 batch');
  const stride = RECORD_BYTES + 1;
  if (bytes.length === 0 || bytes.length % stride !== 0)
    throw new UserError(
      `${path}: expected records of ${stride} bytes, got ${bytes.length} bytes (truncated?)`,
    );
  const count = bytes.length / stride;
  const records = new Uint8Array(count * RECORD_BYTES);
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * stride + 1, (i + 1) * stride);
    if (record[0]! >= CLASSES)
      throw new UserError(`${path}: expected labels below ${CLASSES}, got ${record[0]} in record ${i}`);
    records.set(record, i * RECORD_BYTES);
  }
  return { records, classes: await lines(join(place, 'fine_label_names.txt')) };
}
