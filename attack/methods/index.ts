/** The list of methods. */
import { UserError } from '../../base/errors.js';
import { suggestion } from '../../base/suggestion.js';
import type { Method } from '../method.js';
import { alma } from './alma.js';
import { apgdT } from './apgd-t.js';
import { apgd } from './apgd.js';
import { autoattack } from './autoattack.js';
import { cfr } from './cfr.js';
import { ddn } from './ddn.js';
import { deepfool, sdf } from './deepfool.js';
import { fab } from './fab.js';
import { fgsm } from './fgsm.js';
import { fmn } from './fmn.js';
import { ifgsm } from './ifgsm.js';
import { mdi2fgsm } from './mdi2fgsm.js';
import { mifgsm } from './mifgsm.js';
import { noise } from './noise.js';
import { pgd } from './pgd.js';
import { randFgsm } from './rand-fgsm.js';
import { sigmaZero } from './sigma-zero.js';
import { square } from './square.js';

export const METHODS: readonly Method[] = [
  alma,
  apgd,
  apgdT,
  autoattack,
  cfr,
  ddn,
  deepfool,
  fab,
  fgsm,
  fmn,
  ifgsm,
  mdi2fgsm,
  mifgsm,
  noise,
  pgd,
  randFgsm,
  sdf,
  sigmaZero,
  square,
];

/** @throws UserError that names the known ones */
export function methodNamed(name: string): Method {
  const method = METHODS.find((one) => one.name === name);
  if (method) return method;
  const names = METHODS.map((one) => one.name);
  throw new UserError(`method: expected one of ${names.join(', ')}, got "${name}"${suggestion(name, names)}`);
}
