/** The two parts of a data set that training needs: images to learn from, and others to be judged by. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { openCifar10 } from './cifar10.js';
import { openCifar100 } from './cifar100.js';
import type { Dataset } from './dataset.js';
import { type OpenDatasetOptions, openDataset } from './datasets.js';
import { openImagenet } from './imagenet.js';

export interface TrainingSets {
  /** `cifar10`, or the data set's name without its place: what a trained net says of itself. */
  readonly dataset: string;
  readonly train: Dataset;
  readonly test: Dataset;
  /** Where the test images come from, in a phrase. */
  readonly how: string;
}

/** One of so many images is held out where a data set has no part of its own for tests. */
const HELD_OUT = 10;

/** What folders of test images are called. */
const TEST_FOLDERS = ['val', 'validation', 'test', 'valid'];

/**
 * Opens a data set (`openDataset`) to train on it: CIFAR by its own splits, `imagefolder:DIR` by the folders `train` and `val` (or `test`) in DIR where there are such, all others
 * with every tenth image held out.
 * @throws UserError as `openDataset` does, and where the parts have different classes
 */
export async function openTrainingSets(
  text: string,
  options: OpenDatasetOptions = {},
): Promise<TrainingSets> {
  const [kind, place] = splitAt(text);
  if (kind === 'cifar10') {
    const folder = place === undefined ? {} : { folder: place };
    const train = await openCifar10({ split: 'train', ...folder, ...options });
    const test = await openCifar10({ split: 'test', ...folder, ...options });
    return { dataset: 'cifar10', train, test, how: 'the test split' };
  }
  if (kind === 'cifar100' && place) {
    const train = await openCifar100(place, options.labels, 'train');
    const test = await openCifar100(place, options.labels);
    return { dataset: 'cifar100', train, test, how: 'the test split' };
  }
  const inside = kind === 'imagefolder' && place ? await readdir(place).catch(() => []) : [];
  const tests = TEST_FOLDERS.find((folder) => inside.includes(folder));
  if (place && inside.includes('train') && tests !== undefined) {
    const open = (part: string) => openImagenet(join(place, part), { counted: true, ...options });
    const [train, test] = [await open('train'), await open(tests)];
    if (train.classes.join('/') !== test.classes.join('/'))
      throw new UserError(
        `${text}: expected the classes of train in ${tests} too, got ${train.classes.length} and ${test.classes.length}, or others`,
      );
    return { dataset: nameOf(place), train, test, how: `the folder ${tests}` };
  }
  const all = await openDataset(text, options);
  if (all.length < HELD_OUT)
    throw new UserError(
      `${text}: expected at least ${HELD_OUT} images to hold some out for tests, got ${all.length}`,
    );
  const indices = Array.from({ length: all.length }, (_, i) => i);
  const isTest = (i: number) => i % HELD_OUT === HELD_OUT - 1;
  return {
    dataset: kind === 'cifar10-sample' ? 'cifar10' : place ? nameOf(place) : kind,
    train: part(
      all,
      indices.filter((i) => !isTest(i)),
      'train',
    ),
    test: part(all, indices.filter(isTest), 'test'),
    how: `every ${HELD_OUT}th image, held out`,
  };
}

function splitAt(text: string): [kind: string, place: string | undefined] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function nameOf(place: string): string {
  return place
    .replace(/[\\/]+$/, '')
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.[^.]*$/, '');
}

function part(all: Dataset, indices: readonly number[], name: string): Dataset {
  return {
    ...all,
    name: `${all.name} (${name})`,
    length: indices.length,
    digest: async () => `${await all.digest()} ${name} of ${HELD_OUT}`,
    get: async (index) => ({ ...(await all.get(indices[index]!)), index }),
  };
}
