/** A training step as a graph: the net on variables, its loss, the gradient of every parameter, the updates. */
import { gradients } from '../engine/autodiff.js';
import { Graph, type Shape, sizeOf, type Tensor, type Variable } from '../engine/graph.js';
import type { Step } from '../engine/program.js';
import { tensorsBehind } from '../engine/tensor.js';
import { parameterNames } from '../nets/families.js';
import { forward, type Model } from '../nets/model.js';
import type { Size } from '../nets/spec.js';
import { wordsOf } from './data.js';
import { traceAscent, traceAugment, tracePerturbed, traceRandomStart } from './images.js';
import type { TrainSettings } from './settings.js';
import {
  type Control,
  type Learned,
  learned,
  type RunningStatistics,
  reportVariable,
  traceCheck,
  traceReport,
  traceStatistics,
  traceUpdate,
} from './updates.js';

/** Running statistics are kept, but not learned. */
const STATISTIC = /\.running_(mean|var)$/;

export interface TrainingGraph {
  readonly graph: Graph;
  readonly inputs: {
    readonly packed: Tensor;
    readonly ids: Tensor;
    readonly labels: Tensor;
    /** u32 [2]: seed and step. */
    readonly key: Tensor;
    readonly rates: Tensor;
  };
  readonly report: Variable;
  /** All that a checkpoint holds, by name. */
  readonly state: ReadonlyMap<string, Variable>;
  /** What to run for one step. */
  readonly steps: readonly Step[];
}

interface Parameters {
  readonly weights: ReadonlyMap<string, Learned>;
  /** `weights.NAME` and `average.NAME` of the running statistics. */
  readonly statistics: ReadonlyMap<string, { readonly own: Variable; readonly average: Variable }>;
}

/**
 * @param stored size of the images as they are stored
 * @param size the resolution of the step
 */
export function traceTraining(
  model: Model,
  settings: TrainSettings,
  stored: Size,
  size: Size,
): TrainingGraph {
  const graph = new Graph();
  const { batch, at } = settings;
  const inputs = {
    packed: graph.input('packed', [batch * wordsOf(stored)], 'u32'),
    ids: graph.input('ids', [batch], 'u32'),
    labels: graph.input('labels', [batch], 'u32'),
    key: graph.input('key', [2], 'u32'),
    rates: graph.input('rates', [4]),
  };
  const report = reportVariable(graph);
  const parameters = declare(graph, model, settings);
  const augmented = () =>
    traceAugment(graph, inputs, { from: stored, to: size, border: settings.border, flip: settings.flip });
  const net = (x: Tensor) => traceNet(graph, model, settings, parameters, x, inputs.key);
  const loss = (logits: Tensor) =>
    graph.crossEntropy(logits, inputs.labels, { smoothing: settings.smoothing });

  const train = (x: Tensor): undefined => {
    const { logits, batchMoments } = net(x);
    const losses = loss(logits);
    const mean = graph.constant('1 / batch', [batch], new Float32Array(batch).fill(1 / batch));
    const all = [...parameters.weights];
    const found = gradients(
      losses,
      all.map(([, { weight }]) => weight),
      mean,
    );
    traceReport(graph, report, losses, logits, inputs.labels);
    traceCheck(
      graph,
      report,
      batchMoments.map(({ moments }) => moments),
    );
    const control: Control = { rates: inputs.rates, report };
    for (const { name, moments, values } of batchMoments)
      traceStatistics(graph, statisticsOf(parameters, name), moments, values, control);
    for (const [i, [, parameter]] of all.entries()) {
      const decay = parameter.weight.shape.length > 1 ? settings.decay : 0;
      traceUpdate(graph, parameter, found[i]!, { ...settings, decay }, control);
    }
  };

  if (at === 'none') {
    graph.procedure('step', () => train(augmented()));
    return { graph, inputs, report, state: stateOf(parameters), steps: [['step', 1]] };
  }
  const x = graph.variable('clean', [batch, 3, ...size]);
  const delta = graph.variable('delta', [batch, 3, ...size]);
  graph.procedure('begin', () => {
    graph.assign(x, augmented());
    traceRandomStart(graph, delta, x, inputs, settings.epsilon);
    return undefined;
  });
  graph.procedure('attack', () => {
    const shown = tracePerturbed(graph, x, delta);
    const [gradient] = gradients(loss(net(shown).logits), [shown]);
    traceAscent(graph, delta, x, gradient!, settings);
    return undefined;
  });
  graph.procedure('step', () => train(tracePerturbed(graph, x, delta)));
  const steps: Step[] = [
    ['begin', 1],
    ['attack', settings.attackSteps],
    ['step', 1],
  ];
  return { graph, inputs, report, state: stateOf(parameters), steps };
}

function declare(graph: Graph, { spec }: Model, settings: TrainSettings): Parameters {
  const weights = new Map<string, Learned>();
  const statistics = new Map<string, { own: Variable; average: Variable }>();
  for (const [name, shape] of parameterNames(spec)) {
    if (STATISTIC.test(name)) {
      const variable = (kind: string) => graph.variable(`${kind}.${name}`, shape);
      statistics.set(name, { own: variable('weights'), average: variable('average') });
    } else weights.set(name, learned(graph, name, shape, settings));
  }
  return { weights, statistics };
}

function stateOf({ weights, statistics }: Parameters): Map<string, Variable> {
  const variables = [
    ...[...weights.values()].flatMap((parameter) => Object.values(parameter) as Variable[]),
    ...[...statistics.values()].flatMap(({ own, average }) => [own, average]),
  ];
  return new Map(variables.map((variable) => [variable.source.name, variable]));
}

function statisticsOf({ statistics }: Parameters, norm: string): RunningStatistics {
  const mean = statistics.get(`${norm}.running_mean`)!;
  const variance = statistics.get(`${norm}.running_var`)!;
  return {
    mean: mean.own,
    variance: variance.own,
    averageMean: mean.average,
    averageVariance: variance.average,
  };
}

interface BatchMoments {
  readonly name: string;
  readonly moments: Tensor;
  /** Values of each channel. */
  readonly values: number;
}

/** The net in training: batch-norm by the batch's moments, dropout in the head. */
function traceNet(
  graph: Graph,
  model: Model,
  settings: TrainSettings,
  { weights }: Parameters,
  x: Tensor,
  key: Tensor,
): { readonly logits: Tensor; readonly batchMoments: readonly BatchMoments[] } {
  const batchMoments: BatchMoments[] = [];
  const parameter = (name: string) => weights.get(name)!.weight;
  const { logits } = forward(graph, model, x, {
    parameter,
    batchNorm(y, name, channels) {
      const normed = graph.batchNormTraining(y, parameter(`${name}.weight`), parameter(`${name}.bias`));
      batchMoments.push({ name, moments: normed.moments, values: sizeOf(y.shape) / channels });
      return normed.y;
    },
    dropout: (y, index) => graph.dropout(y, key, { rate: settings.dropout, stream: DROPOUT_STREAM + index }),
  });
  return { logits, batchMoments };
}

/** Beyond the elements of any tensor that other random numbers of a step are taken for. */
const DROPOUT_STREAM = 2 ** 30;

/** What a layer of the net gives: by the name of the layer, in forward order. */
export interface LayerOutput {
  readonly layer: string;
  readonly output: Tensor;
}

/**
 * A graph that runs the net of a training step once more and tells of each layer, in one number, whether all that it gives is finite.
 * @returns a procedure `probe` whose outputs are the layers' sums of squares, [1] each
 */
export function traceProbe(model: Model, settings: TrainSettings, stored: Size, size: Size) {
  const graph = new Graph();
  const { batch } = settings;
  const packed = graph.input('packed', [batch * wordsOf(stored)], 'u32');
  const ids = graph.input('ids', [batch], 'u32');
  const key = graph.input('key', [2], 'u32');
  const parameters = declare(graph, model, settings);
  const layers: LayerOutput[] = [];
  graph.procedure('probe', () => {
    const x = traceAugment(
      graph,
      { packed, ids, key },
      { from: stored, to: size, border: settings.border, flip: settings.flip },
    );
    const { logits } = traceNet(graph, model, settings, parameters, x, key);
    for (const { layer, output } of layersBehind(logits))
      layers.push({ layer, output: graph.sum(graph.multiply(output, output)) });
    return Object.fromEntries(layers.map(({ layer, output }) => [layer, output]));
  });
  return { graph, inputs: { packed, ids, key }, state: stateOf(parameters), layers };
}

/** The convolutions and products of weights on the way to `logits`, in forward order. */
function layersBehind(logits: Tensor): LayerOutput[] {
  return tensorsBehind([logits]).flatMap((output) => {
    const { source } = output;
    if (source.kind !== 'op' || (source.op !== 'conv2d' && source.op !== 'matmul')) return [];
    const weight = source.inputs[1]?.source;
    if (weight?.kind !== 'variable') return [];
    return [{ layer: weight.name.replace(/^weights\.(.*)\.weight$/, '$1'), output }];
  });
}

/** The state that a model's training begins with: its weights, their averages the same, moments zero. */
export function initialState(model: Model, state: ReadonlyMap<string, { readonly shape: Shape }>) {
  return new Map(
    [...state].map(([name, { shape }]): [string, Float32Array] => {
      const [, kind, parameter] = /^(weights|average|velocity|square)\.(.*)$/.exec(name)!;
      const starts = kind === 'weights' || kind === 'average';
      return [name, starts ? model.params.get(parameter!)!.toFloat32() : new Float32Array(sizeOf(shape))];
    }),
  );
}
