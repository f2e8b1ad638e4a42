/** Regions: where an attack may change pixels. A region becomes a mask [n, h, w] in [0, 1], on the device. */
import { UserError } from '../base/errors.js';

export type Region =
  | { readonly kind: 'all' | 'cfr' | 'outside-cfr' }
  /** As many pixels as the CFR: outside of it where it leaves enough, or anywhere. */
  | { readonly kind: 'random-cfr'; readonly anywhere: boolean }
  | {
      readonly kind: 'box';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
    }
  /** A grey picture, which the caller reads and hands over as a mask. */
  | { readonly kind: 'file'; readonly path: string };

const NAMES = ['all', 'cfr', 'outside-cfr', 'random-cfr', 'random-cfr:anywhere'];

/** @throws UserError on text that names no region */
export function parseRegion(text: string): Region {
  if (text === 'random-cfr' || text === 'random-cfr:anywhere')
    return { kind: 'random-cfr', anywhere: text.endsWith('anywhere') };
  if (text === 'all' || text === 'cfr' || text === 'outside-cfr') return { kind: text };
  const box = /^box:(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})$/.exec(text);
  if (box) {
    const [x, y, width, height] = box.slice(1).map(Number) as [number, number, number, number];
    return { kind: 'box', x, y, width, height };
  }
  if (text.startsWith('file:') && text.length > 5) return { kind: 'file', path: text.slice(5) };
  throw new UserError(`region: expected ${regionForms.text}, got "${text}"`);
}

export const regionForms = {
  text: `${NAMES.join(', ')}, box:X,Y,W,H or file:MASK.png`,
  check: (value: unknown): boolean => {
    if (typeof value !== 'string') return false;
    try {
      parseRegion(value);
      return true;
    } catch {
      return false;
    }
  },
};

/**
 * The mask [h, w] of a region that is the same for every image.
 * @throws UserError where it holds no pixel of the image: an attack in it could only fail
 */
export function fixedMask(
  region: Region,
  [height, width]: readonly [number, number],
  given: Float32Array | undefined,
): Float32Array | undefined {
  if (region.kind === 'file') {
    if (!given)
      throw new UserError(
        `region: expected the mask of file:${region.path} to be handed over as \`mask\`, got none`,
      );
    if (given.length !== height * width)
      throw new UserError(`region: expected a mask of ${height}x${width} values, got ${given.length}`);
    if (!given.every((value) => value >= 0 && value <= 1))
      throw new UserError('region: expected mask values from 0 to 1, got others');
    if (given.every((value) => value === 0))
      throw new UserError(`region: expected a mask with pixels above 0, got file:${region.path}, all black`);
    return given;
  }
  if (region.kind !== 'box') return undefined;
  const mask = new Float32Array(height * width);
  for (let y = region.y; y < Math.min(height, region.y + region.height); y++)
    for (let x = region.x; x < Math.min(width, region.x + region.width); x++) mask[y * width + x] = 1;
  if (mask.every((value) => value === 0)) {
    const { x, y, width: w, height: h } = region;
    throw new UserError(
      `region: expected a box with pixels inside ${width}x${height}, got box:${x},${y},${w},${h}`,
    );
  }
  return mask;
}
