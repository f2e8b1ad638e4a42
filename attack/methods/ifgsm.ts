/** FGSM in small steps (basic iterative method). */
import { defineMethod } from '../method.js';
import { epsilon, iterations } from '../settings/common.js';
import { alpha, ascend, BUDGETS, lastIterate } from './parts/ascent.js';

export const ifgsm = defineMethod({
  name: 'ifgsm',
  title: 'iterative fast gradient sign (BIM)',
  source: 'Kurakin et al. 2017, Adversarial Examples in the Physical World',
  goals: ['untargeted', 'targeted'],
  norms: ['linf'],
  kind: 'budget',
  settings: {
    iterations: iterations(10),
    epsilon: epsilon({ linf: BUDGETS.linf }),
    alpha: alpha({ default: 1 / 255, defaultText: '1/255' }),
  },
  idle: ({ alpha: step }) => step === 0,
  trace: (frame, settings) => {
    frame.begin();
    frame.procedure('step', () => {
      const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
      ascend(frame, gradient, { norm: 'linf', reach: 'alpha' });
    });
    return lastIterate(frame, settings.iterations);
  },
});
