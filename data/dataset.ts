/** What a labelled set of images is; datasets.ts opens them by name. */

import { UserError } from '../base/errors.js';
import type { Image } from './rgb.js';

/** One labelled image. */
export interface Sample {
  /** Position in the data set. */
  readonly index: number;
  /** Where the image comes from: a path within the data set, or "cifar10:test/123". */
  readonly source: string;
  /** Class index, from 0. */
  readonly label: number;
  /** As stored: preprocessing is the caller's. */
  readonly image: Image;
}

/** A labelled set of images, read one by one. */
export interface Dataset {
  /** As it was opened by: `cifar10-sample`. */
  readonly name: string;
  /** Images in it. */
  readonly length: number;
  /** Names of its classes, in the order of the labels. */
  readonly classes: readonly string[];
  /** How labels were assigned, in one line with an example: "labels by the net's class names: cat/1.png is 3 (cat)". */
  readonly assignment: string;
  /** A sha256 in hex that tells data of one name apart: of the records where they are at hand, else of names, labels and sizes of the files. */
  digest(): Promise<string>;
  /** @throws UserError for an index outside, and where the image cannot be read. */
  get(index: number): Promise<Sample>;
}

/** The check that every `get` begins with. */
export function checkIndex(name: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new UserError(`${name}: expected an index from 0 to ${length - 1}, got ${index}`);
  }
}
