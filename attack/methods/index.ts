/** The list of methods. */
import { UserError } from '../../base/errors.js';
import { suggestion } from '../../base/suggestion.js';
import type { Method } from '../method.js';
import { advPatch } from './adv-patch.js';
import { cfr } from './cfr.js';
import { cwL0, cwL2, cwLinf } from './cw.js';
import { jsma } from './jsma.js';
import { lbfgs } from './lbfgs.js';
import { onePixel } from './one-pixel.js';
import { lavan, sticker } from './patches.js';

export const METHODS: readonly Method[] = [
  cfr,
  cwL2,
  cwLinf,
  cwL0,
  jsma,
  onePixel,
  lbfgs,
  sticker,
  lavan,
  advPatch,
];

/** @throws UserError that names the known ones */
export function methodNamed(name: string): Method {
  const method = METHODS.find((one) => one.name === name);
  if (method) return method;
  const names = METHODS.map((one) => one.name);
  throw new UserError(`method: expected one of ${names.join(', ')}, got "${name}"${suggestion(name, names)}`);
}
