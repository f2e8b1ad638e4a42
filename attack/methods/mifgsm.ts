/** Iterative FGSM along a gathered gradient. */
import { defineMethod } from '../method.js';
import { epsilon, iterations } from '../settings/common.js';
import { real } from '../settings/rows.js';
import { alpha, ascend, BUDGETS, lastIterate } from './parts/ascent.js';

/** mu. */
export const decay = real({
  min: 0,
  max: 10,
  default: 1,
  help: 'what is left of the momentum after a step',
});

export const mifgsm = defineMethod({
  name: 'mifgsm',
  title: 'iterative fast gradient sign with momentum',
  source: 'Dong et al. 2018, Boosting Adversarial Attacks with Momentum',
  goals: ['untargeted', 'targeted'],
  norms: ['linf'],
  kind: 'budget',
  settings: {
    iterations: iterations(10),
    epsilon: epsilon({ linf: BUDGETS.linf }),
    alpha: alpha({
      default: (_, { epsilon: budget, iterations: steps }) => (budget as number) / (steps as number),
      defaultText: 'epsilon/iterations',
    }),
    decay,
  },
  idle: ({ alpha: step }) => step === 0,
  trace: (frame, settings) => {
    const velocity = frame.variable('velocity', frame.shape);
    frame.begin(() => frame.zero(velocity));
    frame.procedure('step', () => {
      const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
      ascend(frame, gradient, { norm: 'linf', reach: 'alpha', velocity });
    });
    return lastIterate(frame, settings.iterations);
  },
});
