/** One image in, everything about its attack out: preprocessing, label, attack, measures and names of classes in one call. */
import { concatenate } from '../base/concatenate.js';
import { UserError } from '../base/errors.js';
import { fromTensor, type PreprocessMode, preprocess, toTensor } from '../data/image.js';
import type { Image } from '../data/rgb.js';
import type { Engine } from '../engine/engine.js';
import type { Model } from '../nets/model.js';
import { checkCompiled } from './batches.js';
import {
  type Classification,
  checkFinite,
  classification,
  createClassifier,
  type Ranked,
} from './classifier.js';
import { type AttackOptions, type AttackResult, attackSettings, createAttack } from './driver.js';
import { logitsOf } from './logits.js';
import { type Measures, measure } from './measures.js';
import type { Method } from './method.js';
import { isSettled, settledResult, settles } from './results.js';
import type { AttackSettings } from './traits.js';

/** How `classify` prepares and ranks; everything has a default. */
export interface ClassifyOptions {
  /** How many classes are ranked. Default 5. */
  readonly top?: number;
  /** How an image is brought to the net's size. Default `auto`, as the net was validated. */
  readonly preprocess?: PreprocessMode;
  /** Images of one pass. Default: all, up to 32. */
  readonly batch?: number;
}

/**
 * What the net says of images of any size: preprocessed as the command line does it, the most likely classes by name.
 * @returns one of each image; of a single image just its own
 * @throws UserError on an image that `preprocess` cannot take
 */
export function classify(
  engine: Engine,
  model: Model,
  image: Image,
  options?: ClassifyOptions,
): Promise<Classification>;
export function classify(
  engine: Engine,
  model: Model,
  images: readonly Image[],
  options?: ClassifyOptions,
): Promise<Classification[]>;
export async function classify(
  engine: Engine,
  model: Model,
  images: Image | readonly Image[],
  options: ClassifyOptions = {},
): Promise<Classification | Classification[]> {
  const list: readonly Image[] = isImage(images) ? [images] : images;
  if (!Array.isArray(list) || !list.every(isImage))
    throw new UserError(
      `classify: expected an image { width, height, data } with RGB bytes, or an array of them, got ${shape(images)}`,
    );
  if (list.length === 0) return [];
  const { batch = Math.min(list.length, 32), top = 5 } = options;
  checkCompiled('classify', engine, model, options, batch);
  const classifier = await createClassifier(engine, model, batch);
  try {
    const results: Classification[] = [];
    for (let from = 0; from < list.length; from += batch) {
      const some = list.slice(from, from + batch).map((image) => prepared(model, image, options.preprocess));
      const logits = await classifier.run(concatenate(Float32Array, some.map(toTensor)));
      for (const i of some.keys())
        results.push(classification(model, logitsOf(logits, i, model.spec.classes), top));
    }
    return isImage(images) ? results[0]! : results;
  } finally {
    classifier.destroy();
  }
}

/** Beside a method's name and settings; everything has a default. */
export type ImageAttackOptions = AttackOptions & {
  /** The true class, by number or name. Default: what the net predicts. */
  readonly label?: number | string | undefined;
  /** How the image is brought to the net's size. Default `auto`, as the net was validated. */
  readonly preprocess?: PreprocessMode | undefined;
  /** [h, w] in [0, 1] at the net's size, with region `file:…`. */
  readonly mask?: Float32Array | undefined;
  /** A number that, with the seed, fixes the random numbers: the image's place in a data set. Default 0. */
  readonly index?: number | undefined;
  /** Told of the steps done and of all, after every submission; makes submissions short. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Checked between submissions; the attack then throws its reason. */
  readonly signal?: AbortSignal | undefined;
};

/** Names of `ImageAttackOptions` that are no settings of a method. */
export const IMAGE_OPTIONS = ['label', 'preprocess', 'mask', 'index', 'onProgress', 'signal'] as const;

/** Classes are numbers; their names are in `before`, `after` and `labels` of the model. */
export interface ImageAttack extends Measures {
  /** The method's name. */
  readonly method: string;
  /** Checked and complete: what was not given has its default. */
  readonly settings: AttackSettings;
  /** What the net saw: the given image, preprocessed. */
  readonly original: Image;
  /** What fools it, exactly as a PNG keeps it; the original where nothing did. */
  readonly adversarial: Image;
  /** The true class, or the net's prediction where none was given. */
  readonly label: number;
  /** Whether the label was given; else it is the net's own prediction, and `correct` says nothing. */
  readonly labelled: boolean;
  /** The net is right on the original. */
  readonly correct: boolean;
  /** The net is wrong on the adversarial image, or takes it for the target, and was not before. */
  readonly success: boolean;
  /** The most likely classes, five at most, the likeliest first. */
  readonly before: readonly [Ranked, ...Ranked[]];
  /** The same of `adversarial`. */
  readonly after: readonly [Ranked, ...Ranked[]];
  /** Steps before the result was found; all of them where nothing was. */
  readonly iterations: number;
  /** Passes through the net that were spent, without the explanation's. */
  readonly forwards: number;
  /** As `forwards`, through the net and back. */
  readonly backwards: number;
  /** Grad-CAM of the label [h, w] in [0, 1]. */
  readonly cam: Float32Array;
  /** Where and how strongly pixels could change [h, w] in [0, 1]. */
  readonly mask: Float32Array;
  /** `empty`: nothing in the map speaks for the label, and the whole image was open. */
  readonly cfr: 'ok' | 'empty';
  /** Pixels of the CFR, 0 where it is empty. */
  readonly cfrPixels: number;
  /** Everything as the attack gave it, of one image. */
  readonly result: AttackResult;
}

/**
 * Attacks one image of any size. For many images `createAttack` compiles once.
 * @throws UserError on bad settings, labels and images; SettingError names the setting
 */
export async function attackImage(
  engine: Engine,
  model: Model,
  image: Image,
  options: ImageAttackOptions = {},
): Promise<ImageAttack> {
  checkCompiled('attackImage', engine, model, options, 1);
  if (!isImage(image))
    throw new UserError(
      `attackImage: expected an image { width, height, data } with RGB bytes, got ${shape(image)}; readImage reads one`,
    );
  const { label, preprocess: mode, mask, index = 0, onProgress, signal, ...asked } = options;
  const { method, settings } = attackSettings(asked, model.spec);
  const original = prepared(model, image, mode);
  const x = toTensor(original);
  const given = label === undefined ? undefined : classNamed(model, label);
  const attack = await createAttack(engine, model, asked, 1, mask);
  try {
    const clean = await attack.explain(x, given === undefined ? null : Uint32Array.of(given));
    checkFinite(clean.logits, model, x);
    const labels = Uint32Array.of(given ?? clean.classes[0]!);
    const done = settles(method, settings) && isSettled(settings, clean.classes[0]!, labels[0]!);
    const result = done
      ? settledResult(clean, x)
      : await attack.run(x, labels, { explanation: clean, indices: [index], onProgress, signal });
    return described(model, method, settings, original, labels[0]!, given !== undefined, result);
  } finally {
    attack.destroy();
  }
}

function described(
  model: Model,
  method: Method,
  settings: AttackSettings,
  original: Image,
  label: number,
  labelled: boolean,
  result: AttackResult,
): ImageAttack {
  const { width, height } = original;
  return {
    method: method.name,
    settings,
    original,
    adversarial: fromTensor(result.xAdv, width, height),
    label,
    labelled,
    correct: result.classes[0] === label,
    success: result.success[0]!,
    before: classification(model, result.logits).top,
    after: classification(model, result.logitsAdv).top,
    ...measure(toTensor(original), result.xAdv, { channels: 3, height, width }),
    iterations: result.iterations[0]!,
    forwards: result.forwards[0]!,
    backwards: result.backwards[0]!,
    cam: result.cam,
    mask: result.mask,
    cfr: result.cfr[0]!,
    cfrPixels: result.cfrPixels[0]!,
    result,
  };
}

/** @throws UserError on a class that the net has not */
function classNamed({ labels, name }: Model, label: number | string): number {
  const found = typeof label === 'number' ? label : labels.indexOf(label);
  if (Number.isInteger(found) && found >= 0 && found < labels.length) return found;
  const some = labels.slice(0, 10).join(', ') + (labels.length > 10 ? '...' : '');
  throw new UserError(
    `label: expected a class of ${name}, 0 to ${labels.length - 1} or one of ${some}, got ${JSON.stringify(label)}`,
  );
}

function prepared({ spec }: Model, image: Image, mode: PreprocessMode = 'auto'): Image {
  return preprocess(image, { inputSize: [spec.height, spec.width], form: spec.form, mode });
}

function isImage(value: unknown): value is Image {
  const { width, height, data } = (value ?? {}) as Partial<Image>;
  return ArrayBuffer.isView(data) && data.length === 3 * Number(width) * Number(height);
}

function shape(value: unknown): string {
  if (Array.isArray(value)) return `an array with ${shape(value.find((one) => !isImage(one)))}`;
  const { width, height, data } = (value ?? {}) as Partial<Image>;
  if (data === undefined) return typeof value === 'string' ? `"${value}"` : String(value);
  return `${data.length} bytes for ${width}x${height}${data.length === 4 * Number(width) * Number(height) ? ' (RGBA; imageFrom takes such)' : ''}`;
}
