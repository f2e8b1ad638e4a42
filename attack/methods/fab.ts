/** FAB: projections onto the nearest linearised boundary within the box, drawn towards the clean image. */
import attackFab from '../../shaders/attack_fab.wgsl';
import attackFabBack from '../../shaders/attack_fab_back.wgsl';
import attackFabStart from '../../shaders/attack_fab_start.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { choice, integer, real } from '../settings/rows.js';
import { BOUNDARY_SLOTS, boundaries, candidates, nearest, upTo } from './boundary.js';
import { closing } from './minimal.js';

const stepShader = shaderSource('attack_fab', attackFab, pieces.total);
const backShader = shaderSource('attack_fab_back', attackFabBack);
const startShader = shaderSource('attack_fab_start', attackFabStart, pieces.total, pieces.random);

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
    alphaMax: real({
      min: 0,
      max: 1,
      default: 0.1,
      help: 'weight of the projection of the clean image at most',
    }),
    eta: real({ min: 1, max: 10, default: 1.05, help: 'length of a step in distances to the boundary' }),
    beta: real({ min: 0, max: 1, default: 0.9, help: 'what is left of a perturbation that fools' }),
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
  slots: [...BOUNDARY_SLOTS, 'AIM', 'RUNS'],
  trace: (frame, settings) => {
    const { x, mask, key, state, iterate } = frame;
    const linf = settings.norm === 'linf';
    const end = closing(frame, settings.rounding);
    const normal = frame.variable('normal', frame.shape);
    const targets = Math.min(settings.targets, frame.classes - 1);
    const ranks = targets > 0 ? (['aim'] as const) : upTo(boundaries(frame, settings.candidates));
    frame.begin();
    frame.procedure('start', () => {
      frame.kernel(startShader, {
        constants: { LINF: linf, RESTARTS: settings.restarts },
        reads: [x, mask, key, frame.settings],
        writes: [state, iterate],
      });
    });
    frame.procedure('step', () => {
      const seen = frame.show(end.showing);
      nearest(frame, frame.net(seen), seen, normal, { ranks, linf });
      frame.kernel(stepShader, {
        constants: { LINF: linf },
        reads: [x, normal, mask, frame.settings, state],
        writes: [iterate],
      });
      const after = frame.show(end.showing);
      frame.judge(frame.net(after), {
        loss: 'margin',
        rank: 'norm',
        forwards: 2,
        backwards: ranks.length,
      });
      frame.keep(after);
      frame.kernel(backShader, { reads: [x, frame.settings, state], writes: [iterate] });
    });
    end.trace();
    const runs = Math.max(1, targets) * settings.restarts;
    return {
      steps: [
        ['begin', 1],
        ...Array.from(
          { length: runs },
          () =>
            [
              ['start', 1],
              ['step', settings.iterations],
            ] as const,
        ).flat(),
      ],
      tail: [['judge', 1]],
    };
  },
});
