/** The net of a command at the size of its images, and what was assumed of it, told. */
import type { Image } from '../data/rgb.js';
import { type Model, withInputSize } from '../nets/model.js';
import type { Console } from './console.js';
import type { DataOptions, NetOptions } from './options.js';
import { Interrupted, type LoadedNet, type Services } from './services.js';

/** Larger images are photos, which nets get resized. */
const LARGEST_NATIVE = 128;

/**
 * Loads the net. Where neither its file nor an option says what size its images have, and it takes any, small images (up
 * to 128 pixels a side, multiples of 8) are taken as they are, and with `--preprocess none` all. Tells in one line what
 * was assumed, and once where images are resized.
 */
export async function openNet(
  files: readonly string[],
  options: NetOptions & DataOptions,
  services: Services,
  console: Console,
): Promise<LoadedNet> {
  const net = await services.loadNet(options, console);
  const first = await firstImage(files, options, net.model.labels, services, console);
  const model = first ? sizedBy(net.model, first, options) : net.model;
  tell(model, first, options, console);
  return { ...net, model };
}

/** Undefined where it cannot be read: who reads all of them says why. */
async function firstImage(
  files: readonly string[],
  { dataset, offset }: DataOptions,
  labels: readonly string[],
  services: Services,
  console: Console,
): Promise<Image | undefined> {
  try {
    if (dataset === undefined)
      return files[offset] === undefined ? undefined : await services.readImage(files[offset]);
    if (files.length > 0) return undefined;
    return (await (await services.openDataset(dataset, console, labels)).get(offset)).image;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    return undefined;
  }
}

function sizedBy(model: Model, { height, width }: Image, { preprocess }: DataOptions): Model {
  const { spec, open } = model;
  if (!open.includes('input-size') || (spec.height === height && spec.width === width)) return model;
  const native = [height, width].every(
    (extent) => extent % 8 === 0 && extent <= LARGEST_NATIVE && extent >= 32,
  );
  const usual = spec.form === 'imagenet' && spec.classes === 1000;
  const takes = preprocess === 'none' || (preprocess === 'auto' && native && !usual);
  return takes ? withInputSize(model, [height, width], "the images' own") : model;
}

/** A change of the aspect, as a logarithm, that the eye sees. */
const SQUASHED = 0.05;

const ratio = (aspect: number) => `${Number(aspect.toFixed(2))}:1`;

function tell(model: Model, first: Image | undefined, { preprocess }: DataOptions, console: Console): void {
  const { name, spec, assumptions } = model;
  if (assumptions.length > 0) {
    console.note(
      `${name}: ${spec.arch}, ${spec.classes} classes, ${spec.height}x${spec.width}; assumed or seen: ${assumptions.join('; ')}`,
    );
  }
  if (first && preprocess !== 'none' && (first.height !== spec.height || first.width !== spec.width)) {
    const how = preprocess === 'auto' ? (spec.form === 'imagenet' ? 'crop' : 'resize') : preprocess;
    const [was, is] = [first.width / first.height, spec.width / spec.height];
    const squashed = how === 'resize' && Math.abs(Math.log(was / is)) > SQUASHED;
    const photo =
      spec.height <= 64 && Math.min(first.height, first.width) > 4 * Math.max(spec.height, spec.width);
    console.note(
      `images: ${first.height}x${first.width} brought to the net's ${spec.height}x${spec.width} (--preprocess ${how})` +
        (squashed ? `, squashed: width to height ${ratio(was)} becomes ${ratio(is)}` : '') +
        (photo ? '; little of a photo is left at this size' : ''),
    );
  }
}
