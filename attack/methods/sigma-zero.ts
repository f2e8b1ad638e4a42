/** sigma-zero: few changed values by a smooth count of them, and a threshold that falls until the net is fooled. */
import attackSigmaZero from '../../shaders/attack_sigma_zero.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { real } from '../settings/rows.js';
import { closing } from './minimal.js';

const shader = shaderSource('attack_sigma_zero', attackSigmaZero, pieces.total);

export const sigmaZero = defineMethod({
  name: 'sigma-zero',
  title: 'smooth count of changed values, adaptive threshold',
  source: 'Cina et al. 2025, sigma-zero: Gradient-based Optimization of l0-norm Adversarial Examples',
  goals: ['untargeted'],
  norms: ['l0'],
  kind: 'minimal',
  settings: {
    iterations: iterations(1000),
    step: real({ min: 0, max: 1e6, default: 1, help: 'first step, of Adam' }),
    sigma: real({ min: 1e-9, max: 1, default: 0.001, help: 'width of the smooth count' }),
    threshold: real({ min: 0, max: 1, default: 0.3, help: 'first threshold; less than it is no change' }),
    thresholdRate: real({ min: 0, max: 1, default: 0.01, help: 'change of the threshold, in steps' }),
    rounding: rounding('loop'),
  },
  slots: ['THRESHOLD'],
  idle: ({ step }) => step === 0,
  trace: (frame, settings) => {
    const { x, mask, state, iterate } = frame;
    const [n, channels, height, width] = frame.shape;
    const moments = frame.variable('moments', [n, 2, channels, height, width]);
    const schedule = frame.table('schedule', [settings.iterations + 1, 3], () =>
      adamSchedule(settings.iterations),
    );
    const end = closing(frame, settings.rounding);
    frame.begin();
    frame.procedure('step', () => {
      const { gradient } = frame.look(end.showing, { loss: 'margin', rank: 'norm' });
      frame.kernel(shader, {
        reads: [x, mask, gradient, frame.settings, schedule],
        writes: [state, iterate, moments],
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

/** [steps + 1, 3]: half cosine from 1 to 0, and 1 - .9^k, 1 - .999^k for k from 1: differences that f32 powers would not keep. */
function adamSchedule(steps: number): Float32Array {
  return Float32Array.from(
    Array.from({ length: steps + 1 }, (_, k) => [
      (1 + Math.cos((Math.PI * k) / steps)) / 2,
      1 - 0.9 ** (k + 1),
      1 - 0.999 ** (k + 1),
    ]).flat(),
  );
}
