import type { MethodCase } from './case.js';

/** The iterate is rounded in each of the five steps, and at ties f32 and f64 fall a whole level apart. */
const ROUNDED = { group: 'minimal', atol: 1e-4, share: 0.02 };
const EXACT = { group: 'minimal', atol: 1e-4, share: 0.001 };
const FAB: NonNullable<MethodCase['procedures']> = {
  before: [
    ['begin', 1],
    ['start', 1],
  ],
  step: [['step', 1]],
};
const NO_STEP = { stepStart: 0, stepEnd: 0 };

export const minimalCases: readonly MethodCase[] = [
  {
    name: 'ddn',
    options: { method: 'ddn', iterations: 15 },
    fools: 4,
    nothing: NO_STEP,
    reaches: 1,
    golden: ROUNDED,
  },
  {
    name: 'ddn end',
    options: { method: 'ddn', iterations: 15, rounding: 'end' },
    fools: 1,
    nothing: NO_STEP,
    golden: EXACT,
  },
  {
    name: 'fmn l2',
    options: { method: 'fmn', norm: 'l2', iterations: 15 },
    fools: 4,
    nothing: NO_STEP,
    reaches: 1,
    golden: EXACT,
  },
  {
    name: 'fmn linf',
    options: { method: 'fmn', norm: 'linf', iterations: 15 },
    fools: 3,
    nothing: NO_STEP,
    reaches: 1,
    golden: EXACT,
  },
  {
    name: 'fmn l1',
    options: { method: 'fmn', norm: 'l1', iterations: 15 },
    fools: 4,
    nothing: NO_STEP,
    reaches: 1,
    golden: EXACT,
  },
  {
    name: 'fmn l0',
    options: { method: 'fmn', norm: 'l0', iterations: 20 },
    fools: 4,
    nothing: NO_STEP,
    reaches: 1,
    golden: EXACT,
  },
  {
    name: 'deepfool',
    options: { method: 'deepfool', iterations: 8 },
    fools: 3,
    golden: EXACT,
  },
  {
    name: 'sdf',
    options: { method: 'sdf', iterations: 8, search: 4 },
    fools: 3,
    golden: EXACT,
  },
  {
    name: 'alma',
    options: { method: 'alma', iterations: 30 },
    fools: 3,
    nothing: { step: 0 },
    reaches: 1,
    golden: EXACT,
  },
  {
    name: 'sigma-zero',
    options: { method: 'sigma-zero', iterations: 20 },
    fools: 4,
    nothing: { step: 0 },
    // Adam's first step is a sign, and goes to the edge of the box.
    golden: { group: 'minimal', atol: 1e-4, share: 0.01 },
  },
  {
    name: 'fab l2',
    options: { method: 'fab', norm: 'l2', iterations: 6, candidates: 4 },
    fools: 3,
    golden: EXACT,
    procedures: FAB,
  },
  {
    name: 'fab linf',
    options: { method: 'fab', norm: 'linf', iterations: 6, candidates: 4 },
    fools: 3,
    golden: EXACT,
    procedures: FAB,
  },
  {
    name: 'fab targets',
    options: { method: 'fab', norm: 'l2', iterations: 4, targets: 2, restarts: 2 },
    fools: 3,
  },
];
