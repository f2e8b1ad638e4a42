/** The list of methods. */
import { UserError } from '../../base/errors.js';
import { suggestion } from '../../base/suggestion.js';
import type { Method } from '../method.js';
import { advPatch } from './adv-patch.js';
import { alma } from './alma.js';
import { apgd } from './apgd.js';
import { apgdT } from './apgd-t.js';
import { autoattack } from './autoattack.js';
import { cfr } from './cfr.js';
import { cwL0, cwL2, cwLinf } from './cw.js';
import { ddn } from './ddn.js';
import { deepfool, sdf } from './deepfool.js';
import { fab } from './fab.js';
import { fgsm } from './fgsm.js';
import { fmn } from './fmn.js';
import { ifgsm } from './ifgsm.js';
import { jsma } from './jsma.js';
import { lbfgs } from './lbfgs.js';
import { mdi2fgsm } from './mdi2fgsm.js';
import { mifgsm } from './mifgsm.js';
import { noise } from './noise.js';
import { onePixel } from './one-pixel.js';
import { lavan, sticker } from './patches.js';
import { pgd } from './pgd.js';
import { randFgsm } from './rand-fgsm.js';
import { sigmaZero } from './sigma-zero.js';
import { square } from './square.js';

/** Every method by name, with its sources, settings, goals and norms as data. */
export const METHODS: readonly Method[] = [
  advPatch,
  alma,
  apgd,
  apgdT,
  autoattack,
  cfr,
  cwL0,
  cwL2,
  cwLinf,
  ddn,
  deepfool,
  fab,
  fgsm,
  fmn,
  ifgsm,
  jsma,
  lavan,
  lbfgs,
  mdi2fgsm,
  mifgsm,
  noise,
  onePixel,
  pgd,
  randFgsm,
  sdf,
  sigmaZero,
  square,
  sticker,
];

/** @throws UserError that names the known ones */
export function methodNamed(name: string): Method {
  const method = METHODS.find((one) => one.name === name);
  if (method) return method;
  const names = METHODS.map((one) => one.name);
  throw new UserError(`method: expected one of ${names.join(', ')}, got "${name}"${suggestion(name, names)}`);
}
