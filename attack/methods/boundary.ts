/** Linearised class boundaries: what DeepFool, SuperDeepFool and FAB step towards. */
import type { Tensor, Variable } from '../../engine/graph.js';
import attackNearest from '../../shaders/attack_nearest.wgsl';
import attackRow from '../../shaders/attack_row.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { classWorkgroup, pieces } from '../kernels.js';
import { integer } from '../settings/rows.js';

const rowShader = shaderSource('attack_row', attackRow);
const nearestShader = shaderSource('attack_nearest', attackNearest, pieces.total);

/** What `nearest` leaves in the state. */
export const BOUNDARY_SLOTS = ['DISTANCE', 'GAP', 'SIZE'] as const;

/** Classes whose boundaries are looked at, the label's among them. */
export const candidates = integer({
  min: 2,
  max: 1000,
  default: 10,
  help: 'boundaries to the strongest classes of the clean image, the label among them',
});

/** Backward propagations of `nearest`. */
export function boundaries(frame: Frame, count: number): number {
  return Math.min(count, frame.classes) - 1;
}

/**
 * Gradient [n, 3, h, w] of z_k - z_label, and the weights of the logits. k is the class of that rank among the others by the clean logits;
 * `aim`: of the rank in the method's slot AIM.
 */
export function jacobianRow(
  frame: Frame,
  logits: Tensor,
  seen: Tensor,
  rank: number | 'aim',
): { gradient: Tensor; seed: Tensor } {
  const [seed] = frame.kernel(rowShader, {
    constants: { WG: classWorkgroup(frame.classes), RANK: rank === 'aim' ? -1 : rank },
    reads: [frame.logits, frame.labels, ...(rank === 'aim' ? [frame.state] : [])],
    outputs: [[frame.batch, frame.classes]],
  });
  return { seed: seed!, gradient: frame.gradient(logits, seen, seed!) };
}

/** Puts the gradient of the nearest of the linearised boundaries of `ranks` into `normal` [n, 3, h, w], the rest into BOUNDARY_SLOTS. */
export function nearest(
  frame: Frame,
  logits: Tensor,
  seen: Tensor,
  normal: Variable,
  { ranks, linf = false }: { readonly ranks: readonly (number | 'aim')[]; readonly linf?: boolean },
): void {
  for (const [at, rank] of ranks.entries()) {
    const { seed, gradient } = jacobianRow(frame, logits, seen, rank);
    frame.kernel(nearestShader, {
      constants: { FIRST: at === 0, LINF: linf },
      reads: [logits, seed, gradient, frame.mask],
      writes: [frame.state, normal],
    });
  }
}

/** The ranks 0 .. count - 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, rank) => rank);
}
