/** CIFAR-10 from the cache folder, from a folder of the user's in any of its forms, or the sample that ships. */

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { concatenate } from '../base/concatenate.js';
import { UserError } from '../base/errors.js';
import type { OnProgress } from '../base/progress.js';
import { cacheFolder, packageFolder, readBytes } from '../node/files.js';
import { readPythonBatch } from './cifar-python.js';
import { fetchCifar10 } from './cifar10-fetch.js';
import {
  CIFAR10_CLASSES,
  CIFAR10_FILES,
  CIFAR10_LABELS,
  CIFAR10_SIZE,
  type Cifar10Split,
  PLANE,
  parseLabels,
  RECORD_BYTES,
  spriteToRecords,
} from './cifar10-format.js';
import { checkIndex, type Dataset, type Sample } from './dataset.js';
import { decodeImage } from './image-files.js';
import { assignmentText, matchClasses } from './labels.js';

export interface OpenCifar10Options {
  /** Default: `test`. */
  readonly split?: Cifar10Split;
  /** A folder with the data; default: the cache folder, fetched into it at first use. */
  readonly folder?: string;
  readonly onProgress?: OnProgress;
  /** The net's classes, in the order of its outputs: labels are their indices. */
  readonly labels?: readonly string[];
}

/** CIFAR-10 with its records at hand, for a trainer that wants no promise per image. */
export interface Cifar10 extends Dataset {
  /** Records of `RECORD_BYTES` bytes: label, then planes R, G, B. */
  readonly records: Uint8Array;
}

/**
 * Opens the test (10,000 images) or training split (50,000).
 * @throws UserError for a folder in no known form
 * @throws Error where fetching fails
 */
export async function openCifar10(options: OpenCifar10Options = {}): Promise<Cifar10> {
  const { split = 'test', folder, onProgress, labels } = options;
  const name = folder === undefined ? 'cifar10' : `cifar10:${folder}`;
  const from = folder ?? join(cacheFolder(), 'cifar10');
  if (folder === undefined && !CIFAR10_FILES[split].every((file) => isWhole(join(from, `${file}.bin`))))
    await fetchCifar10(onProgress ? { onProgress } : {});
  const records = await readRecords(from, split);
  const dataset = recordsDataset(
    split === 'test' ? name : `${name} (${split})`,
    records,
    (index) => `cifar10:${split}/${index}`,
    CIFAR10_CLASSES,
    labels,
  );
  return { ...dataset, records };
}

/** Whether a batch in the cache holds all of its 10,000 images: one that was cut may end at a whole record. */
function isWhole(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === 10_000 * RECORD_BYTES;
}

function hasAll(folder: string, names: readonly string[], ending: string): boolean {
  return names.every((name) => existsSync(join(folder, `${name}.${ending}`)));
}

async function readRecords(folder: string, split: Cifar10Split): Promise<Uint8Array> {
  const names = CIFAR10_FILES[split];
  const binary = [folder, join(folder, 'cifar-10-batches-bin')].find((place) => hasAll(place, names, 'bin'));
  if (binary) {
    const parts = await Promise.all(names.map((name) => readBatch(join(binary, `${name}.bin`))));
    return parts.length === 1 ? parts[0]! : concatenate(Uint8Array, parts);
  }
  const sprites = [folder, join(folder, 'package')].find(
    (place) => hasAll(place, names, 'png') && existsSync(join(place, CIFAR10_LABELS[split])),
  );
  if (sprites) {
    const labels = parseLabels(
      await readBytes(join(sprites, CIFAR10_LABELS[split]), 'labels'),
      CIFAR10_LABELS[split],
    );
    const parts: Uint8Array[] = [];
    let used = 0;
    for (const name of names) {
      const path = join(sprites, `${name}.png`);
      const sprite = await decodeImage(await readBytes(path, 'a sprite'), path);
      parts.push(spriteToRecords(sprite, labels.subarray(used, used + sprite.height), path));
      used += sprite.height;
    }
    if (used !== labels.length)
      throw new UserError(`${sprites}: expected as many labels as images, got ${labels.length} for ${used}`);
    return concatenate(Uint8Array, parts);
  }
  const python = [folder, join(folder, 'cifar-10-batches-py')].find((place) =>
    names.every((name) => existsSync(join(place, name))),
  );
  if (python) {
    const parts: Uint8Array[] = [];
    for (const name of names) {
      const path = join(python, name);
      parts.push(
        readPythonBatch(await readBytes(path, 'a CIFAR-10 batch'), path, 'labels', CIFAR10_CLASSES.length),
      );
    }
    return concatenate(Uint8Array, parts);
  }
  if (!existsSync(folder))
    throw new UserError(
      `cifar10: ${folder}: expected a folder with CIFAR-10, got no such folder; check the path`,
    );
  throw new UserError(
    `cifar10: ${folder}: expected ${names[0]}.bin, or ${names[0]} of the Python version, or ${names[0]}.png with ${CIFAR10_LABELS[split]}, ` +
      'got none of them; leave out the folder to fetch it',
  );
}

async function readBatch(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path, 'a CIFAR-10 batch');
  if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) {
    throw new UserError(
      `${path}: expected records of ${RECORD_BYTES} bytes, got ${bytes.length} bytes (truncated?); fetch it again`,
    );
  }
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
    if (bytes[at]! >= CIFAR10_CLASSES.length) {
      throw new UserError(
        `${path}: expected labels from 0 to 9, got ${bytes[at]} in record ${at / RECORD_BYTES} (damaged, or CIFAR-100?)`,
      );
    }
  }
  return bytes;
}

/** A data set over records, labelled for a net whose classes are `labels`. */
export function recordsDataset(
  name: string,
  records: Uint8Array,
  source: (index: number) => string,
  classes: readonly string[],
  labels: readonly string[] | undefined,
): Dataset {
  const assigned = matchClasses(classes, { name, ...(labels ? { labels } : {}) });
  const labelOf = classes.map((text) => assigned.labelOf(text));
  const length = records.length / RECORD_BYTES;
  const get = async (index: number): Promise<Sample> => {
    checkIndex(name, index, length);
    const at = index * RECORD_BYTES;
    const data = new Uint8Array(3 * PLANE);
    for (let c = 0; c < 3; c++) {
      for (let p = 0; p < PLANE; p++) data[3 * p + c] = records[at + 1 + c * PLANE + p]!;
    }
    return {
      index,
      source: source(index),
      label: labelOf[records[at]!]!,
      image: { width: CIFAR10_SIZE, height: CIFAR10_SIZE, data },
    };
  };
  const digest = async () => createHash('sha256').update(records).digest('hex');
  const assignment = assignmentText(assigned.how, source(0), labelOf[records[0]!]!, assigned.classes);
  return { name, length, classes: assigned.classes, assignment, digest, get };
}

/**
 * Opens the 256 test images that ship with the package (data/sample): the first 26 or 25 of each class in test order,
 * class by class in turn, so that every beginning of the sample is balanced too.
 */
export async function openCifar10Sample(netLabels?: readonly string[]): Promise<Dataset> {
  const name = 'cifar10-sample';
  const path = join(packageFolder(), 'data', 'sample', 'cifar10-256');
  const sprite = await decodeImage(
    await readBytes(`${path}.png`, 'the sample that ships with the package'),
    `${path}.png`,
  );
  const { indices, labels }: { indices: number[]; labels: number[] } = JSON.parse(
    new TextDecoder().decode(await readBytes(`${path}.json`, 'the labels of the sample')),
  );
  const assigned = matchClasses(CIFAR10_CLASSES, { name, ...(netLabels ? { labels: netLabels } : {}) });
  const labelOf = CIFAR10_CLASSES.map((text) => assigned.labelOf(text));
  const source = (index: number) => `cifar10:test/${indices[index]}`;
  const columns = sprite.width / CIFAR10_SIZE;
  const get = async (index: number): Promise<Sample> => {
    checkIndex(name, index, labels.length);
    const data = new Uint8Array(3 * PLANE);
    const left = 3 * CIFAR10_SIZE * (index % columns);
    for (let y = 0; y < CIFAR10_SIZE; y++) {
      const from = 3 * sprite.width * (Math.floor(index / columns) * CIFAR10_SIZE + y) + left;
      data.set(sprite.data.subarray(from, from + 3 * CIFAR10_SIZE), 3 * CIFAR10_SIZE * y);
    }
    const image = { width: CIFAR10_SIZE, height: CIFAR10_SIZE, data };
    return { index, source: source(index), label: labelOf[labels[index]!]!, image };
  };
  const digest = async () =>
    createHash('sha256').update(sprite.data).update(JSON.stringify({ indices, labels })).digest('hex');
  const assignment = assignmentText(assigned.how, source(0), labelOf[labels[0]!]!, assigned.classes);
  return { name, length: labels.length, classes: assigned.classes, assignment, digest, get };
}
