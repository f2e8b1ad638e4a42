/** What the methods that climb the loss within a budget share: random starts, steps, their settings. */
import type { Tensor, Variable } from '../../../engine/graph.js';
import attackAscent from '../../../shaders/attack_ascent.wgsl';
import attackNoise from '../../../shaders/attack_noise.wgsl';
import { shaderSource } from '../../../shaders/source.js';
import type { Frame } from '../../frame.js';
import { pieces } from '../../kernels.js';
import type { Traced } from '../../method.js';
import { choice, real } from '../../settings/rows.js';

const ascentShader = shaderSource('attack_ascent', attackAscent, pieces.total);
const noiseShader = shaderSource('attack_noise', attackNoise, pieces.total, pieces.random);

export type BudgetNorm = 'linf' | 'l2';

/** Budgets of the linf and l2 methods, unless they say otherwise. */
export const BUDGETS = { linf: 8 / 255, l2: 0.5 } as const;

export const budgetNorm = choice(['linf', 'l2'], { default: 'linf', help: 'which norm is held' });

/** Length of one step. */
export function alpha(options: {
  readonly default: NonNullable<Parameters<typeof real>[0]['default']>;
  readonly defaultText?: string;
}) {
  return real({ ...options, min: 0, max: 1e6, help: 'length of a step' });
}

const DRAWS = ['uniform', 'normal', 'sign'] as const;
export type Draw = (typeof DRAWS)[number];
/** See attack_noise.wgsl. */
const LENGTHS = ['times', 'linf', 'l2', 'l2 ball'] as const;

/**
 * Puts the iterate at a random point around X.
 * @param radius one column of a tensor [n, columns]
 */
export function startAround(
  frame: Frame,
  draw: Draw,
  length: (typeof LENGTHS)[number],
  radius: { readonly values: Tensor; readonly column: number },
): void {
  frame.kernel(noiseShader, {
    label: `noise/${draw} ${length}`,
    constants: {
      DRAW: DRAWS.indexOf(draw),
      LENGTH: LENGTHS.indexOf(length),
      COLUMNS: radius.values.shape[1]!,
      COLUMN: radius.column,
    },
    reads: [frame.x, frame.mask, frame.key, frame.state, frame.area, radius.values],
    writes: [frame.iterate],
  });
}

/** The column of a setting, as a radius. */
export function settingOf(frame: Frame, name: string) {
  return { values: frame.settings, column: frame.columns.indexOf(name) };
}

/** One step up the loss, along `gradient`, or with a velocity along what gathers in it. */
export function ascend(
  frame: Frame,
  gradient: Tensor,
  {
    norm,
    reach,
    velocity,
  }: {
    readonly norm: BudgetNorm;
    readonly reach: 'alpha' | 'epsilon' | 'rest';
    readonly velocity?: Variable;
  },
): void {
  frame.kernel(ascentShader, {
    label: `ascent/${norm}`,
    constants: {
      LINF: norm === 'linf',
      MOMENTUM: velocity !== undefined,
      REACH: ['alpha', 'epsilon', 'rest'].indexOf(reach),
    },
    reads: [frame.x, frame.mask, gradient, frame.settings, frame.state],
    writes: [frame.iterate, ...(velocity ? [velocity] : [])],
  });
}

/** The steps of a method that returns its last iterate, rounded within its linf budget. */
export function lastIterate(frame: Frame, steps: number): Traced {
  frame.attempt('judge', 'linf', { rank: 'latest' });
  return {
    steps: [
      ['begin', 1],
      ['step', steps],
    ],
    tail: [['judge', 1]],
  };
}
