/** FAB: projections onto the nearest linearised boundary within the box, drawn towards the clean image. */
import { defineMethod } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { choice, integer, real } from '../settings/rows.js';
import { boundaries, candidates, upTo } from './boundary.js';
import { closing } from './minimal.js';
import { FAB_SLOTS, fabTable, traceFab } from './parts/fab.js';

export const fab = defineMethod({
  name: 'fab',
  title: 'fast adaptive boundary',
  source:
    'Croce and Hein 2020, Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack; FAB-T with targets, as in AutoAttack',
  goals: ['untargeted'],
  norms: ['l2', 'linf'],
  kind: 'minimal',
  settings: {
    norm: choice(['l2', 'linf'], { default: 'l2', help: 'which norm is made small' }),
    iterations: iterations(100, 'steps of each run'),
    ...fabTable(),
    restarts: integer({
      min: 1,
      max: 100,
      default: 1,
      help: 'runs; all but the first start at random points',
    }),
    startRadius: real({
      min: 0,
      max: 1e6,
      default: ({ inputSize }, { norm }) => (norm === 'l2' ? inputSize / 32 : 0.3),
      defaultText: 'linf 0.3, l2 1 at 32x32',
      help: 'random points are half of this away',
    }),
    targets: integer({
      min: 0,
      max: 999,
      default: 0,
      help: 'FAB-T: runs towards each of so many classes, the strongest first; 0: the nearest boundary in each step',
    }),
    candidates,
    rounding: rounding('loop'),
  },
  slots: [...FAB_SLOTS, 'AIM'],
  trace: (
    frame,
    { norm, iterations: count, restarts, targets: most, candidates: others, rounding: where },
  ) => {
    const end = closing(frame, where);
    const targets = Math.min(most, frame.classes - 1);
    frame.begin();
    const run = traceFab(frame, {
      norm,
      iterations: count,
      ranks: targets > 0 ? ['aim'] : upTo(boundaries(frame, others)),
      restarts,
      radius: 'startRadius',
      showing: end.showing,
      rank: 'norm',
    });
    end.trace();
    const runs = Math.max(1, targets) * restarts;
    return {
      steps: [['begin', 1], ...Array.from({ length: runs }, () => run).flat()],
      tail: [['judge', 1]],
    };
  },
});
