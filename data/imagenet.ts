/**
 * ImageNet-like folders. The first of these forms that DIR has is used; what is looked up "in DIR" is looked up in DIR/val too:
 *
 * 1. `val.txt`: a line per image, its path (within the folder of val.txt, or `val`, `images` beneath it) and its label, a class
 *    index from 0 or a WordNet id.
 * 2. `LOC_val_solution.csv` (Kaggle): image name and WordNet id.
 * 3. `ILSVRC2012_val_*.JPEG`, sorted, with a label a line in `synset_labels.txt` or
 *    `imagenet_2012_validation_synset_labels.txt` (WordNet ids) or `ground_truth.txt` (class indices from 0 or WordNet ids).
 *    The devkit's own ground truth is refused: its ids are not in class order.
 * 4. A folder per class, with images at any depth. If all names are WordNet ids of ImageNet, labels are ImageNet's classes, even where
 *    only some exist; if all are whole numbers, labels are these numbers; if all are in `classes.txt`, their lines; else labels
 *    count the folders in sorted order.
 *
 * Class names: `classes.txt` or `imagenet_classes.txt` in DIR (a line per class), else ImageNet's own, else the folders'.
 */

import { createHash } from 'node:crypto';
import { existsSync, type PathLike, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { UserError } from '../base/errors.js';
import { fileError } from '../node/files.js';
import { checkIndex, type Dataset } from './dataset.js';
import { readImage } from './image-files.js';
import { imagenetNames, imagenetSynsets } from './imagenet-classes.js';

interface Listed {
  readonly path: string;
  readonly label: number;
}

interface Found {
  readonly images: readonly Listed[];
  /** Names of the classes where the form itself gives them. */
  readonly classes?: readonly string[];
}

const IMAGE = /\.(jpe?g|png)$/i;
const SYNSET = /^n\d{8}$/;
const LABEL_LISTS = ['synset_labels.txt', 'imagenet_2012_validation_synset_labels.txt', 'ground_truth.txt'];
const DEVKIT_LIST = 'ILSVRC2012_validation_ground_truth.txt';

/** Opens an ImageNet-like folder; @throws UserError where it has none of the forms above. */
export async function openImagenet(folder: string): Promise<Dataset> {
  const name = `imagenet:${folder}`;
  if (!isFolder(folder))
    throw new UserError(
      `${name}: expected a folder, got ${existsSync(folder) ? 'a file' : 'no such folder'}; check the path`,
    );
  const places = [folder, join(folder, 'val')].filter(isFolder);
  const names = await classNames(places);
  const found =
    (await fromList(places)) ??
    (await fromSolution(places)) ??
    (await fromSorted(places)) ??
    (await fromFolders(places, names));
  if (!found || found.images.length === 0) {
    throw new UserError(
      `${name}: expected a folder per class, or val.txt, or ILSVRC2012_val_*.JPEG with a list of labels, got none of them`,
    );
  }
  const { images } = found;
  const classes = names ?? found.classes ?? imagenetNames;
  const outside = images.find(({ label }) => label >= classes.length);
  if (outside)
    throw new UserError(
      `${name}: ${relative(folder, outside.path)} has label ${outside.label}, expected one below ${classes.length}`,
    );
  return {
    name,
    length: images.length,
    classes,
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
      return { index, source: relative(folder, path), label, image: await readImage(path) };
    },
  };
}

const isFolder = (path: PathLike): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
const findFile = (places: readonly string[], names: readonly string[]): string | undefined =>
  places.flatMap((place) => names.map((name) => join(place, name))).find((path) => existsSync(path));

/** Byte order of UTF-16, as nets' class orders were made; locales would differ. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function lines(path: string): Promise<string[]> {
  try {
    const text = await readFile(path, 'utf8');
    return text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
  } catch (error) {
    throw fileError(error, path, 'a text file');
  }
}

async function classNames(places: readonly string[]): Promise<string[] | undefined> {
  const path = findFile(places, ['classes.txt', 'imagenet_classes.txt']);
  return path === undefined ? undefined : await lines(path);
}

/** A label as lists have it: a class index, or a WordNet id. */
function parseLabel(text: string, where: string): number {
  const label = SYNSET.test(text) ? imagenetSynsets.indexOf(text) : /^\d+$/.test(text) ? Number(text) : -1;
  if (label < 0)
    throw new UserError(`${where}: expected a class index from 0 or a WordNet id of ImageNet, got "${text}"`);
  return label;
}

async function fromList(places: readonly string[]): Promise<Found | undefined> {
  const list = findFile(places, ['val.txt']);
  if (list === undefined) return undefined;
  const base = resolve(list, '..');
  const entries = (await lines(list)).map((line, i) => {
    const match = /^(.+?)[\s,]+(\S+)$/.exec(line);
    if (!match) throw new UserError(`${list}, line ${i + 1}: expected "PATH LABEL", got "${line}"`);
    return { name: match[1]!, label: parseLabel(match[2]!, `${list}, line ${i + 1}`) };
  });
  const first = entries[0]?.name;
  if (first === undefined) throw new UserError(`${list}: expected a line per image, got an empty file`);
  const roots = [base, join(base, 'val'), join(base, 'images')];
  const root = roots.find((place) => existsSync(join(place, first)));
  if (root === undefined)
    throw new UserError(`${list}: expected its first image ${first} in ${roots.join(' or ')}, got none`);
  return { images: entries.map(({ name, label }) => ({ path: join(root, name), label })) };
}

async function fromSolution(places: readonly string[]): Promise<Found | undefined> {
  const list = findFile(places, ['LOC_val_solution.csv']);
  if (list === undefined) return undefined;
  const files = await validationFiles(places, /\.jpe?g$/i);
  const paths = new Map(files.map((path) => [path.replace(/^.*[\\/]/, '').replace(/\.\w+$/, ''), path]));
  const images: Listed[] = [];
  for (const line of (await lines(list)).slice(1)) {
    const [id = '', prediction = ''] = line.split(',');
    const path = paths.get(id);
    if (path !== undefined)
      images.push({ path, label: parseLabel(prediction.trim().split(' ')[0]!, `${list}, ${id}`) });
  }
  if (images.length === 0) throw new UserError(`${list}: expected its images beside it or in val, got none`);
  return { images: images.sort((a, b) => byName(a.path, b.path)) };
}

async function validationFiles(places: readonly string[], pattern: RegExp): Promise<string[]> {
  for (const place of places) {
    const names = (await readdir(place)).filter((name) => pattern.test(name)).sort(byName);
    if (names.length > 0) return names.map((name) => join(place, name));
  }
  return [];
}

async function fromSorted(places: readonly string[]): Promise<Found | undefined> {
  const files = await validationFiles(places, /^ILSVRC2012_val_\d+\.jpe?g$/i);
  if (files.length === 0) return undefined;
  const list = findFile(places, LABEL_LISTS);
  if (list === undefined) {
    const devkit = findFile(places, [DEVKIT_LIST]);
    throw new UserError(
      `${files[0]}: expected labels in val.txt, LOC_val_solution.csv or ${LABEL_LISTS.join(', ')}, got ` +
        (devkit === undefined ? 'none' : `${DEVKIT_LIST}, whose ids are not in class order`),
    );
  }
  const labels = (await lines(list)).map((line, i) => parseLabel(line, `${list}, line ${i + 1}`));
  // The number in the name says which line is meant, so that a part of the images will do.
  const images = files.map((path) => {
    const label = labels[Number(/(\d+)\.\w+$/.exec(path)![1]) - 1];
    if (label === undefined)
      throw new UserError(`${list}: expected a label for ${path}, got only ${labels.length} lines`);
    return { path, label };
  });
  return { images };
}

async function fromFolders(
  places: readonly string[],
  names: readonly string[] | undefined,
): Promise<Found | undefined> {
  // DIR/val goes first: DIR may hold train and val, which are no classes.
  for (const place of [...places].reverse()) {
    const folders = (await readdir(place, { withFileTypes: true }))
      .filter((entry) => !entry.name.startsWith('.') && isFolder(join(place, entry.name)))
      .map((entry) => entry.name)
      .sort(byName);
    const images: Listed[][] = [];
    const label = labeller(folders, names);
    for (const folder of folders) {
      const files = await readdir(join(place, folder), { recursive: true });
      images.push(
        files
          .filter((name) => IMAGE.test(name))
          .sort(byName)
          .map((name) => ({ path: join(place, folder, name), label: label(folder) })),
      );
    }
    if (images.some((list) => list.length > 0)) {
      const plain = !folders.every((folder) => imagenetSynsets.includes(folder));
      const classes = folders.every(isNumber) ? undefined : folders;
      return { images: images.flat(), ...(plain && classes ? { classes } : {}) };
    }
  }
  return undefined;
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** The label of a class folder; see rule 4 above. */
function labeller(
  folders: readonly string[],
  names: readonly string[] | undefined,
): (folder: string) => number {
  if (folders.every((folder) => imagenetSynsets.includes(folder)))
    return (folder) => imagenetSynsets.indexOf(folder);
  if (folders.every(isNumber)) return Number;
  if (names && folders.every((folder) => names.includes(folder))) return (folder) => names.indexOf(folder);
  return (folder) => folders.indexOf(folder);
}
