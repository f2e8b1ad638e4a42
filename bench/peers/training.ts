/**
 * A training step as all peers do it: batch-norm by the batch's moments, mean cross-entropy, the gradient of every parameter, SGD with
 * momentum and weight decay. No augmentation, running statistics or running averages: what everyone has in the same form.
 */
import { gradients } from '../../engine/autodiff.js';
import { Graph, type Tensor, type Variable } from '../../engine/graph.js';
import { forward, type Model } from '../../nets/model.js';
import {
  type Learned,
  learned,
  rates,
  reportVariable,
  traceReport,
  traceUpdate,
} from '../../train/updates.js';

export const TRAINING_RULE = { rate: 0.01, momentum: 0.9, decay: 0.0005 } as const;

/** A parameter of the step, in the order of the net. */
export interface TrainedParameter extends Learned {
  readonly name: string;
  /** Weight decay: of matrices and kernels, not of biases and batch-norm. */
  readonly decay: number;
}

export interface TracedTraining {
  readonly graph: Graph;
  readonly x: Tensor;
  readonly labels: Tensor;
  readonly forward: Tensor;
  readonly parameters: readonly TrainedParameter[];
  readonly rates: Tensor;
  readonly report: Variable;
}

/** The step as the procedure `main`: after the first run each velocity is the gradient and the decay. */
export function traceTraining(model: Model, batch: number): TracedTraining {
  const graph = new Graph();
  const { inputSize } = model.spec;
  const x = graph.input('x', [batch, 3, inputSize, inputSize]);
  const labels = graph.input('labels', [batch], 'u32');
  const rate = graph.input('rates', [4]);
  const report = reportVariable(graph);
  const parameters: TrainedParameter[] = [];
  const parameter = (name: string, shape: readonly number[]) => {
    const found = parameters.find((each) => each.name === name);
    if (found) return found.weight;
    const decay = shape.length > 1 ? TRAINING_RULE.decay : 0;
    const made = { name, decay, ...learned(graph, name, shape, { optimiser: 'sgd' }) };
    parameters.push(made);
    return made.weight;
  };
  let logits: Tensor | undefined;
  graph.procedure('main', () => {
    logits = forward(graph, model, x, {
      parameter,
      batchNorm: (y, name, channels) =>
        graph.batchNormTraining(
          y,
          parameter(`${name}.weight`, [channels]),
          parameter(`${name}.bias`, [channels]),
        ).y,
    }).logits;
    const losses = graph.crossEntropy(logits, labels);
    const mean = graph.constant('1 / batch', [batch], new Float32Array(batch).fill(1 / batch));
    const weights = parameters.map(({ weight }) => weight);
    const found = gradients(losses, weights, mean);
    traceReport(graph, report, losses, logits, labels);
    for (const [i, each] of parameters.entries()) {
      const rule = { optimiser: 'sgd', nesterov: false, ...TRAINING_RULE, decay: each.decay } as const;
      traceUpdate(graph, each, found[i]!, rule, { rates: rate, report });
    }
    return undefined;
  });
  return { graph, x, labels, forward: logits!, parameters, rates: rate, report };
}

/** The values of the step's input `rates`. */
export const trainingRates = () => rates(TRAINING_RULE.rate, 0, 0);
