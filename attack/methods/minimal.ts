/** What the iterated minimal methods share: where they round. */
import type { Frame } from '../frame.js';

/**
 * The setting `rounding`: what the net is shown in the loop, and the procedure `judge`, the last one. `loop`: 8-bit images throughout; the last
 * iterate is still to be seen. `end`: the best iterate is rounded once, and judged anew.
 */
export function closing(frame: Frame, rounding: 'loop' | 'end') {
  return {
    showing: rounding === 'loop' ? 'round' : 'exact',
    trace: () =>
      rounding === 'loop' ? frame.attempt('judge', 'round', { rank: 'norm' }) : frame.roundBest('judge'),
  } as const;
}
