/** DDN: the perturbation's direction follows the gradient, its norm is set apart from it. */
import attackDdn from '../../shaders/attack_ddn.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { cosineTable } from '../schedule.js';
import { iterations, rounding } from '../settings/common.js';
import { real } from '../settings/rows.js';
import { closing } from './minimal.js';

const shader = shaderSource('attack_ddn', attackDdn, pieces.total, pieces.random, pieces.pixel);

export const ddn = defineMethod({
  name: 'ddn',
  title: 'decoupled direction and norm',
  source:
    'Rony et al. 2019, Decoupling Direction and Norm for Efficient Gradient-Based L2 Adversarial Attacks and Defenses; rounds in the loop as its code does',
  goals: ['untargeted', 'targeted'],
  norms: ['l2'],
  kind: 'minimal',
  settings: {
    iterations: iterations(100),
    radius: real({ min: 0, max: 1e6, unit: 'l2', default: 1, help: 'first norm' }),
    gamma: real({ min: 0, max: 0.99, default: 0.05, help: 'the norm changes by this share at each step' }),
    stepStart: real({ min: 0, max: 1e6, default: 1, help: 'length of the first step' }),
    stepEnd: real({
      min: 0,
      max: 1e6,
      default: (_, { stepStart }) => (stepStart as number) / 100,
      defaultText: 'a hundredth of stepStart',
      help: 'length of the last step',
    }),
    rounding: rounding('loop'),
  },
  slots: ['RADIUS'],
  idle: ({ stepStart, stepEnd }) => stepStart === 0 && stepEnd === 0,
  trace: (frame, settings) => {
    const { x, mask, key, state, iterate } = frame;
    const cosine = cosineTable(frame, settings.iterations);
    const end = closing(frame, settings.rounding);
    frame.begin();
    frame.procedure('step', () => {
      // Its direction is all that is used of the gradient.
      const { gradient } = frame.look(end.showing, { loss: 'ce-unit', rank: 'norm' });
      frame.kernel(shader, {
        constants: { ROUND: settings.rounding === 'loop' },
        reads: [x, mask, gradient, frame.settings, cosine, key],
        writes: [state, iterate],
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
