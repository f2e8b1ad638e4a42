/**
 * Auto-PGD: Croce and Hein 2020, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks, after the authors'
 * autopgd_base.py: checkpoints at .22 of the steps, then .03 nearer each time and .06 away at least.
 */
import type { Step } from '../../../engine/program.js';
import attackCheck from '../../../shaders/attack_apgd_check.wgsl';
import attackEnd from '../../../shaders/attack_apgd_end.wgsl';
import attackPlan from '../../../shaders/attack_apgd_plan.wgsl';
import attackStep from '../../../shaders/attack_apgd_step.wgsl';
import { shaderSource } from '../../../shaders/source.js';
import type { Frame, Loss } from '../../frame.js';
import { classWorkgroup, OWN_SLOTS, pieces, SLOTS, WORKGROUP } from '../../kernels.js';
import { epsilon, iterations } from '../../settings/common.js';
import { flag, integer } from '../../settings/rows.js';
import { BUDGETS, type BudgetNorm, budgetNorm, startAround } from './ascent.js';

const planShader = shaderSource('attack_apgd_plan', attackPlan);
const checkShader = shaderSource('attack_apgd_check', attackCheck);
const stepShader = shaderSource('attack_apgd_step', attackStep, pieces.total);
const endShader = shaderSource('attack_apgd_end', attackEnd);

/** First among the slots of a method that runs auto-PGD: AIM is the class that a targeted loss goes for. */
export const APGD_SLOTS = [
  'EPSILON',
  'AIM',
  'AGE',
  'RUN',
  'REACH',
  'EVERY',
  'COUNT',
  'RISES',
  'LAST',
  'TOP',
  'TOP_BEFORE',
  'HALVED',
  'KEPT',
  'KEPT_LOSS',
  'LOW',
  'HIGH',
] as const;

/** Rows of both forms of the method. */
export const apgdTable = {
  norm: budgetNorm,
  minimal: flag({ default: false, help: 'the least epsilon that fools, by bisection' }),
  iterations: iterations(100, 'gradient steps of a run'),
  epsilon: {
    ...epsilon(BUDGETS),
    default: ({ inputSize }: { inputSize: number }, { norm, minimal }: Readonly<Record<string, unknown>>) =>
      norm === 'l2' ? ((minimal ? 4 : BUDGETS.l2) * inputSize) / 32 : minimal ? 64 / 255 : BUDGETS.linf,
    defaultText: 'linf 8/255, l2 0.5 at 32x32; where it is minimal, the first tried: 64/255, 4',
  },
  searches: integer({
    min: 1,
    max: 100,
    only: ['minimal', true],
    default: 10,
    help: 'halvings of the bisection, from 0 to twice epsilon',
  }),
};

interface RunOptions {
  readonly norm: BudgetNorm;
  readonly iterations: number;
  readonly loss: Loss;
  /** Told apart where a method traces several. Default: nothing. */
  readonly tag?: string;
  readonly restarts?: number;
  /** Of the whole method. */
  readonly minimal?: boolean;
}

/** Before the first run of all. */
export function openApgd(frame: Frame): void {
  plan(frame, 0);
}

function plan(frame: Frame, mode: number, { aims = false, restarts = 1, bestNorm = 0 } = {}): void {
  frame.kernel(planShader, {
    label: `apgd/plan ${mode}`,
    constants: {
      WG: classWorkgroup(frame.classes),
      MODE: mode,
      AIMS: aims,
      RESTARTS: restarts,
      BEST_NORM: bestNorm,
    },
    reads: [frame.logits, frame.labels, frame.settings],
    writes: [frame.state],
  });
}

/** What all runs of a program share. */
export function apgdVariables(frame: Frame) {
  const one = (name: string) => frame.variable(name, frame.shape);
  return {
    best: one('run best'),
    gradient: one('gradient of run best'),
    kept: one('kept'),
    before: one('before'),
  };
}

/**
 * Traces one run: a random start, steps, and the verdict on its 8-bit image; an image that it fools is done.
 * @returns the steps of a run; every other run goes to the next class of those that a targeted loss goes for, after `restarts` runs at one
 */
export function traceRun(
  frame: Frame,
  variables: ReturnType<typeof apgdVariables>,
  { norm, iterations: count, loss, tag = '', restarts = 1, minimal = false }: RunOptions,
): Step[] {
  const { x, mask, state, iterate } = frame;
  const { best, gradient: bestGradient, kept, before } = variables;
  const share = (part: number) => Math.max(1, Math.floor(part * count));
  const [start, step, end, judge] = ['start', 'step', 'end', 'judge'].map((name) => name + tag) as [
    string,
    string,
    string,
    string,
  ];
  frame.procedure(start, () => {
    plan(frame, 1, { aims: loss === 'dlr-aim', restarts });
    const radius = { values: state, column: OWN_SLOTS + APGD_SLOTS.indexOf('EPSILON') };
    startAround(frame, norm === 'linf' ? 'uniform' : 'normal', norm, radius);
  });
  frame.procedure(step, () => {
    const { gradient } = frame.look('exact', { loss, rank: 'none' });
    const [direction] = frame.kernel(checkShader, {
      constants: { FIRST: share(0.22), LEAST: share(0.06), SHORTER: share(0.03) },
      reads: [gradient],
      writes: [state, iterate, best, bestGradient, kept],
      outputs: [frame.shape],
    });
    frame.kernel(stepShader, {
      label: `apgd/${norm}`,
      constants: { LINF: norm === 'linf' },
      reads: [x, mask, direction!, state],
      writes: [iterate, before],
    });
  });
  frame.procedure(end, () => {
    frame.judge(frame.net(frame.show('exact')), { loss, rank: 'none', backwards: 0, advance: false });
    frame.kernel(endShader, {
      reads: [state, kept],
      writes: [iterate],
      workgroups: [Math.ceil(frame.elements / WORKGROUP), frame.batch, 1],
    });
  });
  frame.attempt(judge, minimal ? 'round' : norm, { rank: minimal ? 'norm' : 'loss', stops: true });
  return [
    [start, 1],
    [step, count],
    [end, 1],
    [judge, 1],
  ];
}

/** All runs of a method that is nothing but auto-PGD. */
export function traceSearches(
  frame: Frame,
  {
    runs,
    searches = 1,
    ...options
  }: RunOptions & { readonly runs: number; readonly searches?: number | undefined },
) {
  const { norm, minimal = false } = options;
  frame.begin(() => openApgd(frame));
  const run = traceRun(frame, apgdVariables(frame), options);
  const search = Array.from({ length: runs }, () => run).flat();
  if (!minimal) return { steps: [['begin', 1], ...search] as Step[], tail: [], stops: runs > 1 };
  frame.procedure('narrow', () => {
    plan(frame, 2, { bestNorm: norm === 'linf' ? SLOTS.SLOT_BEST_LINF : SLOTS.SLOT_BEST_L2 });
  });
  search.push(['narrow', 1]);
  return {
    steps: [['begin', 1], ...Array.from({ length: searches }, () => search).flat()] as Step[],
    tail: [],
  };
}
