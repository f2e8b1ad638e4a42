import type { MethodCase } from './case.js';

export const cfrCases: readonly MethodCase[] = [
  {
    name: 'cfr minimal',
    options: { method: 'cfr', iterations: 15 },
    fools: 4,
    nothing: { stepStart: 0, stepEnd: 0 },
    reaches: 1,
    golden: { group: 'cfr', atol: 1e-4, share: 0.01 },
  },
  {
    name: 'cfr budget linf',
    options: { method: 'cfr', mode: 'budget', norm: 'linf', iterations: 5 },
    fools: 4,
    nothing: { stepStart: 0, stepEnd: 0 },
    reaches: 1,
    within: { linf: 8 / 255 },
    golden: { group: 'cfr', atol: 1e-4, share: 0.01 },
  },
  {
    name: 'cfr budget l2',
    options: { method: 'cfr', mode: 'budget', epsilon: 1, iterations: 5 },
    fools: 4,
    nothing: { stepStart: 0, stepEnd: 0 },
    reaches: 1,
    within: { l2: 1 },
    golden: { group: 'cfr', atol: 1e-4, share: 0.01 },
  },
];
