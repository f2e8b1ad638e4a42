import type { MethodCase } from './case.js';

/** Signs turn where a gradient is within f32's error of 0; each turn is a whole step. */
const signs = { group: 'budget', atol: 1e-4, share: 0.01 } as const;
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
    procedures: {
      before: [
        ['begin', 1],
        ['start', 1],
      ],
      step: [['step', 1]],
    },
  },
  {
    name: 'pgd l2',
    options: { method: 'pgd', norm: 'l2', iterations: 5 },
    fools: 4,
    nothing: { alpha: 0 },
    reaches: 1,
    within: l2,
    golden: { group: 'budget', atol: 1e-5, share: 0.001 },
    procedures: {
      before: [
        ['begin', 1],
        ['start', 1],
      ],
      step: [['step', 1]],
    },
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
