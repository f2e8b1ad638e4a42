import type { MethodCase } from './case.js';

/** Signs turn where a gradient is within f32's error of 0; each turn is a whole step. */
const signs = { group: 'budget', atol: 1e-4, share: 0.01 } as const;
const smooth = { group: 'budget', atol: 1e-5, share: 0.001 } as const;
/** A random start comes before the steps. */
const run = {
  before: [
    ['begin', 1],
    ['start', 1],
  ],
  step: [['step', 1]],
} as const;
const query = { before: [['begin', 1]], step: [['query', 1]] } as const;
const linf = { linf: 8 / 255 } as const;
const l2 = { l2: 0.5 } as const;

export const budgetCases: readonly MethodCase[] = [
  { name: 'fgsm', options: { method: 'fgsm' }, fools: 4, reaches: 1, within: linf, golden: signs },
  { name: 'rand-fgsm', options: { method: 'rand-fgsm' }, fools: 4, reaches: 1, within: linf, golden: signs },
  {
    name: 'ifgsm',
    options: { method: 'ifgsm', iterations: 5 },
    fools: 4,
    nothing: { alpha: 0 },
    reaches: 1,
    within: linf,
    golden: signs,
  },
  {
    name: 'mifgsm',
    options: { method: 'mifgsm', iterations: 5 },
    fools: 4,
    nothing: { alpha: 0 },
    reaches: 1,
    within: linf,
    golden: signs,
  },
  {
    name: 'mdi2fgsm',
    options: { method: 'mdi2fgsm', iterations: 5, diversity: 0.8, resize: 0.75 },
    fools: 4,
    nothing: { alpha: 0 },
    reaches: 1,
    within: linf,
    golden: signs,
  },
  {
    name: 'pgd linf',
    options: { method: 'pgd', iterations: 5, restarts: 2 },
    fools: 4,
    nothing: { alpha: 0 },
    reaches: 1,
    within: linf,
    golden: signs,
    procedures: run,
  },
  {
    name: 'pgd l2',
    options: { method: 'pgd', norm: 'l2', iterations: 5 },
    fools: 4,
    nothing: { alpha: 0 },
    reaches: 1,
    within: l2,
    golden: smooth,
    procedures: run,
  },
  {
    name: 'apgd linf',
    options: { method: 'apgd', iterations: 8, restarts: 2 },
    fools: 4,
    reaches: 1,
    within: linf,
    golden: signs,
    procedures: run,
  },
  {
    name: 'apgd l2 dlr',
    options: { method: 'apgd', norm: 'l2', loss: 'dlr', iterations: 8 },
    fools: 4,
    reaches: 1,
    within: l2,
    golden: smooth,
    procedures: run,
  },
  {
    name: 'apgd minimal',
    options: { method: 'apgd', norm: 'l2', minimal: true, epsilon: 0.5, searches: 4, iterations: 6 },
    fools: 4,
    reaches: 1,
  },
  {
    name: 'apgd-t linf',
    options: { method: 'apgd-t', iterations: 6, targets: 2, epsilon: 2 / 255 },
    fools: 4,
    within: { linf: 2 / 255 },
    golden: signs,
    procedures: run,
  },
  {
    name: 'apgd-t minimal',
    options: { method: 'apgd-t', minimal: true, epsilon: 4 / 255, searches: 3, iterations: 4, targets: 2 },
    fools: 4,
  },
  {
    name: 'square linf',
    options: { method: 'square', epsilon: 16 / 255, queries: 40 },
    fools: 4,
    reaches: 1,
    within: { linf: 16 / 255 },
    golden: { group: 'budget', atol: 1e-5, share: 0 },
    procedures: query,
  },
  {
    name: 'square l2',
    options: { method: 'square', norm: 'l2', epsilon: 2, queries: 60 },
    fools: 4,
    reaches: 1,
    within: { l2: 2 },
    golden: { group: 'budget', atol: 1e-5, share: 0 },
    procedures: query,
  },
  {
    name: 'autoattack linf',
    options: { method: 'autoattack', epsilon: 1 / 255, iterations: 3, targets: 2, queries: 10 },
    fools: 4,
    within: { linf: 1 / 255 },
  },
  {
    name: 'autoattack l2',
    options: { method: 'autoattack', norm: 'l2', epsilon: 0.2, iterations: 3, targets: 2, queries: 10 },
    fools: 4,
    within: { l2: 0.2 },
  },
  ...(['uniform', 'normal', 'sign'] as const).map(
    (distribution): MethodCase => ({
      name: `noise ${distribution}`,
      options: { method: 'noise', distribution, norm: distribution === 'normal' ? 'l2' : 'linf' },
      fools: 0,
      within: distribution === 'normal' ? l2 : linf,
      noiseMay: 'it is noise',
    }),
  ),
];
