/** The standard ensemble, each attack on the images that are left. */
import { defineMethod } from '../method.js';
import { epsilon, iterations } from '../settings/common.js';
import { checkTargets, targets } from './apgd-t.js';
import { APGD_SLOTS, apgdVariables, openApgd, traceRun } from './parts/apgd.js';
import { BUDGETS, budgetNorm } from './parts/ascent.js';
import { FAB_SLOTS, fabTable, traceFab } from './parts/fab.js';
import { queries, SQUARE_SLOTS, traceQuery } from './parts/square.js';

export const autoattack = defineMethod({
  name: 'autoattack',
  title: 'apgd on cross-entropy, apgd-t, FAB-T, square, each on what is left',
  source:
    'Croce and Hein 2020, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks: the standard version; an image is left to the next attack until its 8-bit image within epsilon fools, of a run of FAB-T the nearest that fooled',
  goals: ['untargeted'],
  norms: ['linf', 'l2'],
  kind: 'budget',
  settings: {
    norm: budgetNorm,
    iterations: iterations(100, 'steps of a run of auto-PGD or FAB-T'),
    epsilon: epsilon(BUDGETS),
    targets,
    ...fabTable('FAB-T: '),
    queries: { ...queries, help: 'of the square attack' },
  },
  slots: [...APGD_SLOTS, ...FAB_SLOTS, ...SQUARE_SLOTS],
  check: checkTargets,
  trace: (frame, { norm, iterations: count, targets: classes, queries: most }) => {
    frame.begin(() => openApgd(frame));
    const variables = apgdVariables(frame);
    const plain = traceRun(frame, variables, { norm, iterations: count, loss: 'ce' });
    const targeted = traceRun(frame, variables, { norm, iterations: count, loss: 'dlr-aim', tag: ' t' });
    const { kept } = variables;
    const nearest = traceFab(frame, {
      norm,
      iterations: count,
      ranks: ['aim'],
      restarts: 1,
      radius: 'epsilon',
      showing: 'exact',
      rank: 'none',
      kept,
      tag: ' fab',
    });
    frame.procedure('end fab', () => frame.graph.assign(frame.iterate, kept));
    frame.attempt('judge fab', norm, { rank: 'loss', stops: true });
    traceQuery(frame, { norm, count: most, share: 0.8, rescale: false, loss: 'ce' });
    return {
      steps: [
        ['begin', 1],
        ...plain,
        ...Array.from({ length: classes }, () => targeted).flat(),
        ...Array.from(
          { length: classes },
          () => [...nearest, ['end fab', 1], ['judge fab', 1]] as const,
        ).flat(),
        ['query', most],
      ],
      tail: [],
      stops: true,
    };
  },
});
