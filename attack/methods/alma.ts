/** ALMA: distance and misclassification as an augmented Lagrangian, whose multiplier follows the margin. */
import attackAlma from '../../shaders/attack_alma.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { integer, real } from '../settings/rows.js';
import { closing } from './minimal.js';

const shader = shaderSource('attack_alma', attackAlma, pieces.total);

export const alma = defineMethod({
  name: 'alma',
  title: 'augmented Lagrangian of distance and margin',
  source:
    'Rony et al. 2021, Augmented Lagrangian Adversarial Attacks, for l2 with the penalty P2; the first step is a setting, as in its code, not searched for',
  goals: ['untargeted', 'targeted'],
  norms: ['l2'],
  kind: 'minimal',
  settings: {
    iterations: iterations(1000),
    step: real({ min: 0, max: 1e6, default: 0.1, help: 'step until something fools' }),
    reduction: real({ min: 1e-6, max: 1, default: 0.01, help: 'the step falls to this share at the end' }),
    mu: real({ min: 1e-6, max: 1e12, default: 1, help: 'first multiplier of the penalty' }),
    rho: real({ min: 1e-6, max: 1e12, default: 1, help: 'first parameter of the penalty' }),
    check: integer({ min: 1, max: 10_000, default: 10, help: 'steps between looks at the improvement' }),
    improvement: real({
      min: 0,
      max: 1,
      default: 0.95,
      help: 'share that the margin must fall to, or rho grows',
    }),
    penaltyGrowth: real({ min: 1, max: 100, default: 1.2, help: 'growth of rho' }),
    average: real({ min: 0, max: 0.9999, default: 0.9, help: 'weight of the past in the moving averages' }),
    rounding: rounding('loop'),
  },
  slots: ['MU', 'RHO', 'CHECKED', 'FIRST'],
  idle: ({ step }) => step === 0,
  trace: (frame, settings) => {
    const { x, mask, state, iterate } = frame;
    const squares = frame.variable('squares', frame.shape);
    const velocity = frame.variable('velocity', frame.shape);
    const end = closing(frame, settings.rounding);
    frame.begin();
    frame.procedure('step', () => {
      const { gradient } = frame.look(end.showing, { loss: 'ratio', rank: 'norm' });
      frame.kernel(shader, {
        constants: { ITERATIONS: settings.iterations, CHECK: settings.check },
        reads: [x, mask, gradient, frame.settings],
        writes: [state, iterate, squares, velocity],
      });
    });
    end.trace();
    return {
      steps: [
        ['begin', 1],
        ['step', settings.iterations],
      ],
      tail: [['judge', 1]],
    };
  },
});
