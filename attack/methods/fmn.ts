/** FMN: steps on the margin, projected onto a ball that the distance to the boundary, then success and failure, make smaller and larger. */
import attackFmn from '../../shaders/attack_fmn.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { cosineTable } from '../schedule.js';
import { iterations, NORMS, rounding } from '../settings/common.js';
import { choice, real } from '../settings/rows.js';
import { closing } from './minimal.js';

const shader = shaderSource('attack_fmn', attackFmn, pieces.total);

export const fmn = defineMethod({
  name: 'fmn',
  title: 'fast minimum norm',
  source:
    'Pintor et al. 2021, Fast Minimum-norm Adversarial Attacks through Adaptive Norm Constraints; l2 scales up to the ball as its code does',
  goals: ['untargeted', 'targeted'],
  norms: ['l2', 'l0', 'l1', 'linf'],
  kind: 'minimal',
  settings: {
    norm: choice(NORMS, { default: 'l2', help: 'which norm is made small' }),
    iterations: iterations(100),
    gamma: real({
      min: 0,
      max: 0.99,
      default: 0.05,
      help: 'the radius changes by this share at the first step',
    }),
    gammaEnd: real({
      min: 0,
      max: 0.99,
      default: (_, { gamma }) => Math.min(0.001, gamma as number),
      defaultText: '0.001',
      help: 'and by this at the last',
    }),
    stepStart: real({ min: 0, max: 1e6, default: 1, help: 'length of the first step, in l2' }),
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
    const { x, mask, state, iterate } = frame;
    const cosine = cosineTable(frame, settings.iterations);
    const end = closing(frame, settings.rounding);
    frame.begin();
    frame.procedure('step', () => {
      const { gradient } = frame.look(end.showing, { loss: 'margin', rank: 'norm' });
      frame.kernel(shader, {
        constants: { P: NORMS.indexOf(settings.norm) },
        reads: [x, mask, gradient, frame.settings, cosine],
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
