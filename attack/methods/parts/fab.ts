/** The runs of FAB (Croce and Hein 2020), after the authors' code. */
import type { Variable } from '../../../engine/graph.js';
import type { Step } from '../../../engine/program.js';
import attackFab from '../../../shaders/attack_fab.wgsl';
import attackFabBack from '../../../shaders/attack_fab_back.wgsl';
import attackFabStart from '../../../shaders/attack_fab_start.wgsl';
import { shaderSource } from '../../../shaders/source.js';
import type { Frame, Rank, Showing } from '../../frame.js';
import { pieces, SLOTS } from '../../kernels.js';
import { real } from '../../settings/rows.js';
import { BOUNDARY_SLOTS, nearest } from '../boundary.js';

const stepShader = shaderSource('attack_fab', attackFab, pieces.total);
const backShader = shaderSource('attack_fab_back', attackFabBack);
const startShader = shaderSource('attack_fab_start', attackFabStart, pieces.total, pieces.random);

/** Among the slots of a method that runs FAB, AIM too. */
export const FAB_SLOTS = [...BOUNDARY_SLOTS, 'RUNS', 'NEAREST'] as const;

/**
 * Among the settings of a method that runs FAB.
 * @param of stands before their help, where FAB is a part of the method
 */
export const fabTable = (of = '') => ({
  alphaMax: real({
    min: 0,
    max: 1,
    default: 0.1,
    help: `${of}weight of the projection of the clean image at most`,
  }),
  eta: real({ min: 1, max: 10, default: 1.05, help: `${of}length of a step in distances to the boundary` }),
  beta: real({ min: 0, max: 1, default: 0.9, help: `${of}what is left of a perturbation that fools` }),
});

/**
 * Traces one run.
 * @param ranks of the classes whose boundaries are looked at, by the clean logits; `aim`: one class, another after every `restarts` runs
 * @param radius the setting of which random points are half away
 * @param rank what is done with an iterate that fools: `norm` makes the nearest the result, `none` leaves it to the caller
 * @param kept [n, 3, h, w]: takes the nearest iterate of the run that fools, or its start
 */
export function traceFab(
  frame: Frame,
  {
    norm,
    iterations,
    ranks,
    restarts,
    radius,
    showing,
    rank,
    kept,
    tag = '',
  }: {
    readonly norm: 'l2' | 'linf';
    readonly iterations: number;
    readonly ranks: readonly (number | 'aim')[];
    readonly restarts: number;
    readonly radius: 'startRadius' | 'epsilon';
    readonly showing: Showing;
    readonly rank: Extract<Rank, 'norm' | 'none'>;
    readonly kept?: Variable | undefined;
    /** Told apart where a method traces several attacks. Default: nothing. */
    readonly tag?: string;
  },
): Step[] {
  const { x, mask, key, state, iterate } = frame;
  const linf = norm === 'linf';
  const keeps = kept ? [kept] : [];
  const normal = frame.variable('normal', frame.shape);
  frame.procedure(`start${tag}`, () => {
    frame.kernel(startShader, {
      constants: {
        LINF: linf,
        RESTARTS: restarts,
        SET_START_RADIUS: frame.columns.indexOf(radius),
        KEEPS: kept !== undefined,
      },
      reads: [x, mask, key, frame.settings],
      writes: [state, iterate, ...keeps],
    });
  });
  frame.procedure(`step${tag}`, () => {
    const seen = frame.show(showing);
    nearest(frame, frame.net(seen), seen, normal, { ranks, linf });
    frame.kernel(stepShader, {
      constants: { LINF: linf },
      reads: [x, normal, mask, frame.settings, state],
      writes: [iterate],
    });
    const after = frame.show(showing);
    frame.judge(frame.net(after), { loss: 'margin', rank, forwards: 2, backwards: ranks.length });
    if (rank !== 'none') frame.keep(after);
    frame.kernel(backShader, {
      constants: { KEEPS: kept !== undefined, NORM: linf ? SLOTS.SLOT_LINF : SLOTS.SLOT_L2 },
      reads: [x, frame.settings],
      writes: [state, iterate, ...keeps],
    });
  });
  return [
    [`start${tag}`, 1],
    [`step${tag}`, iterations],
  ];
}
