/**
 * The three attacks of Carlini and Wagner (2017): tanh space, so that the box needs no projection, Adam, and a weight c between distance and the
 * hinge max(0, kappa - margin) of the logits.
 */
import { F32 } from '../../engine/template.js';
import cwL0Text from '../../shaders/attack_cw_l0.wgsl';
import cwL2Text from '../../shaders/attack_cw_l2.wgsl';
import cwLinfText from '../../shaders/attack_cw_linf.wgsl';
import cwSearchText from '../../shaders/attack_cw_search.wgsl';
import cwStartText from '../../shaders/attack_cw_start.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { pieces } from '../kernels.js';
import { defineMethod, type Traced } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { integer, real } from '../settings/rows.js';

const searchShader = shaderSource('attack_cw_search', cwSearchText, pieces.tanh);
const startShader = shaderSource('attack_cw_start', cwStartText, pieces.tanh);
const l2Shader = shaderSource('attack_cw_l2', cwL2Text, pieces.tanh);
const linfShader = shaderSource('attack_cw_linf', cwLinfText, pieces.tanh, pieces.total);
const l0Shader = shaderSource('attack_cw_l0', cwL0Text, pieces.tanh, pieces.total, pieces.least);

/** The last c of the authors' code, past which an image is given up. */
const LARGEST_CONST = { linf: 20, l0: 2e6 } as const;

const learningRate = (value: number) =>
  real({ min: 0, max: 10, default: value, help: "Adam's step, in tanh space" });

const rounds = (most: number) =>
  integer({
    min: 1,
    max: 1000,
    default: most,
    help: 'at most so many times `iterations` steps in all, whatever c and rounds they belong to',
  });

const firstConst = (value: number) =>
  real({ above: 0, max: 1e6, default: value, help: 'first weight c of the hinge' });

const source = 'Carlini and Wagner 2017, Towards Evaluating the Robustness of Neural Networks';

/**
 * Least l2: Adam on ||d||^2 + c * hinge, c by binary search. As the authors' code, without its `abort_early`; their check of untargeted results
 * takes kappa from the wrong side, here what counts is a margin of at least kappa, as in the paper.
 */
export const cwL2 = defineMethod({
  name: 'cw-l2',
  title: 'least l2 in tanh space, binary search over the weight c',
  source,
  goals: ['untargeted', 'targeted'],
  norms: ['l2'],
  kind: 'minimal',
  settings: {
    iterations: iterations(1000, 'steps of each search'),
    const: real({
      above: 0,
      max: 1e6,
      default: undefined,
      defaultText: 'searched from 0.001',
      help: 'the weight c of the hinge; fixed where it is given',
    }),
    initialConst: firstConst(1e-3),
    searches: integer({ min: 1, max: 50, default: 9, help: 'searches over c, unless const fixes it' }),
    kappa: real({ min: 0, max: 1e6, default: 0, unit: 'logits', help: 'margin that must be reached' }),
    learningRate: learningRate(0.01),
    rounding: rounding('loop'),
  },
  slots: ['CONST', 'LOWER', 'UPPER', 'SEARCHES', 'HIT', 'DECAY1', 'DECAY2'],
  idle: ({ learningRate: rate }) => rate === 0,
  trace(frame, settings): Traced {
    const { x, mask, state, iterate } = frame;
    const fixed = settings.const !== undefined;
    const place = frame.variable('place', placeShape(frame));
    frame.begin();
    frame.procedure('search', () => {
      frame.kernel(searchShader, {
        constants: { FIRST: frame.columns.indexOf(fixed ? 'const' : 'initialConst') },
        reads: [x, frame.settings],
        writes: [state, place, iterate],
      });
    });
    frame.procedure('step', () => {
      const { gradient } = frame.look(settings.rounding === 'loop' ? 'round' : 'exact', {
        loss: 'margin',
        rank: 'norm',
        confident: true,
      });
      frame.kernel(l2Shader, {
        reads: [x, mask, gradient, frame.settings],
        writes: [state, place, iterate],
      });
    });
    const searches = fixed ? 1 : settings.searches;
    const search = [
      ['search', 1],
      ['step', settings.iterations],
    ] as const;
    return {
      steps: [['begin', 1], ...Array.from({ length: searches }, () => search).flat()],
      tail: last(frame, settings.rounding, true),
    };
  },
});

/**
 * Least linf: a hinge on what is beyond tau instead of the distance; tau shrinks from 1 while it can be met. As the authors' code, but the image
 * that met tau is the one that was judged, not the one after it, and all steps together are bounded.
 */
export const cwLinf = defineMethod({
  name: 'cw-linf',
  title: 'least linf in tanh space, a shrinking bound tau',
  source,
  goals: ['untargeted', 'targeted'],
  norms: ['linf'],
  kind: 'minimal',
  settings: {
    iterations: iterations(1000, 'steps before c is raised'),
    rounds: rounds(9),
    initialConst: firstConst(1e-5),
    constFactor: constFactor(),
    decrease: real({ above: 0, max: 0.999, default: 0.9, help: 'tau shrinks to this share' }),
    learningRate: learningRate(0.005),
    rounding: rounding('loop'),
  },
  slots: ['CONST', 'TAU', 'AGE', 'DECAY1', 'DECAY2'],
  idle: ({ learningRate: rate }) => rate === 0,
  trace(frame, settings): Traced {
    const { x, mask, state, iterate } = frame;
    const place = frame.variable('place', placeShape(frame));
    frame.begin(() => {
      frame.kernel(startShader, {
        label: 'cw_start/linf',
        constants: { L0: false },
        reads: [x, frame.settings],
        writes: [state, place],
      });
    });
    frame.procedure('step', () => {
      const { gradient } = look(frame, settings.rounding);
      frame.kernel(linfShader, {
        constants: {
          ITERATIONS: settings.iterations,
          LARGEST_CONST: new F32(LARGEST_CONST.linf),
        },
        reads: [x, mask, gradient, frame.settings],
        writes: [state, place, iterate],
      });
    });
    return {
      steps: [
        ['begin', 1],
        ['step', settings.rounds * settings.iterations],
      ],
      tail: last(frame, settings.rounding),
      stops: true,
    };
  },
});

/**
 * Least l0: cw-l2's problem on a support that shrinks by the pixels that matter least, while it can be solved. As the authors' code; all steps
 * together are bounded.
 */
export const cwL0 = defineMethod({
  name: 'cw-l0',
  title: 'least l0 in tanh space, a shrinking support',
  source,
  goals: ['untargeted', 'targeted'],
  norms: ['l0'],
  kind: 'minimal',
  settings: {
    iterations: iterations(1000, 'steps before c is raised'),
    // From 1e-3 it takes some ten doublings to a c that fools.
    rounds: rounds(30),
    initialConst: firstConst(1e-3),
    constFactor: constFactor(),
    learningRate: learningRate(0.01),
    rounding: rounding('loop'),
  },
  slots: ['CONST', 'AGE', 'DECAY1', 'DECAY2'],
  idle: ({ learningRate: rate }) => rate === 0,
  trace(frame, settings): Traced {
    const { x, mask, state, iterate } = frame;
    const place = frame.variable('place', placeShape(frame));
    const allowed = frame.variable('allowed', [frame.batch, 2, frame.pixels]);
    frame.begin(() => {
      frame.kernel(startShader, {
        label: 'cw_start/l0',
        constants: { L0: true },
        reads: [x, frame.settings, mask],
        writes: [state, place, allowed],
      });
    });
    frame.procedure('step', () => {
      const { gradient } = look(frame, settings.rounding);
      frame.kernel(l0Shader, {
        constants: {
          ITERATIONS: settings.iterations,
          LARGEST_CONST: new F32(LARGEST_CONST.l0),
          MOST: Math.ceil(0.3 * Math.sqrt(frame.pixels)),
        },
        reads: [x, mask, gradient, frame.settings],
        writes: [state, place, iterate, allowed],
      });
    });
    return {
      steps: [
        ['begin', 1],
        ['step', settings.rounds * settings.iterations],
      ],
      tail: last(frame, settings.rounding),
      stops: true,
    };
  },
});

function constFactor() {
  return real({ above: 1, max: 1e6, default: 2, help: 'c grows by this where it is too low' });
}

/** w and Adam's two moments. */
function placeShape({ shape: [n, ...image] }: Frame): readonly number[] {
  return [n, 3, ...image];
}

function look(frame: Frame, where: 'loop' | 'end') {
  return frame.look(where === 'loop' ? 'round' : 'exact', { loss: 'margin', rank: 'norm' });
}

function last(frame: Frame, where: 'loop' | 'end', confident = false): Traced['tail'] {
  if (where === 'loop') frame.attempt('judge', 'round', { rank: 'norm', loss: 'margin', confident });
  else frame.roundBest('judge');
  return [['judge', 1]];
}
