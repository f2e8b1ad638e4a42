/** What a weight file says about its net beside the tensors: architecture, normalisation, labels. */
import { UserError } from '../base/errors.js';
import { CIFAR10_CLASSES } from '../data/cifar10-format.js';
import { imagenetNames } from '../data/imagenet-classes.js';
import type { StateDict } from '../weights/tensors.js';
import {
  ARCHITECTURES,
  architecture,
  type NamedArchitecture,
  type NetSpec,
  type Rgb,
  type Size,
} from './spec.js';

/**
 * The architecture that the metadata names (`architecture`, in any usual spelling: "ResNet-18", "VGG16-BN"), or undefined.
 * @throws UserError on a name that is none of the known ones
 */
export function namedArchitecture({ metadata, source }: StateDict): NamedArchitecture | undefined {
  const text: string | undefined = metadata.architecture;
  if (text === undefined) return undefined;
  const known = [...ARCHITECTURES.keys()];
  const found = known.find((arch) => squash(arch) === squash(text));
  if (found === undefined) {
    throw new UserError(
      `${source}: metadata "architecture": expected one of ${known.join(', ')}, got "${text}"; --arch overrides it`,
    );
  }
  return architecture(found);
}

/** `mean` or `std` of the metadata, JSON text of three numbers. */
export function namedRgb({ metadata, source }: StateDict, key: 'mean' | 'std'): Rgb | undefined {
  const text: string | undefined = metadata[key];
  if (text === undefined) return undefined;
  const value = parseJson(text);
  const [r, g, b, ...rest] = Array.isArray(value) ? value : [];
  if (typeof r !== 'number' || typeof g !== 'number' || typeof b !== 'number' || rest.length > 0) {
    throw new UserError(
      `${source}: metadata "${key}": expected three numbers like [0.5, 0.5, 0.5], got "${text}"; --${key} overrides it`,
    );
  }
  return [r, g, b];
}

/** The size of the images of the data set that the metadata names. */
export function namedSize({ metadata }: StateDict): Size | undefined {
  const dataset: string | undefined = metadata.dataset;
  if (dataset === undefined) return undefined;
  const known = squash(dataset);
  if (known.startsWith('cifar')) return [32, 32];
  return known === 'imagenet' || known === 'imagenet1k' ? [224, 224] : undefined;
}

/**
 * A name for each class: `labels` of the metadata (a JSON list); else CIFAR-10's, where the net has its form and ten
 * classes and no other `dataset` is named; ImageNet's, where it has that form and a thousand classes; else `class 0`, `class 1`...
 * @throws UserError where the metadata has another number of labels
 */
export function labelsOf(spec: NetSpec, { metadata, source }: StateDict): readonly string[] {
  const text: string | undefined = metadata.labels;
  if (text !== undefined) {
    const labels = parseJson(text);
    if (
      !Array.isArray(labels) ||
      labels.length !== spec.classes ||
      !labels.every((label) => typeof label === 'string')
    ) {
      throw new UserError(
        `${source}: metadata "labels": expected a JSON list of ${spec.classes} strings, got ${
          Array.isArray(labels) ? `${labels.length} items` : `"${text.slice(0, 40)}"`
        }`,
      );
    }
    return labels;
  }
  const dataset: string | undefined = metadata.dataset;
  const cifar10 = dataset === undefined || squash(dataset) === 'cifar10';
  if (spec.form === 'cifar' && spec.classes === CIFAR10_CLASSES.length && cifar10) return CIFAR10_CLASSES;
  if (spec.form === 'imagenet' && spec.classes === imagenetNames.length) return imagenetNames;
  return Array.from({ length: spec.classes }, (_, index) => `class ${index}`);
}

function squash(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, '');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
