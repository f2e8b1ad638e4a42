/** FGSM after a random step, which leaves the place where a net trained on FGSM hides its gradient. */
import { defineMethod } from '../method.js';
import { epsilon } from '../settings/common.js';
import { SettingError } from '../settings/rows.js';
import { alpha, ascend, BUDGETS, lastIterate, settingOf, startAround } from './parts/ascent.js';

export const randFgsm = defineMethod({
  name: 'rand-fgsm',
  title: 'fast gradient sign after a random step (R+FGSM)',
  source: 'Tramer et al. 2018, Ensemble Adversarial Training: Attacks and Defenses',
  goals: ['untargeted', 'targeted'],
  norms: ['linf'],
  kind: 'budget',
  settings: {
    epsilon: epsilon({ linf: BUDGETS.linf }),
    alpha: {
      ...alpha({ default: (_, { epsilon: budget }) => (budget as number) / 2, defaultText: 'epsilon/2' }),
      help: 'length of the random step, at most epsilon; the gradient gets the rest',
    },
  },
  check: ({ alpha: step, epsilon: budget }) => {
    if (step > budget)
      throw new SettingError('alpha', `expected a random step of at most epsilon, ${budget}, got ${step}`);
  },
  trace: (frame) => {
    frame.begin(() => startAround(frame, 'sign', 'times', settingOf(frame, 'alpha')));
    frame.procedure('step', () => {
      const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
      ascend(frame, gradient, { norm: 'linf', reach: 'rest' });
    });
    return lastIterate(frame, 1);
  },
});
