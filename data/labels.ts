/** Which index of a net's outputs a class of a data set is: by name, WordNet id or number; never by guess. */

import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { imagenetNames, imagenetSynsets } from './imagenet-classes.js';

/** What is known of the classes beside their names in the data. */
export interface LabelContext {
  /** For messages. */
  readonly name: string;
  /** The net's classes in the order of its outputs, where a net is known. */
  readonly labels?: readonly string[];
  /** A list of all classes that comes with the data (`classes.txt`): its lines are the labels. */
  readonly listed?: readonly string[];
  /** All WordNet ids of the data set (`wnids.txt`, or the folders of `train`), of which the data may hold a part. */
  readonly synsets?: readonly string[];
  /** Whether classes are folders, which torchvision's `ImageFolder` would count. */
  readonly folders?: boolean;
}

export interface Labels {
  /** @throws UserError for a class that has no label */
  labelOf(text: string): number;
  readonly classes: readonly string[];
  /** How: "by the net's class names". */
  readonly how: string;
}

const SYNSET = /^n\d{8}$/;
const NUMBER = /^\d+$/;

export const isSynset = (text: string): boolean => SYNSET.test(text);
export const isNumber = (text: string): boolean => NUMBER.test(text);

/** Byte order of UTF-16, as nets' class orders were made; locales would differ. */
export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** "Traffic_Light" and "traffic light" are one name. */
const plain = (name: string): string =>
  name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();

/** Finds a name in a list, as it stands or but for case and separators; undefined where it is not there or not the only one. */
export function finder(names: readonly string[]): (name: string) => number | undefined {
  const exact = new Map<string, number>();
  const alike = new Map<string, number | undefined>();
  names.forEach((name, index) => {
    exact.set(name, index);
    alike.set(plain(name), alike.has(plain(name)) ? undefined : index);
  });
  return (name) => exact.get(name) ?? alike.get(plain(name));
}

/** Labels that are indices in a list. */
function fromList(
  find: (text: string) => number | undefined,
  classes: readonly string[],
  how: string,
): Labels {
  return {
    classes,
    how,
    labelOf(text) {
      const label = find(text);
      if (label === undefined) throw new UserError(`no class "${printable(text)}"`);
      return label;
    },
  };
}

/**
 * The labels of class names as folders or a list have them: distinct, not empty, in any order. The first of these that holds for
 * all of them is used: lines of the list that comes with the data, the net's own names, numbers, WordNet ids, and as many
 * classes as the net has, in sorted order.
 * @throws UserError where none does
 */
export function assignLabels(texts: readonly string[], context: LabelContext): Labels {
  const { name, labels, listed } = context;
  const sorted = [...texts].sort(byName);
  const every = (find: (text: string) => number | undefined) =>
    sorted.every((text) => find(text) !== undefined);
  const own = labels && finder(labels);
  if (listed) {
    const find = finder(listed);
    if (every(find)) {
      if (own && labels.length !== listed.length && !listed.every((text) => own(text) !== undefined))
        throw new UserError(
          `${name}: expected ${labels.length} classes in its list of classes, as the net has, got ${listed.length}`,
        );
      if (!own || !every(own)) return fromList(find, listed, 'by the lines of its list of classes');
    } else if (
      !every(isNumberText) &&
      !every(isSynsetText) &&
      sorted.some((text) => find(text) !== undefined)
    ) {
      const missing = sorted.find((text) => find(text) === undefined)!;
      throw new UserError(`${name}: "${printable(missing)}" is not in its list of classes; add it there`);
    }
  }
  if (own && every(own)) return fromList(own, labels, "by the net's class names");
  if (every(isNumberText)) return byNumber(sorted, context);
  if (every(isSynsetText)) return bySynset(sorted, context);
  if (!labels) return fromList(finder(sorted), sorted, 'in the sorted order of the names');
  return bySortedNames(sorted, labels, own!, name);
}

const isNumberText = (text: string): number | undefined => (isNumber(text) ? Number(text) : undefined);
const isSynsetText = (text: string): number | undefined => (isSynset(text) ? 0 : undefined);

function byNumber(sorted: readonly string[], { name, labels, listed, folders }: LabelContext): Labels {
  const classes =
    labels ?? listed ?? (sorted.every((text) => Number(text) < 1000) ? imagenetNames : undefined);
  const outside = sorted.find((text) => Number(text) >= (classes?.length ?? 0));
  if (outside !== undefined)
    throw new UserError(
      `${name}: class ${printable(outside)}: expected numbers from 0 to ${(classes?.length ?? 1000) - 1}, the classes of the net; ` +
        (folders
          ? 'if they count from 1 or only name the folders, imagefolder:DIR takes them in order'
          : 'choose a net or data that fit'),
    );
  const counted = !folders || sorted.every((text, index) => Number(text) === index);
  return fromList(
    isNumberText,
    classes!,
    counted ? 'by number' : 'by number (imagefolder:DIR would count them in the order of their names)',
  );
}

function bySynset(sorted: readonly string[], { name, labels, synsets }: LabelContext): Labels {
  const count = labels?.length;
  const imagenet = (id: string) => {
    const index = imagenetSynsets.indexOf(id);
    return index < 0 ? undefined : index;
  };
  const known = sorted.every((id) => imagenet(id) !== undefined);
  if (known && (count === undefined || count === imagenetNames.length))
    return fromList(imagenet, imagenetNames, "by WordNet id, as ImageNet's classes");
  const own = labels && finder(labels);
  const byReadableName = (id: string) => {
    const index = imagenet(id);
    return index === undefined ? undefined : own?.(imagenetNames[index]!);
  };
  if (labels && sorted.every((id) => byReadableName(id) !== undefined))
    return fromList(byReadableName, labels, "by WordNet id, whose name is the net's class");
  const all = [...new Set(synsets ?? sorted)].sort(byName);
  const position = (id: string) => (all.includes(id) ? all.indexOf(id) : undefined);
  const fits = count === undefined || (synsets ? all.length <= count : all.length === count);
  if (fits && sorted.every((id) => position(id) !== undefined))
    return fromList(position, labels ?? all, `in the sorted order of its ${all.length} WordNet ids`);
  throw new UserError(
    `${name}: expected ${count ?? 1000} WordNet ids for the net's classes, got ${all.length}${known ? '' : ' that are not all of ImageNet'}; ` +
      'add wnids.txt or classes.txt with all classes, or use imagefolder:DIR',
  );
}

function bySortedNames(
  sorted: readonly string[],
  labels: readonly string[],
  own: (text: string) => number | undefined,
  name: string,
): Labels {
  const position = finder(sorted);
  const clash = sorted.find((text) => own(text) !== undefined && own(text) !== position(text));
  const unknown = sorted.find((text) => own(text) === undefined)!;
  if (sorted.length !== labels.length || clash !== undefined)
    throw new UserError(
      `${name}: "${printable(unknown)}" is no class of the net, and ${
        sorted.length !== labels.length || clash === undefined
          ? `its ${sorted.length} classes are not the net's ${labels.length}`
          : `"${printable(clash)}" is another of its classes than the sorted order says`
      }; add classes.txt with a line for each of the net's outputs, or use imagefolder:DIR`,
    );
  return fromList(position, sorted, 'in the sorted order of the names');
}

/**
 * The labels of a data set with an order of its own (CIFAR), for a net: the net's classes of the same names, else the same order
 * where the net has as many.
 * @throws UserError where neither holds
 */
export function matchClasses(classes: readonly string[], { name, labels }: LabelContext): Labels {
  const order = finder(classes);
  if (!labels) return fromList(order, classes, "in the data set's order");
  const own = finder(labels);
  if (classes.every((text) => own(text) !== undefined))
    return fromList(own, labels, "by the net's class names");
  if (labels.length === classes.length) return fromList(order, classes, "in the data set's order");
  throw new UserError(
    `${name}: expected a net of its ${classes.length} classes, got one of ${labels.length}; choose a net or data that fit`,
  );
}

/** One line for people: how, and the first image for example. */
export function assignmentText(
  how: string,
  source: string,
  label: number,
  classes: readonly string[],
): string {
  return `labels ${how}: ${printable(source)} is ${label} (${printable(classes[label] ?? '', 40)})`;
}
