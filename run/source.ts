/** Where a command's images come from: files named on the command line or a data set, at the size of the net. */

import { parseRegion } from '../attack/regions.js';
import { UserError } from '../base/errors.js';
import { preprocess, resizeAntialias } from '../data/image.js';
import type { Image } from '../data/rgb.js';
import type { Model } from '../nets/model.js';
import type { NetSpec } from '../nets/spec.js';
import { isScarcity } from '../node/file-errors.js';
import type { Named } from '../report/run-files.js';
import { classIndex, type DataOptions } from './options.js';
import { type Photo, photoOf } from './photos.js';
import { pictureNames } from './picture-names.js';
import type { Services } from './services.js';

/**
 * The mask of a region that is a picture: its grey levels, resized to the net's input; undefined for other regions.
 * @returns [h, w] in [0, 1]
 */
export async function regionMask(
  text: string,
  { height, width }: Pick<NetSpec, 'height' | 'width'>,
  services: Services,
): Promise<Float32Array | undefined> {
  const region = parseRegion(text);
  if (region.kind !== 'file') return undefined;
  const picture = await services.readImage(region.path);
  const { data } = resizeAntialias(picture, width, height);
  return Float32Array.from({ length: height * width }, (_, p) => data[3 * p]! / 255);
}

/** An image as the net gets it: 8-bit, at the net's input size. */
export interface Picture extends Named {
  readonly source: string;
  /** True class, null where it is not known. */
  readonly label: number | null;
  readonly image: Image;
  /** What it was made of, where that is larger. */
  readonly photo?: Photo | undefined;
}

export interface Source {
  /**
   * For the fingerprint of a run: the data set's name, or the files, each with the digest of its content. A picture that took another's
   * name is another picture.
   */
  identity(): Promise<string | readonly string[]>;
  /** The label given for all images, if one was. */
  readonly label: number | null;
  /** Images have labels; else the net's own predictions stand for them. */
  readonly labelled: boolean;
  readonly indices: readonly number[];
  /** How a data set's labels were assigned, in one line. */
  readonly assignment?: string;
  load(index: number): Promise<Picture>;
}

/**
 * Opens what the command names. Data sets that are not there yet are fetched.
 * @throws UserError if nothing is named, both are, or a label does not exist.
 */
export async function openSource(
  files: readonly string[],
  options: DataOptions,
  model: Model,
  services: Services,
): Promise<Source> {
  if (files.length > 0 && options.dataset !== undefined) {
    throw new UserError('images: expected image files or --dataset, got both; leave one out');
  }
  if (files.length === 0 && options.dataset === undefined) {
    throw new UserError(
      'images: expected image files or --dataset, got neither; try --dataset cifar10-sample',
    );
  }
  const { height, width, form } = model.spec;
  const preprocessing = { inputSize: [height, width], form, mode: options.preprocess } as const;
  const fit = (original: Image, of: string, read: () => Promise<Image>) => {
    try {
      const image = preprocess(original, preprocessing);
      return { image, photo: photoOf(original, image, preprocessing, read) };
    } catch (error) {
      throw error instanceof UserError ? new UserError(`${of}: ${error.message}`) : error;
    }
  };
  if (options.dataset !== undefined) return datasetSource(options.dataset, options, model, services, fit);

  const names = pictureNames(files);
  const label =
    options.label === undefined
      ? null
      : classIndex('--label', options.label, model.labels, model.spec.classes);
  return {
    async identity() {
      const identities: string[] = [];
      for (const file of files) identities.push(`${file} ${await digestOf(file, services)}`);
      return identities;
    },
    label,
    labelled: label !== null,
    indices: select(files.length, options, `${files.length} image files`),
    async load(index) {
      const source = files[index]!;
      const read = () => services.readImage(source);
      return { index, name: names[index]!, source, label, ...fit(await read(), source, read) };
    },
  };
}

/** What can't be read is told with its batch; it is not the same as what can be. */
async function digestOf(file: string, services: Services): Promise<string> {
  try {
    return `sha256:${await services.digest(file)}`;
  } catch (error) {
    if (isScarcity(error)) throw error;
    return 'unreadable';
  }
}

async function datasetSource(
  text: string,
  options: DataOptions,
  model: Model,
  services: Services,
  fit: (image: Image, of: string, read: () => Promise<Image>) => Pick<Picture, 'image' | 'photo'>,
): Promise<Source> {
  if (options.label !== undefined) {
    throw new UserError(
      '--label: expected image files, got --dataset, which has labels of its own; leave one out',
    );
  }
  const dataset = await services.openDataset(text, services.console, model.labels);
  if (dataset.length === 0)
    throw new UserError(`--dataset ${text}: expected images, got none; check the folder`);
  if (dataset.classes.length > model.spec.classes) {
    throw new UserError(
      `--dataset ${text}: expected at most ${model.spec.classes} classes for ${model.name}, got ${dataset.classes.length}; choose a net or data that fit`,
    );
  }
  return {
    identity: async () => `${dataset.name} sha256:${await dataset.digest()}`,
    label: null,
    labelled: true,
    assignment: dataset.assignment,
    indices: select(dataset.length, options, `${dataset.name}, ${dataset.length} images`),
    async load(index) {
      const sample = await dataset.get(index);
      if (sample.label >= model.spec.classes) {
        throw new UserError(
          `${sample.source}: expected a label below ${model.spec.classes}, got ${sample.label}; choose a net or data that fit`,
        );
      }
      return {
        index,
        source: sample.source,
        label: sample.label,
        ...fit(sample.image, sample.source, async () => (await dataset.get(index)).image),
      };
    },
  };
}

function select(length: number, { offset, limit = Infinity }: DataOptions, of: string): number[] {
  if (offset >= length)
    throw new UserError(`--offset: expected an index below ${length} (${of}), got ${offset}`);
  return Array.from({ length: Math.min(limit, length - offset) }, (_, i) => offset + i);
}
