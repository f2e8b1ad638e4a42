/** The list of methods. */
import { UserError } from '../../base/errors.js';
import { suggestion } from '../../base/suggestion.js';
import type { Method } from '../method.js';
import { alma } from './alma.js';
import { cfr } from './cfr.js';
import { ddn } from './ddn.js';
import { deepfool, sdf } from './deepfool.js';
import { fab } from './fab.js';
import { fmn } from './fmn.js';
import { sigmaZero } from './sigma-zero.js';

export const METHODS: readonly Method[] = [alma, cfr, ddn, deepfool, fab, fmn, sdf, sigmaZero];

/** @throws UserError that names the known ones */
export function methodNamed(name: string): Method {
  const method = METHODS.find((one) => one.name === name);
  if (method) return method;
  const names = METHODS.map((one) => one.name);
  throw new UserError(`method: expected one of ${names.join(', ')}, got "${name}"${suggestion(name, names)}`);
}
