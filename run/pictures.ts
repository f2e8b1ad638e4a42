/** The pictures that a run keeps of each image. */
import type { Image } from '../data/rgb.js';
import {
  explanationPicture,
  maskPicture,
  perturbationPicture,
  photoExplanation,
  upscale,
} from '../report/pictures.js';
import { type AnyKind, type FullSize, fullSizeFolder, type Named } from '../report/run-files.js';
import { fullSize, type OpenPhoto, type Photo } from './photos.js';
import type { Services } from './services.js';

/** Where the pictures of an image go. */
export type PicturePath = (kind: AnyKind, image: Named) => string;

/** Pictures for the eye are enlarged to at least this width; `clean`, `adversarial`, `cam` and `mask` keep their pixels. */
const shownWidth = 128;

export interface ExplainedImage extends Named {
  /** 8-bit, as the net sees it. */
  readonly image: Image;
  /** Lhat [h, w]. */
  readonly cam: Float32Array;
  /** M [h, w]. */
  readonly mask: Float32Array;
  /** On which the overlay is drawn, in its own pixels. */
  readonly photo?: OpenPhoto | undefined;
}

/** A batch's pictures are synced together, before its lines: `RunFolder.append`. */
const unsynced = { sync: false } as const;

/** Writes `clean`, `cam`, `mask` and `overlay`. */
export async function writeExplanation(
  { image, cam, mask, photo, ...named }: ExplainedImage,
  path: PicturePath,
  services: Services,
): Promise<void> {
  const write = (kind: AnyKind, picture: Image) => services.writePng(path(kind, named), picture, unsynced);
  await write('clean', image);
  await write('cam', greyPicture(cam, image));
  await write('mask', maskPicture(mask, image));
  await write(
    'overlay',
    photo
      ? photoExplanation(photo.image, cam, mask, image, photo.view)
      : explanationPicture(image, cam, mask, enlargement(image)),
  );
}

/** Writes `adversarial` and, amplified to be seen, `perturbation`. */
export async function writeAttacked(
  named: Named,
  clean: Image,
  adversarial: Image,
  path: PicturePath,
  services: Services,
): Promise<void> {
  await services.writePng(path('adversarial', named), adversarial, unsynced);
  const { image } = perturbationPicture(clean, adversarial);
  await services.writePng(path('perturbation', named), upscale(image, enlargement(clean)), unsynced);
}

/** Writes the adversarial photo at its own size, where there is one. @returns what is told of it */
export async function writeFullSize(
  named: Named,
  photo: Photo,
  open: OpenPhoto | undefined,
  adversarial: Image,
  success: boolean,
  fools: (seen: Image) => Promise<boolean>,
  path: PicturePath,
  services: Services,
): Promise<FullSize> {
  const { image, told } = await fullSize(photo, open, adversarial, success, fools);
  if (image) await services.writePng(path(fullSizeFolder, named), image, unsynced);
  return told;
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
