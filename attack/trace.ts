/**
 * An attack as procedures of a graph: `explain`, `init`, N times `step`, `judge`. Nothing of it needs the host in between.
 * A step is: forward pass at the current iterate; one kernel for softmax, loss, its gradient and the verdict; backward
 * pass towards the pixels; one kernel for the mode's whole update.
 */
import { gradients } from '../engine/autodiff.js';
import { Graph, type Tensor, type Variable } from '../engine/graph.js';
import { ceilDiv } from '../engine/kernel.js';
import { F32, type ShaderConstant } from '../engine/template.js';
import { forward, type Model } from '../nets/model.js';
import { type ExplanationVariables, explanationVariables, traceExplanation } from './explain.js';
import { classWorkgroup, SLOTS, STATE, shaders, WORKGROUP } from './kernels.js';
import type { AttackSettings, BudgetSettings, PaperSettings } from './settings.js';

/** The traced attack on batches of n images; what the host writes before a run and reads after it. */
export interface TracedAttack {
  readonly graph: Graph;
  /** [n, 3, h, w], pixels k/255. */
  readonly x: Tensor;
  /** u32 [n]: the explained class. */
  readonly labels: Tensor;
  /** u32 [n]: the class to leave, or to reach where the attack is targeted. */
  readonly goal: Tensor;
  readonly explanation: ExplanationVariables;
  /** [n, 3, h, w]: the start, written by the host; then delta (budget mode: delta*M). */
  readonly delta: Variable;
  /** [n, 3, h, w]: what the next step or judge sees: X + delta*M, at 8 bits but in the paper mode. */
  readonly iterate: Variable;
  /** [n, 3, h, w]: the best iterate at 8 bits, X as long as there is none. */
  readonly best: Variable;
  /** [n, STATE]: see SLOTS. */
  readonly state: Variable;
  /** [n, classes], of X and of `best`. */
  readonly logits: Variable;
  readonly logitsBest: Variable;
}

export function traceAttack(model: Model, settings: AttackSettings, batch: number): TracedAttack {
  const { inputSize, classes } = model.spec;
  const pixels = inputSize * inputSize;
  const elements = 3 * pixels;
  const shape = [batch, 3, inputSize, inputSize] as const;
  const graph = new Graph();
  const x = graph.input('x', shape);
  const labels = graph.input('labels', [batch], 'u32');
  const goal = graph.input('goal', [batch], 'u32');
  const explanation = explanationVariables(graph, shape);
  const { mask } = explanation;
  const delta = graph.variable('delta', shape);
  const iterate = graph.variable('iterate', shape);
  const best = graph.variable('best', shape);
  const state = graph.variable('state', [batch, STATE]);
  const logits = graph.variable('logits', [batch, classes]);
  const logitsBest = graph.variable('logits of best', [batch, classes]);
  const momentum = settings.mode === 'budget' ? graph.variable('momentum', shape) : undefined;
  const schedule = graph.constant('schedule', [2, settings.iterations], stepSchedule(settings));

  const layout = { ...SLOTS, STATE, WG: WORKGROUP, ELEMENTS: elements, PIXELS: pixels };
  const workgroups = [batch, 1, 1] as const;

  /** Loss, verdict and bookkeeping at `at`; returns the logits and the loss gradient towards them. */
  const judged = (at: Tensor) => {
    const { logits: z } = forward(graph, model, at);
    const [seed] = graph.custom({
      label: 'attack/loss',
      shader: shaders.loss,
      constants: {
        ...SLOTS,
        STATE,
        WG: classWorkgroup(classes),
        CLASSES: classes,
        TARGETED: settings.target !== undefined,
        UNIT: settings.mode !== 'paper',
        RANK: { minimal: 0, budget: 1, paper: 2 }[settings.mode],
      },
      reads: [z, goal, schedule],
      writes: [state, logitsBest],
      outputs: [{ shape: z.shape }],
      workgroups,
    }) as [Tensor];
    return { logits: z, seed };
  };

  graph.procedure('explain', () => {
    graph.assign(logits, traceExplanation(graph, model, x, labels, settings, explanation));
    return undefined;
  });

  graph.procedure('init', () => {
    graph.custom({
      label: 'attack/init',
      shader: shaders.init,
      constants: {
        ...layout,
        ROUND: settings.mode !== 'paper',
        CLIP: settings.mode === 'paper' && settings.clip === 'forward',
        MOMENTUM: momentum !== undefined,
        RADIUS: new F32(settings.mode === 'minimal' ? settings.radius : 0),
      },
      reads: [x, mask],
      writes: [state, delta, iterate, ...(momentum ? [momentum] : [])],
      workgroups,
    });
    graph.assign(best, x);
    graph.assign(logitsBest, logits);
    return undefined;
  });

  graph.procedure('step', () => {
    const { logits: z, seed } = judged(iterate);
    const [gradient] = gradients(z, [iterate], seed) as [Tensor];
    const kept = settings.mode === 'paper' ? [] : [best];
    graph.custom({
      label: `attack/${settings.mode}`,
      shader: shaders[settings.mode],
      constants: { ...layout, ...updateConstants(settings) },
      reads: [x, mask, gradient],
      writes: [state, delta, iterate, ...kept, ...(momentum ? [momentum] : [])],
      workgroups,
    });
    return undefined;
  });

  graph.procedure('judge', () => {
    if (settings.mode === 'paper') {
      graph.custom({
        label: 'attack/finish',
        shader: shaders.finish,
        constants: layout,
        reads: [x, mask, delta],
        writes: [state, best],
        workgroups,
      });
      judged(best);
      return undefined;
    }
    judged(iterate);
    graph.custom({
      label: 'attack/keep',
      shader: shaders.keep,
      constants: layout,
      reads: [state, iterate],
      writes: [best],
      workgroups: [ceilDiv(elements, WORKGROUP), batch, 1],
    });
    return undefined;
  });

  return { graph, x, labels, goal, explanation, delta, iterate, best, state, logits, logitsBest };
}

/**
 * [2, N]: step length and gamma of each iteration, half cosines. Made here, since WGSL's cos is only accurate to 2^-11.
 * The paper mode's step is eta; only the minimal mode has a gamma.
 */
export function stepSchedule(settings: AttackSettings): Float32Array {
  const { iterations: n } = settings;
  const schedule = new Float32Array(2 * n);
  const cosine = (start: number, end: number, i: number) =>
    end + ((start - end) * (1 + Math.cos((Math.PI * i) / n))) / 2;
  for (let i = 0; i < n; i++) {
    schedule[i] = settings.mode === 'paper' ? settings.eta : cosine(settings.stepStart, settings.stepEnd, i);
    if (settings.mode === 'minimal') schedule[n + i] = cosine(settings.gamma, settings.gammaEnd, i);
  }
  return schedule;
}

function updateConstants(settings: AttackSettings): Record<string, ShaderConstant> {
  switch (settings.mode) {
    case 'minimal':
      return {};
    case 'paper':
      return paperConstants(settings);
    case 'budget':
      return budgetConstants(settings);
  }
}

function paperConstants({ temperature, beta, clip, target }: PaperSettings): Record<string, ShaderConstant> {
  return {
    TEMPERATURE: new F32(temperature),
    BETA: new F32(beta),
    CLIP: { final: 0, none: 0, forward: 1, project: 2 }[clip],
    FLOOR: new F32(target === undefined ? 1e-30 : 1),
  };
}

function budgetConstants({ norm, budget, momentum }: BudgetSettings): Record<string, ShaderConstant> {
  return {
    LINF: norm === 'linf',
    BUDGET: new F32(budget),
    // 8-bit steps that fit into the budget; 8/255 must give 8 however it was rounded.
    LEVELS: new F32(Math.floor(Math.min(budget, 1) * 255 + 1e-4)),
    DECAY: new F32(momentum),
  };
}
