/** The standard ensemble, each attack on the images that are left. */
import { defineMethod } from '../method.js';
import { epsilon, iterations } from '../settings/common.js';
import { checkTargets, targets } from './apgd-t.js';
import { APGD_SLOTS, apgdVariables, openApgd, traceRun } from './parts/apgd.js';
import { BUDGETS, budgetNorm } from './parts/ascent.js';
import { queries, SQUARE_SLOTS, traceQuery } from './parts/square.js';

export const autoattack = defineMethod({
  name: 'autoattack',
  title: 'apgd on cross-entropy, apgd-t, square, each on what is left',
  source:
    'Croce and Hein 2020, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks: the standard version without FAB-T; an image is left to the next attack until its 8-bit image fools',
  goals: ['untargeted'],
  norms: ['linf', 'l2'],
  kind: 'budget',
  settings: {
    norm: budgetNorm,
    iterations: iterations(100, 'gradient steps of a run of auto-PGD'),
    epsilon: epsilon(BUDGETS),
    targets,
    queries: { ...queries, help: 'of the square attack' },
  },
  slots: [...APGD_SLOTS, ...SQUARE_SLOTS],
  check: checkTargets,
  trace: (frame, { norm, iterations: count, targets: classes, queries: most }) => {
    frame.begin(() => openApgd(frame));
    const variables = apgdVariables(frame);
    const plain = traceRun(frame, variables, { norm, iterations: count, loss: 'ce' });
    const targeted = traceRun(frame, variables, { norm, iterations: count, loss: 'dlr-aim', tag: ' t' });
    traceQuery(frame, { norm, count: most, share: 0.8, rescale: false, loss: 'ce' });
    return {
      steps: [
        ['begin', 1],
        ...plain,
        ...Array.from({ length: classes }, () => targeted).flat(),
        ['query', most],
      ],
      tail: [],
      stops: true,
    };
  },
});
