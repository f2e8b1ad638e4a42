/**
 * Folders of images. The first of these forms that DIR has is used; what is looked up "in DIR" is looked up in DIR/val too:
 *
 * 1. `val.txt`: a line per image, its path (within the folder of val.txt, or `val`, `images` beneath it) and its class.
 * 2. `val_annotations.txt` (Tiny-ImageNet) with the images in `images` beside it.
 * 3. `LOC_val_solution.csv` (Kaggle): image name and WordNet id.
 * 4. `ILSVRC2012_val_*.JPEG`, sorted, with a class a line in `synset_labels.txt` or
 *    `imagenet_2012_validation_synset_labels.txt` (WordNet ids) or `ground_truth.txt`.
 *    The devkit's own ground truth is refused: its ids are not in class order.
 * 5. A folder per class, with images at any depth. Hidden folders and those without images are no classes.
 *
 * Classes are labelled by the first of these that holds for all of them (labels.ts):
 *
 * - the lines of `classes.txt` or `imagenet_classes.txt` in DIR;
 * - the net's own class names, but for case and separators, even where only some are there;
 * - whole numbers: these numbers, whatever the order of the names (`imagefolder:DIR` counts in that order);
 * - WordNet ids: ImageNet's classes for a net of 1,000; the net's classes of these names; else the sorted order of all ids in
 *   `wnids.txt` or of the folders in `train`, or of the ids themselves if they are as many as the net's classes;
 * - as many names as the net has classes: their sorted order.
 *
 * Anything else is refused. `imagefolder:DIR` is torchvision's `ImageFolder(DIR)`: a folder per class, counted in sorted order.
 */

import { createHash } from 'node:crypto';
import { existsSync, type PathLike, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { UserError } from '../base/errors.js';
import { checkIndex, type Dataset } from './dataset.js';
import { IMAGE_NAME, readImage } from './image-files.js';
import {
  checkInside,
  findFile,
  fromAnnotations,
  fromList,
  fromSolution,
  fromSorted,
  type Listed,
  lines,
} from './image-lists.js';
import { assignLabels, assignmentText, byName, isSynset, type LabelContext, type Labels } from './labels.js';

export interface OpenFolderOptions {
  /** The net's classes, in the order of its outputs. */
  readonly labels?: readonly string[];
  /** `ImageFolder`: folders count in sorted order, whatever they are called. */
  readonly counted?: boolean;
}

/** Opens a folder of images; @throws UserError where it has none of the forms above. */
export async function openImagenet(folder: string, options: OpenFolderOptions = {}): Promise<Dataset> {
  const { labels, counted = false } = options;
  const name = `${counted ? 'imagefolder' : 'imagenet'}:${folder}`;
  if (!isFolder(folder))
    throw new UserError(
      `${name}: expected a folder, got ${existsSync(folder) ? 'a file' : 'no such folder'}; check the path`,
    );
  const places = counted ? [folder] : [folder, join(folder, 'val')].filter(isFolder);
  const listed = counted
    ? undefined
    : ((await fromList(places)) ??
      (await fromAnnotations(places)) ??
      (await fromSolution(places)) ??
      (await fromSorted(places)));
  const found = listed ?? (await fromFolders(places));
  if (!found || found.length === 0) {
    throw new UserError(
      `${name}: expected a folder per class, or val.txt, or ILSVRC2012_val_*.JPEG with a list of labels, got none of them`,
    );
  }
  const texts = [...new Set(found.map(({ text }) => text))];
  const assigned = counted
    ? countedLabels(name, texts, labels)
    : assignLabels(texts, { ...(await contextOf(name, places, labels)), folders: listed === undefined });
  const images = found.map(({ path, text }) => ({ path, label: assigned.labelOf(text) }));
  const first = images[0]!;
  return {
    name,
    length: images.length,
    classes: assigned.classes,
    assignment: assignmentText(assigned.how, relative(folder, first.path), first.label, assigned.classes),
    async digest() {
      const hash = createHash('sha256');
      // Not of the contents, which would be read twice: gigabytes.
      for (const { path, label } of images) {
        const size = statSync(path, { throwIfNoEntry: false })?.size;
        hash.update(`${JSON.stringify([relative(folder, path), label, size])}\n`);
      }
      return hash.digest('hex');
    },
    async get(index) {
      checkIndex(name, index, images.length);
      const { path, label } = images[index]!;
      if (listed) await checkInside(folder, path);
      return { index, source: relative(folder, path), label, image: await readImage(path) };
    },
  };
}

const isFolder = (path: PathLike): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
};

function countedLabels(
  name: string,
  texts: readonly string[],
  labels: readonly string[] | undefined,
): Labels {
  const classes = [...texts].sort(byName);
  if (labels && classes.length > labels.length)
    throw new UserError(
      `${name}: expected at most ${labels.length} classes, as the net has, got ${classes.length}; choose a net or data that fit`,
    );
  const positions = new Map(classes.map((text, index) => [text, index]));
  return { classes, how: "in ImageFolder's order", labelOf: (text) => positions.get(text)! };
}

async function contextOf(
  name: string,
  places: readonly string[],
  labels: readonly string[] | undefined,
): Promise<LabelContext> {
  const list = findFile(places, ['classes.txt', 'imagenet_classes.txt']);
  const ids = findFile(places, ['wnids.txt']);
  const train = join(places[0]!, 'train');
  const synsets = ids !== undefined ? await lines(ids) : isFolder(train) ? await classFolders(train) : [];
  return {
    name,
    ...(labels ? { labels } : {}),
    ...(list === undefined ? {} : { listed: await lines(list) }),
    ...(synsets.length > 0 && synsets.every(isSynset) ? { synsets } : {}),
  };
}

async function classFolders(place: string): Promise<string[]> {
  return (await readdir(place)).filter((name) => isShown(name) && isFolder(join(place, name))).sort(byName);
}

/** Neither hidden (`.git`, `._a.png`, `.ipynb_checkpoints`) nor what macOS adds to zip archives. */
const isShown = (name: string): boolean => !name.startsWith('.') && name !== '__MACOSX';

async function fromFolders(places: readonly string[]): Promise<Listed[] | undefined> {
  // DIR/val goes first: DIR may hold train and val, which are no classes.
  for (const place of [...places].reverse()) {
    const images: Listed[] = [];
    for (const folder of await classFolders(place)) {
      const files = (await readdir(join(place, folder), { recursive: true }))
        .filter((name) => IMAGE_NAME.test(name) && name.split(sep).every(isShown))
        .sort(byName);
      images.push(...files.map((name) => ({ path: join(place, folder, name), text: folder })));
    }
    if (images.length > 0) return images;
  }
  return undefined;
}
