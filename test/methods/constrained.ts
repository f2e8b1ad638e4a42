import type { MethodCase } from './case.js';

const group = 'constrained';

export const constrainedCases: readonly MethodCase[] = [
  {
    name: 'cw-l2',
    options: { method: 'cw-l2', iterations: 30, searches: 3, initialConst: 0.1 },
    fools: 4,
    nothing: { learningRate: 0 },
    reaches: 1,
    // Where a gradient is next to 0, Adam's first steps are its sign.
    golden: { group, atol: 1e-4, share: 0.01 },
    procedures: {
      before: [
        ['begin', 1],
        ['search', 1],
      ],
      step: [['step', 1]],
    },
  },
  {
    name: 'cw-linf',
    options: { method: 'cw-linf', iterations: 20, rounds: 3, initialConst: 1 },
    fools: 4,
    nothing: { learningRate: 0 },
    reaches: 1,
    golden: { group, atol: 1e-4, share: 0.01 },
  },
  {
    name: 'cw-l0',
    options: { method: 'cw-l0', iterations: 20, rounds: 3, initialConst: 1 },
    fools: 4,
    nothing: { learningRate: 0 },
    reaches: 1,
    golden: { group, atol: 1e-4, share: 0.01 },
  },
];
