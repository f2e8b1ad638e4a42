/** Random noise of a given norm: what a budget does without any attack. */
import { defineMethod } from '../method.js';
import { epsilon } from '../settings/common.js';
import { choice } from '../settings/rows.js';
import { BUDGETS, budgetNorm, settingOf, startAround } from './parts/ascent.js';

export const noise = defineMethod({
  name: 'noise',
  title: 'random noise (control)',
  source: 'a control, of no paper: noise scaled to the budget, clipped to the box, rounded within the budget',
  goals: ['untargeted', 'targeted'],
  norms: ['linf', 'l2'],
  blackBox: true,
  kind: 'control',
  settings: {
    norm: budgetNorm,
    epsilon: epsilon(BUDGETS),
    distribution: choice(['uniform', 'normal', 'sign'], {
      default: 'uniform',
      help: 'of a value, before it is scaled to the norm',
    }),
  },
  trace: (frame, { norm, distribution }) => {
    frame.begin(() => startAround(frame, distribution, norm, settingOf(frame, 'epsilon')));
    frame.attempt('judge', norm, { rank: 'latest' });
    return { steps: [['begin', 1]], tail: [['judge', 1]] };
  },
});
