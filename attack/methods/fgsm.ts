/** One step of the size of the budget, along the sign of the gradient. */
import { defineMethod } from '../method.js';
import { epsilon } from '../settings/common.js';
import { ascend, BUDGETS, lastIterate } from './parts/ascent.js';

export const fgsm = defineMethod({
  name: 'fgsm',
  title: 'fast gradient sign',
  source: 'Goodfellow et al. 2015, Explaining and Harnessing Adversarial Examples',
  goals: ['untargeted', 'targeted'],
  norms: ['linf'],
  kind: 'budget',
  settings: { epsilon: epsilon({ linf: BUDGETS.linf }) },
  trace: (frame) => {
    frame.begin();
    frame.procedure('step', () => {
      const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
      ascend(frame, gradient, { norm: 'linf', reach: 'epsilon' });
    });
    return lastIterate(frame, 1);
  },
});
