/** The rows of all methods. */

import { budgetCases } from './budget.js';
import type { MethodCase } from './case.js';
import { cfrCases } from './cfr.js';
import { constrainedCases } from './constrained.js';
import { minimalCases } from './minimal.js';

export const CASES: readonly MethodCase[] = [
  ...budgetCases,
  ...cfrCases,
  ...constrainedCases,
  ...minimalCases,
];
