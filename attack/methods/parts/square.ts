/** The square attack's queries: one candidate an image and step, all on the device. */
import attackSquare from '../../../shaders/attack_square.wgsl';
import { shaderSource } from '../../../shaders/source.js';
import type { Frame, Loss } from '../../frame.js';
import { pieces } from '../../kernels.js';
import { integer } from '../../settings/rows.js';
import type { BudgetNorm } from './ascent.js';

const squareShader = shaderSource('attack_square', attackSquare, pieces.total, pieces.random);

/** Among the slots of a method that runs it: queries so far, the best margin. */
export const SQUARE_SLOTS = ['QUERY', 'MOST'] as const;

export const queries = integer({
  min: 1,
  max: 1_000_000,
  default: 5000,
  help: 'images that the net is asked about',
});

/** From these queries of 10,000 on the share of changed pixels is halved. */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

/**
 * Sides of the squares, one a query after the first.
 * @param share of the pixels that the first squares cover
 * @param rescale whether the schedule of 10,000 queries is stretched to their number
 */
export function sides(
  count: number,
  share: number,
  size: number,
  norm: BudgetNorm,
  rescale: boolean,
): Float32Array {
  return Float32Array.from({ length: count }, (_, query) => {
    const at = rescale ? Math.floor((query / count) * 10_000) : query;
    const p = share / 2 ** HALVINGS.filter((from) => at > from).length;
    const side = Math.round(Math.sqrt(p) * size);
    if (norm === 'linf') return Math.min(size, Math.max(1, side));
    // Odd, and room for a bump.
    const least = Math.max(3, side);
    return Math.min(size, least + (least % 2 === 0 ? 1 : 0));
  });
}

/** Traces the procedure `query`; it is told of 8-bit images within the budget only, so that what fools is what is saved. */
export function traceQuery(
  frame: Frame,
  {
    norm,
    count,
    share,
    rescale,
    loss,
  }: {
    readonly norm: BudgetNorm;
    readonly count: number;
    readonly share: number;
    readonly rescale: boolean;
    /** What ranks images that do not fool. */
    readonly loss: Loss;
  },
): void {
  const held = frame.variable('held', frame.shape);
  const schedule = frame.table('sides', [count], () => sides(count, share, frame.shape[3], norm, rescale));
  frame.procedure('query', () => {
    frame.kernel(squareShader, {
      label: `square/${norm}`,
      constants: { LINF: norm === 'linf' },
      reads: [frame.x, frame.mask, frame.key, frame.settings, schedule],
      writes: [frame.state, frame.iterate, held],
    });
    const seen = frame.show(norm);
    frame.judge(frame.net(seen), { loss, rank: 'loss', backwards: 0, stops: true });
    frame.keep(seen);
  });
}
