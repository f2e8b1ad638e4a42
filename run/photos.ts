/** Photos that are larger than what the net sees: read again when their pictures are made, as a batch of them would fill the memory. */
import { UserError } from '../base/errors.js';
import { carryBack, isLarger } from '../data/full-size.js';
import { type PreprocessOptions, placement, preprocess, type Size } from '../data/image.js';
import type { Image } from '../data/rgb.js';
import { isFileError, isScarcity } from '../node/file-errors.js';
import type { View } from '../report/pictures.js';
import type { FullSize } from '../report/run-files.js';

/** Of pictures that are made for the eye: the net's, or the photo's own where it is larger. */
export const OVERLAY_SIZES = ['net', 'original'] as const;
export type OverlaySize = (typeof OVERLAY_SIZES)[number];

/** Where the net's image came from. */
export interface Photo extends Size {
  readonly options: PreprocessOptions;
  read(): Promise<Image>;
}

/** A photo that is read. */
export interface OpenPhoto {
  readonly image: Image;
  readonly options: PreprocessOptions;
  /** The part that the net sees. */
  readonly view: View;
}

/** Undefined where the net sees all that there is. */
export function photoOf(
  { width, height }: Image,
  seen: Size,
  options: PreprocessOptions,
  read: () => Promise<Image>,
): Photo | undefined {
  const isWhole = !isLarger({ width, height }, placement({ width, height }, options), seen);
  return isWhole ? undefined : { width, height, options, read };
}

/** Undefined where it is no more what `seen` was made of. */
export async function openPhoto({ options, read }: Photo, seen: Image): Promise<OpenPhoto | undefined> {
  let image: Image;
  try {
    image = await read();
  } catch (error) {
    if (error instanceof UserError || (isFileError(error) && !isScarcity(error))) return undefined;
    throw error;
  }
  const place = placement(image, options);
  const own = preprocess(image, options);
  if (own.data.length !== seen.data.length || own.data.some((value, i) => value !== seen.data[i]))
    return undefined;
  const [across, down] = [image.width / place.width, image.height / place.height];
  const view = {
    left: place.left * across,
    top: place.top * down,
    width: seen.width * across,
    height: seen.height * down,
  };
  return { image, options, view };
}

/**
 * The adversarial photo at its own size, and what is told of it.
 * @param photo undefined where it could not be opened again
 * @param adversarial what the net is to see
 * @param fools asks the net of what preprocessing makes of the photo, where that is not `adversarial` itself
 */
export async function fullSize(
  { width, height }: Size,
  photo: OpenPhoto | undefined,
  adversarial: Image,
  success: boolean,
  fools: (seen: Image) => Promise<boolean>,
): Promise<{ readonly told: FullSize; readonly image?: Image }> {
  const none = (why: string) => ({ told: { width, height, l2: null, linf: null, why } });
  if (!success) return none('the attack failed');
  if (!photo) return none('the file was changed or removed while the attack ran');
  const image = carryBack(photo.image, adversarial, photo.options);
  if (!image) throw new Error('internal: a photo is larger than what the net sees');
  const seen = preprocess(image, photo.options);
  const differing = seen.data.reduce((sum, value, i) => sum + Number(value !== adversarial.data[i]), 0);
  if (differing > 0 && !(await fools(seen)))
    return none(
      `the net is not fooled by it: the nearest photo of ${width}x${height} gives it ${differing} values other than those found`,
    );
  let squares = 0;
  let largest = 0;
  for (let i = 0; i < image.data.length; i++) {
    const change = Math.abs(image.data[i]! - photo.image.data[i]!);
    squares += change * change;
    if (change > largest) largest = change;
  }
  return { image, told: { width, height, l2: Math.sqrt(squares) / 255, linf: largest / 255, differing } };
}
