/** Momentum iterative FGSM whose gradient goes through a random resize and pad, for transfer. */
import type { Tensor } from '../../engine/graph.js';
import attackDiversify from '../../shaders/attack_diversify.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { pieces, SLOTS, WORKGROUP } from '../kernels.js';
import { defineMethod } from '../method.js';
import { epsilon, iterations } from '../settings/common.js';
import { real } from '../settings/rows.js';
import { decay } from './mifgsm.js';
import { alpha, ascend, BUDGETS, lastIterate } from './parts/ascent.js';

const diversifyShader = shaderSource('attack_diversify', attackDiversify, pieces.random);

export const mdi2fgsm = defineMethod({
  name: 'mdi2fgsm',
  title: 'momentum iterative fast gradient sign on diverse inputs (M-DI2-FGSM)',
  source:
    'Xie et al. 2019, Improving Transferability of Adversarial Examples with Input Diversity. The authors enlarge and pad to a larger input; here, for nets of one size, images shrink and are padded to their own; each image draws for itself',
  goals: ['untargeted', 'targeted'],
  norms: ['linf'],
  kind: 'budget',
  settings: {
    iterations: iterations(20),
    epsilon: epsilon({ linf: BUDGETS.linf }),
    alpha: alpha({ default: 1 / 255, defaultText: '1/255' }),
    decay,
    diversity: real({ min: 0, max: 1, default: 0.5, help: 'probability of a resize and pad' }),
    resize: real({ min: 0.1, max: 1, default: 0.9, help: 'least side after the resize, as a share' }),
  },
  idle: ({ alpha: step }) => step === 0,
  trace: (frame, settings) => {
    const velocity = frame.variable('velocity', frame.shape);
    frame.begin(() => frame.zero(velocity));
    frame.procedure('step', () => {
      const diverse = diversify(frame, frame.show('exact'), SLOTS.SLOT_STEPS, false);
      const logits = frame.net(diverse);
      const seed = frame.judge(logits, { loss: 'ce', rank: 'none' });
      const gradient = diversify(frame, frame.gradient(logits, diverse, seed), SLOTS.SLOT_STEP, true);
      ascend(frame, gradient, { norm: 'linf', reach: 'alpha', velocity });
    });
    return lastIterate(frame, settings.iterations);
  },
});

/** @param step the slot of the step's number: the judge counts on in between */
function diversify(frame: Frame, images: Tensor, step: number, transpose: boolean): Tensor {
  const [out] = frame.kernel(diversifyShader, {
    label: transpose ? 'diversify/transpose' : 'diversify',
    constants: { TRANSPOSE: transpose, AT: step },
    reads: [images, frame.key, frame.settings, frame.state],
    outputs: [frame.shape],
    workgroups: [Math.ceil(frame.elements / WORKGROUP), frame.batch, 1],
  });
  return out!;
}
