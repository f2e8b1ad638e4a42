/** The pictures that a run keeps of each image. */
import type { Image } from '../data/rgb.js';
import { explanationPicture, maskPicture, perturbationPicture, upscale } from '../report/pictures.js';
import type { PictureKind } from '../report/run-files.js';
import type { Services } from './services.js';

/** Where the pictures of image `index` go. */
export type PicturePath = (kind: PictureKind, index: number) => string;

/** Pictures for the eye are enlarged to at least this width; `clean`, `adversarial`, `cam` and `mask` keep their pixels. */
const shownWidth = 128;

export interface ExplainedImage {
  readonly index: number;
  /** 8-bit, as the net sees it. */
  readonly image: Image;
  /** Lhat [h, w]. */
  readonly cam: Float32Array;
  /** M [h, w]. */
  readonly mask: Float32Array;
}

/** A batch's pictures are synced together, before its lines: `RunFolder.append`. */
const unsynced = { sync: false } as const;

/** Writes `clean`, `cam`, `mask` and `overlay`. */
export async function writeExplanation(
  { index, image, cam, mask }: ExplainedImage,
  path: PicturePath,
  services: Services,
): Promise<void> {
  const write = (kind: PictureKind, picture: Image) =>
    services.writePng(path(kind, index), picture, unsynced);
  await write('clean', image);
  await write('cam', greyPicture(cam, image));
  await write('mask', maskPicture(mask, image));
  await write('overlay', explanationPicture(image, cam, mask, enlargement(image)));
}

/** Writes `adversarial` and, amplified to be seen, `perturbation`. */
export async function writeAttacked(
  index: number,
  clean: Image,
  adversarial: Image,
  path: PicturePath,
  services: Services,
): Promise<void> {
  await services.writePng(path('adversarial', index), adversarial, unsynced);
  const { image } = perturbationPicture(clean, adversarial);
  await services.writePng(path('perturbation', index), upscale(image, enlargement(clean)), unsynced);
}

function enlargement({ width }: Image): number {
  return Math.max(1, Math.round(shownWidth / width));
}

/** A map [height, width] in [0,1] as grey levels. */
export function greyPicture(map: Float32Array, { width, height }: { width: number; height: number }): Image {
  const data = new Uint8Array(3 * width * height);
  for (let p = 0; p < width * height; p++)
    data.fill(Math.round(255 * Math.min(1, Math.max(0, map[p]!))), 3 * p, 3 * p + 3);
  return { width, height, data };
}

/** The map that `greyPicture` (or `maskPicture`, up to its scale) wrote, to 8 bits. */
export function fromGrey({ width, height, data }: Image): Float32Array {
  return Float32Array.from({ length: width * height }, (_, p) => data[3 * p]! / 255);
}
