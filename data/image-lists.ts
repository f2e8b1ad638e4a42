/** Lists of images and their labels, as they come with data sets; see imagenet.ts for which are read. */

import { existsSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { fileError, readBytes } from '../node/files.js';
import { byName } from './labels.js';

/** An image and its class as the list has it: an index, a WordNet id or a name. */
export interface Listed {
  readonly path: string;
  readonly text: string;
}

const LABEL_LISTS = ['synset_labels.txt', 'imagenet_2012_validation_synset_labels.txt', 'ground_truth.txt'];
const DEVKIT_LIST = 'ILSVRC2012_validation_ground_truth.txt';

export const findFile = (places: readonly string[], names: readonly string[]): string | undefined =>
  places.flatMap((place) => names.map((name) => join(place, name))).find((path) => existsSync(path));

/** Trimmed lines that are not empty. */
export async function lines(path: string): Promise<string[]> {
  return new TextDecoder()
    .decode(await readBytes(path, 'a text file'))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A name in a list, which must not lead out of the list's folder. */
export function checkName(name: string, where: string): string {
  const outwards = isAbsolute(name) || normalize(name).split(sep)[0] === '..';
  if (outwards || name.includes('\0'))
    throw new UserError(
      `${where}: expected a path within the data's folder, got "${printable(name)}"; copy the image there`,
    );
  return name;
}

/** @throws UserError where links lead the file out of the folder */
export async function checkInside(folder: string, path: string): Promise<void> {
  try {
    const inside = relative(await realpath(folder), await realpath(path));
    if (isAbsolute(inside) || inside.split(sep)[0] === '..')
      throw new UserError(
        `${path}: expected an image within ${folder}, got a link out of it; copy the image there`,
      );
  } catch (error) {
    throw error instanceof UserError ? error : fileError(error, path, 'an image file');
  }
}

/** `val.txt`: "PATH LABEL" a line. */
export async function fromList(places: readonly string[]): Promise<Listed[] | undefined> {
  const list = findFile(places, ['val.txt']);
  if (list === undefined) return undefined;
  const base = resolve(list, '..');
  const entries = (await lines(list)).map((line, i) => {
    const where = `${list}, line ${i + 1}`;
    const match = /^(.*[^\s,])[\s,]+(\S+)$/.exec(line);
    if (!match) throw new UserError(`${where}: expected "PATH LABEL", got "${printable(line)}"`);
    return { name: checkName(match[1]!, where), text: match[2]! };
  });
  const first = entries[0]?.name;
  if (first === undefined) throw new UserError(`${list}: expected a line per image, got an empty file`);
  const roots = [base, join(base, 'val'), join(base, 'images')];
  const root = roots.find((place) => existsSync(join(place, first)));
  if (root === undefined)
    throw new UserError(
      `${list}: expected its first image ${printable(first)} in ${roots.join(' or ')}, got none`,
    );
  return entries.map(({ name, text }) => ({ path: join(root, name), text }));
}

/** Tiny-ImageNet's `val_annotations.txt`: name, WordNet id and a box, parted by tabs; the images are in `images` beside it. */
export async function fromAnnotations(places: readonly string[]): Promise<Listed[] | undefined> {
  const list = findFile(places, ['val_annotations.txt']);
  if (list === undefined) return undefined;
  const base = resolve(list, '..');
  const folder = [join(base, 'images'), base].find((place) => existsSync(place))!;
  const entries = (await lines(list)).map((line, i) => {
    const where = `${list}, line ${i + 1}`;
    const [name, text] = line.split('\t');
    if (!name || !text)
      throw new UserError(`${where}: expected a name and a WordNet id, got "${printable(line)}"`);
    return { path: join(folder, checkName(name, where)), text };
  });
  const found = entries.filter(({ path }) => existsSync(path));
  // Once the images are moved into a folder per class, the list has none of them.
  return found.length > 0 ? found : undefined;
}

/** Kaggle's `LOC_val_solution.csv`. */
export async function fromSolution(places: readonly string[]): Promise<Listed[] | undefined> {
  const list = findFile(places, ['LOC_val_solution.csv']);
  if (list === undefined) return undefined;
  const files = await validationFiles(places, /\.jpe?g$/i);
  const paths = new Map(files.map((path) => [path.replace(/^.*[\\/]/, '').replace(/\.\w+$/, ''), path]));
  const images: Listed[] = [];
  for (const line of (await lines(list)).slice(1)) {
    const [id = '', prediction = ''] = line.split(',');
    const path = paths.get(id);
    if (path !== undefined) images.push({ path, text: prediction.trim().split(' ')[0]! });
  }
  if (images.length === 0) throw new UserError(`${list}: expected its images beside it or in val, got none`);
  return images.sort((a, b) => byName(a.path, b.path));
}

async function validationFiles(places: readonly string[], pattern: RegExp): Promise<string[]> {
  for (const place of places) {
    const names = (await readdir(place)).filter((name) => pattern.test(name)).sort(byName);
    if (names.length > 0) return names.map((name) => join(place, name));
  }
  return [];
}

/** `ILSVRC2012_val_*.JPEG` and a list of a label a line. */
export async function fromSorted(places: readonly string[]): Promise<Listed[] | undefined> {
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
  const labels = await lines(list);
  // The number in the name says which line is meant, so that a part of the images will do.
  return files.map((path) => {
    const text = labels[Number(/(\d+)\.\w+$/.exec(path)![1]) - 1];
    if (text === undefined)
      throw new UserError(`${list}: expected a label for ${path}, got only ${labels.length} lines`);
    return { path, text };
  });
}
