/** What changes variables in training, as kernels: SGD, Adam, running averages, running statistics. The pieces of a training loop of one's own, too. */
import { ceilDiv, FLAT_WORKGROUP, flatGrid } from '../engine/dispatch.js';
import { type Graph, ShapeError, sizeOf, type Tensor, type Variable } from '../engine/graph.js';
import { F32 } from '../engine/template.js';
import { shaderSource } from '../shaders/source.js';
import checkText from '../shaders/train_check.wgsl';
import finiteText from '../shaders/train_finite.wgsl';
import reportText from '../shaders/train_report.wgsl';
import statisticsText from '../shaders/train_statistics.wgsl';
import updateText from '../shaders/train_update.wgsl';

const checkShader = shaderSource('train_check', checkText, finiteText);
const reportShader = shaderSource('train_report', reportText, finiteText);
const statisticsShader = shaderSource('train_statistics', statisticsText);
const updateShader = shaderSource('train_update', updateText);

/** What every update reads. */
export interface Control {
  /** f32 [4]: learning rate, mix of the running averages, and for Adam 1 / (1 - beta^t) of both betas (`rates`). */
  readonly rates: Tensor;
  /** Written by `traceReport`: what stops the updates after a loss that is no number. */
  readonly report: Variable;
}

/** A parameter and what belongs to it, all of one shape. */
export interface Learned {
  /** What the net computes with. */
  readonly weight: Variable;
  /** Running average of the weight. */
  readonly average: Variable;
  /** SGD's velocity, Adam's first moment. */
  readonly velocity: Variable;
  /** Adam's second moment. */
  readonly square?: Variable;
}

/** How a weight moves along its gradient. */
export interface UpdateRule {
  /** `sgd`; `adam` (Kingma and Ba 2015); `adamw` (Loshchilov and Hutter 2019). */
  readonly optimiser: 'sgd' | 'adam' | 'adamw';
  /** SGD's, in [0, 1). */
  readonly momentum: number;
  /** SGD looks ahead along its velocity. */
  readonly nesterov: boolean;
  /** Weight decay, from 0. */
  readonly decay: number;
}

/** Adam's (Kingma and Ba 2015). */
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Variables for a parameter of this shape under an optimiser. */
export function learned(
  graph: Graph,
  name: string,
  shape: readonly number[],
  { optimiser }: Pick<UpdateRule, 'optimiser'>,
): Learned {
  const variable = (kind: string) => graph.variable(`${kind}.${name}`, shape);
  return {
    weight: variable('weights'),
    average: variable('average'),
    velocity: variable('velocity'),
    ...(optimiser === 'sgd' ? {} : { square: variable('square') }),
  };
}

/**
 * The values of `Control.rates` at a step.
 * @param mix in [0, 1]: average += mix * (weight - average)
 * @param step counted from 0
 */
export function rates(rate: number, mix: number, step: number): Float32Array {
  return Float32Array.of(rate, mix, 1 / (1 - ADAM.beta1 ** (step + 1)), 1 / (1 - ADAM.beta2 ** (step + 1)));
}

/** Traces one step of a parameter towards lower loss. @throws ShapeError where the gradient has another shape */
export function traceUpdate(
  graph: Graph,
  parameter: Learned,
  gradient: Tensor,
  rule: UpdateRule,
  control: Control,
): void {
  const { weight, average, velocity, square } = parameter;
  if (gradient.shape.join() !== weight.shape.join())
    throw new ShapeError(
      `update: expected a gradient [${weight.shape.join(', ')}], got [${gradient.shape.join(', ')}]`,
    );
  const adam = rule.optimiser !== 'sgd';
  if (adam && !square)
    throw new ShapeError(`update: expected a second moment for ${rule.optimiser}, got none`);
  const size = sizeOf(weight.shape);
  const vec = size % 4 === 0;
  const count = vec ? size / 4 : size;
  const grid = flatGrid(count);
  graph.custom({
    label: `update ${weight.source.name}`,
    shader: updateShader,
    constants: {
      COUNT: count,
      ROW: grid.row,
      VEC: vec,
      CODE: new F32(NOT_NUMBERS.gradient),
      ADAM: adam,
      DECAY: new F32(rule.decay),
      ...(adam
        ? {
            BETA1: new F32(ADAM.beta1),
            BETA2: new F32(ADAM.beta2),
            EPSILON: new F32(ADAM.epsilon),
            DECOUPLED: rule.optimiser === 'adamw',
          }
        : { MOMENTUM: new F32(rule.momentum), NESTEROV: rule.nesterov }),
    },
    reads: [gradient, control.rates],
    writes: [control.report, weight, average, velocity, ...(adam ? [square!] : [])],
    workgroups: grid.workgroups,
  });
}

/** The running statistics of a batch-norm, and their running averages: [c] each. */
export interface RunningStatistics {
  /** Running means. */
  readonly mean: Variable;
  /** Running variances, unbiased. */
  readonly variance: Variable;
  /** Running average of `mean`, as weights have one. */
  readonly averageMean: Variable;
  /** Of `variance`. */
  readonly averageVariance: Variable;
}

/** PyTorch's default. */
const STATISTICS_MOMENTUM = 0.1;

/**
 * Traces the update of running statistics by a batch's moments [2, c] (`Graph.batchNormTraining`).
 * @param values of each channel in the batch
 */
export function traceStatistics(
  graph: Graph,
  statistics: RunningStatistics,
  moments: Tensor,
  values: number,
  control: Control,
): void {
  const channels = moments.shape[1]!;
  graph.custom({
    label: `update ${statistics.mean.source.name}`,
    shader: statisticsShader,
    constants: {
      CHANNELS: channels,
      MOMENTUM: new F32(STATISTICS_MOMENTUM),
      UNBIASED: new F32(values / (values - 1)),
    },
    reads: [moments, control.rates, control.report],
    writes: [statistics.mean, statistics.variance, statistics.averageMean, statistics.averageVariance],
    workgroups: [ceilDiv(channels, FLAT_WORKGROUP), 1, 1],
  });
}

/** What a report says was no number. */
export const NOT_NUMBERS = { loss: 1, moments: 2, gradient: 3 } as const;

/** Tensors that one check reads. */
const CHECKED_TOGETHER = 6;

/** Traces a check of these moments: where one is no number, no update follows. A ReLU's maximum would hide it from the loss. */
export function traceCheck(graph: Graph, report: Variable, moments: readonly Tensor[]): void {
  for (let first = 0; first < moments.length; first += CHECKED_TOGETHER) {
    const some = moments.slice(first, first + CHECKED_TOGETHER);
    graph.custom({
      label: 'check',
      shader: checkShader,
      constants: {
        CODE: new F32(NOT_NUMBERS.moments),
        TENSORS: some.length,
        ...Object.fromEntries(some.map(({ shape }, i) => [`COUNT_${i}`, sizeOf(shape)])),
      },
      reads: some,
      writes: [report],
      workgroups: [1, 1, 1],
    });
  }
}

/** Steps whose losses the device keeps until they are read. */
export const REPORT_SLOTS = 64;

/** A variable for `traceReport`. */
export function reportVariable(graph: Graph): Variable {
  return graph.variable('report', [2 + 2 * REPORT_SLOTS]);
}

/** Traces the note of a step's mean loss [n] and of its right predictions. Before the updates: a loss that is no number stops them. */
export function traceReport(
  graph: Graph,
  report: Variable,
  loss: Tensor,
  logits: Tensor,
  labels: Tensor,
): void {
  graph.custom({
    label: 'report',
    shader: reportShader,
    constants: { BATCH: logits.shape[0]!, CLASSES: logits.shape[1]!, SLOTS: REPORT_SLOTS },
    reads: [loss, logits, labels],
    writes: [report],
    workgroups: [1, 1, 1],
  });
}

/** What a report says. */
export interface Report {
  /** Steps noted since the variable was last zero. */
  readonly noted: number;
  /** What was no number in the last of them; undefined where all was well. */
  readonly bad: keyof typeof NOT_NUMBERS | undefined;
  /** Mean loss of a step that was noted; the last `REPORT_SLOTS` are kept. */
  loss(step: number): number;
  /** Images of its batch that were predicted right. */
  right(step: number): number;
}

/** What `traceReport` noted. @param values the variable of `reportVariable`, read back */
export function readReport(values: Float32Array): Report {
  return {
    noted: values[0]!,
    bad: (Object.keys(NOT_NUMBERS) as (keyof typeof NOT_NUMBERS)[]).find(
      (what) => NOT_NUMBERS[what] === values[1],
    ),
    loss: (step) => values[2 + (step % REPORT_SLOTS)]!,
    right: (step) => values[2 + REPORT_SLOTS + (step % REPORT_SLOTS)]!,
  };
}
