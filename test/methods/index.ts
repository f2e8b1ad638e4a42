/** The rows of all methods. */
import type { MethodCase } from './case.js';
import { cfrCases } from './cfr.js';
import { constrainedCases } from './constrained.js';

export const CASES: readonly MethodCase[] = [...cfrCases, ...constrainedCases];
