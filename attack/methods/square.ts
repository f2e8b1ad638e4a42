/** Random search with squares; asks the net for nothing but logits. */
import { defineMethod } from '../method.js';
import { epsilon } from '../settings/common.js';
import { real } from '../settings/rows.js';
import { BUDGETS, budgetNorm } from './parts/ascent.js';
import { queries, SQUARE_SLOTS, traceQuery } from './parts/square.js';

export const square = defineMethod({
  name: 'square',
  title: 'random squares, kept where the margin falls',
  source:
    'Andriushchenko et al. 2020, Square Attack: a Query-efficient Black-box Adversarial Attack via Random Search, as in AutoAttack’s code; places and signs are drawn for each image, and the net is asked about 8-bit images',
  goals: ['untargeted', 'targeted'],
  norms: ['linf', 'l2'],
  blackBox: true,
  kind: 'budget',
  settings: {
    norm: budgetNorm,
    epsilon: epsilon(BUDGETS),
    queries,
    p: real({
      above: 0,
      max: 1,
      default: 0.8,
      structural: true,
      help: 'share of the pixels that the first squares cover',
    }),
  },
  slots: SQUARE_SLOTS,
  trace: (frame, { norm, queries: count, p }) => {
    frame.begin();
    traceQuery(frame, { norm, count, share: p, rescale: true, loss: 'margin' });
    return {
      steps: [
        ['begin', 1],
        ['query', count],
      ],
      tail: [],
      stops: true,
    };
  },
});
