/**
 * The saliency map attack of Papernot et al. (2016): of all pairs of values the one that raises the target's logit most while it lowers the
 * others' sum.
 */
import { F32 } from '../../engine/template.js';
import jsmaText from '../../shaders/attack_jsma.wgsl';
import beginText from '../../shaders/attack_jsma_begin.wgsl';
import pairsText from '../../shaders/attack_jsma_pairs.wgsl';
import seedsText from '../../shaders/attack_jsma_seeds.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { classWorkgroup, pieces, WORKGROUP } from '../kernels.js';
import { defineMethod } from '../method.js';
import { rounding } from '../settings/common.js';
import { integer, real } from '../settings/rows.js';

const beginShader = shaderSource('attack_jsma_begin', beginText);
const seedsShader = shaderSource('attack_jsma_seeds', seedsText);
const pairsShader = shaderSource('attack_jsma_pairs', pairsText);
const stepShader = shaderSource('attack_jsma', jsmaText, pieces.least);

/** Above this size the pairs, which grow with the square of the values, cost more than the net. */
const PAIRS_UP_TO = 64;

/**
 * Slopes of the logits, not of the softmax, whose two rows would be one; features are channel values, each free to move again until it is at
 * the edge of the box, as in the authors' library (cleverhans).
 */
export const jsma = defineMethod({
  name: 'jsma',
  title: 'least l0 by a saliency map, one or two values a step',
  source: 'Papernot et al. 2016, The Limitations of Deep Learning in Adversarial Settings',
  goals: ['untargeted', 'targeted'],
  norms: ['l0'],
  kind: 'minimal',
  settings: {
    theta: real({
      min: -1,
      max: 1,
      default: 0.3,
      unit: '[0,1]',
      help: 'change of a value in one step; below 0 values fall',
    }),
    gamma: real({
      min: 0,
      max: 1,
      default: 0.1,
      structural: true,
      help: "share of the region's values that may change",
    }),
    together: integer({
      min: 1,
      max: 2,
      default: ({ inputSize }) => (inputSize <= PAIRS_UP_TO ? 2 : 1),
      defaultText: `2 up to ${PAIRS_UP_TO}x${PAIRS_UP_TO}, else 1`,
      help: 'values that change in a step; the search for pairs grows with the square of the values',
    }),
    rounding: rounding('loop'),
  },
  slots: ['AIM', 'MOVES'],
  idle: ({ theta, gamma }) => theta === 0 || gamma === 0,
  trace(frame, { gamma, together, rounding: where }) {
    const { state, iterate, mask } = frame;
    frame.begin(() => {
      frame.kernel(beginShader, { reads: [frame.logits, frame.goal], writes: [state] });
    });
    frame.procedure('step', () => {
      const seen = frame.show(where === 'loop' ? 'round' : 'exact');
      const logits = frame.net(seen);
      frame.judge(logits, { loss: 'margin', rank: 'norm', backwards: 2 });
      frame.keep(seen);
      const classes = [frame.batch, frame.classes];
      const [own, others] = frame.kernel(seedsShader, {
        constants: { WG: classWorkgroup(frame.classes) },
        reads: [state],
        outputs: [classes, classes],
      });
      const [worth, partner] = frame.kernel(pairsShader, {
        constants: { ONE: together === 1 },
        reads: [
          frame.gradient(logits, seen, own!),
          frame.gradient(logits, seen, others!),
          iterate,
          mask,
          frame.settings,
        ],
        outputs: [frame.shape, frame.shape],
        workgroups: [Math.ceil(frame.elements / WORKGROUP), frame.batch, 1],
      });
      frame.kernel(stepShader, {
        constants: { TOGETHER: together, GAMMA: new F32(gamma) },
        reads: [worth!, partner!, mask, frame.settings, frame.area],
        writes: [state, iterate],
      });
    });
    if (where === 'loop') frame.attempt('judge', 'round', { rank: 'norm' });
    else frame.roundBest('judge');
    return {
      steps: [
        ['begin', 1],
        // One step more than moves: the last move is looked at as the others are.
        ['step', Math.floor((frame.elements * gamma) / together) + 1],
      ],
      tail: [['judge', 1]],
      stops: true,
    };
  },
});
