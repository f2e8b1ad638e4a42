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
  {
    name: 'jsma',
    options: { method: 'jsma', gamma: 0.01 },
    fools: 4,
    nothing: { theta: 0 },
    reaches: 1,
    within: { l0: 31 },
    golden: { group, atol: 1e-6, share: 0 },
  },
  {
    name: 'jsma one',
    options: { method: 'jsma', gamma: 0.01, together: 1, theta: -0.3 },
    fools: 3,
    golden: { group, atol: 1e-6, share: 0 },
  },
  {
    name: 'one-pixel',
    options: { method: 'one-pixel', population: 100, iterations: 3, pixels: 3 },
    fools: 3,
    reaches: 1,
    reaching: { pixels: 60, iterations: 6 },
    within: { l0: 9 },
    golden: { group, atol: 1e-6, share: 0 },
    procedures: {
      before: [['begin', 1]],
      step: [
        ['breed', 1],
        ['score', 1],
        ['select', 1],
      ],
    },
  },
  {
    name: 'lbfgs',
    options: { method: 'lbfgs', iterations: 15, searches: 3 },
    fools: 4,
    reaches: 1,
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
    name: 'sticker',
    options: { method: 'sticker', iterations: 10, area: 0.2 },
    fools: 4,
    nothing: { learningRate: 0 },
    reaches: 1,
    within: { l0: 3 * 205 },
    golden: { group, atol: 1e-4, share: 0.01 },
  },
  {
    name: 'lavan',
    options: { method: 'lavan', iterations: 20, area: 0.05 },
    fools: 3,
    nothing: { stepSize: 0 },
    reaches: 1,
    within: { l0: 3 * 51 },
    golden: { group, atol: 1e-4, share: 0.01 },
  },
  {
    name: 'adv-patch',
    options: { method: 'adv-patch', iterations: 60, stepSize: 0.2, area: 0.7 },
    fools: 3,
    reaches: 1,
    within: { l0: 3 * 26 * 26 * 1.2 },
    golden: { group, atol: 1e-4, share: 0.01 },
    procedures: {
      before: [
        ['begin', 1],
        ['start', 1],
      ],
      step: [['step', 1]],
    },
  },
];
