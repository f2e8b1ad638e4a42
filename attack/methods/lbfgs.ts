/** The box-constrained L-BFGS attack of Szegedy et al. (2014): the least c ||d||^2 + cross-entropy, c by line search. */
import lbfgsText from '../../shaders/attack_lbfgs.wgsl';
import searchText from '../../shaders/attack_lbfgs_search.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { integer, real } from '../settings/rows.js';

const searchShader = shaderSource('attack_lbfgs_search', searchText);
const stepShader = shaderSource('attack_lbfgs', lbfgsText, pieces.total);

/** Pairs of differences that stand for the Hessian. */
const MEMORY = 10;

/**
 * The distance is squared, as in the authors' later code (cleverhans). The paper has targets only; untargeted the label's cross-entropy is raised.
 * The greatest c that fools is looked for by factors of ten, then halving in the logarithm. Every trial of the line search is a step.
 */
export const lbfgs = defineMethod({
  name: 'lbfgs',
  title: 'least l2 by box-constrained L-BFGS, search over the weight c',
  source: 'Szegedy et al. 2014, Intriguing properties of neural networks',
  goals: ['untargeted', 'targeted'],
  norms: ['l2'],
  kind: 'minimal',
  settings: {
    iterations: iterations(100, 'evaluations of each search'),
    searches: integer({ min: 1, max: 50, default: 9, help: 'values of c that are tried' }),
    initialConst: real({ above: 0, max: 1e9, default: 10, help: 'first weight c of the distance' }),
    rounding: rounding('loop'),
  },
  slots: [
    'CONST',
    'LOWER',
    'UPPER',
    'SEARCHES',
    'HIT',
    'AGE',
    'VALUE',
    'LENGTH',
    'SCALE',
    'PAIRS',
    ...Array.from({ length: MEMORY }, (_, pair) => `RHO${pair}`),
  ],
  trace(frame, settings) {
    const { x, mask, state, iterate } = frame;
    const memory = frame.variable('memory', [frame.batch, 3 + 2 * MEMORY, frame.elements]);
    frame.begin();
    frame.procedure('search', () => {
      frame.kernel(searchShader, {
        constants: { MEMORY },
        reads: [x, frame.settings],
        writes: [state, iterate],
      });
    });
    frame.procedure('step', () => {
      const { gradient } = frame.look(settings.rounding === 'loop' ? 'round' : 'exact', {
        loss: 'ce',
        rank: 'norm',
      });
      frame.kernel(stepShader, {
        constants: { MEMORY },
        reads: [x, mask, gradient],
        writes: [state, memory, iterate],
      });
    });
    if (settings.rounding === 'loop') frame.attempt('judge', 'round', { rank: 'norm' });
    else frame.roundBest('judge');
    const search = [
      ['search', 1],
      ['step', settings.iterations],
    ] as const;
    return {
      steps: [['begin', 1], ...Array.from({ length: settings.searches }, () => search).flat()],
      tail: [['judge', 1]],
    };
  },
});
