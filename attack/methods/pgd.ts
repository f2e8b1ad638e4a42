/** Projected gradient ascent from random points of the ball. */
import type { Step } from '../../engine/program.js';
import { defineMethod } from '../method.js';
import { epsilon, iterations } from '../settings/common.js';
import { integer } from '../settings/rows.js';
import { alpha, ascend, BUDGETS, budgetNorm, settingOf, startAround } from './parts/ascent.js';

export const restarts = integer({
  min: 1,
  max: 1000,
  default: 1,
  help: 'random starts; an image that one has fooled is left alone',
});

export const pgd = defineMethod({
  name: 'pgd',
  title: 'projected gradient ascent',
  source:
    'Madry et al. 2018, Towards Deep Learning Models Resistant to Adversarial Attacks. Keeps the restart that fools, else that of the highest loss',
  goals: ['untargeted', 'targeted'],
  norms: ['linf', 'l2'],
  kind: 'budget',
  settings: {
    norm: budgetNorm,
    iterations: iterations(20, 'gradient steps of a restart'),
    epsilon: epsilon(BUDGETS),
    alpha: alpha({
      default: ({ inputSize }, { norm }) => (norm === 'l2' ? (0.1 * inputSize) / 32 : 2 / 255),
      defaultText: 'linf 2/255, l2 0.1 at 32x32',
    }),
    restarts,
  },
  idle: ({ alpha: step }) => step === 0,
  trace: (frame, settings) => {
    const { norm } = settings;
    frame.begin();
    frame.procedure('start', () => {
      if (norm === 'linf') startAround(frame, 'uniform', 'times', settingOf(frame, 'epsilon'));
      else startAround(frame, 'normal', 'l2 ball', settingOf(frame, 'epsilon'));
    });
    frame.procedure('step', () => {
      const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
      ascend(frame, gradient, { norm, reach: 'alpha' });
    });
    frame.attempt('judge', norm, { rank: 'loss', stops: true });
    const restart: Step[] = [
      ['start', 1],
      ['step', settings.iterations],
      ['judge', 1],
    ];
    return {
      steps: [['begin', 1], ...Array.from({ length: settings.restarts }, () => restart).flat()],
      tail: [],
      stops: settings.restarts > 1,
    };
  },
});
