/** A net ready to trace: its spec, its tensors, its labels, and the forward pass over a graph. */
import { UserError } from '../base/errors.js';
import {
  type ConstantSource,
  type Graph,
  parameter,
  type Shape,
  ShapeError,
  type Tensor,
} from '../engine/graph.js';
import type { HostTensor, StateDict } from '../weights/tensors.js';
import { inputSizeText, type Open } from './assumptions.js';
import { FAMILIES } from './families.js';
import type { NetOutputs } from './layers.js';
import { labelsOf } from './metadata.js';
import { type RecogniseOptions, recognise } from './recognise.js';
import { RESNET_NAMES } from './resnet.js';
import { checkVariances } from './soundness.js';
import { type NetSpec, resized, type Size } from './spec.js';

/** A net ready to be traced: spec, tensors, labels. */
export interface Model {
  /** For messages and documents: the registry's name, or the file's. */
  readonly name: string;
  /** Everything that `forward` needs to know of it. */
  readonly spec: NetSpec;
  /** The tensors of `parameterNames(spec)`. */
  readonly params: ReadonlyMap<string, HostTensor>;
  /** A name for each class. */
  readonly labels: readonly string[];
  /** What the file does not say and was assumed, and what was seen in it that its user should know; a phrase each. */
  readonly assumptions: readonly string[];
  /** What of it an option would settle. */
  readonly open: readonly Open[];
}

/** What settles a net that its file leaves open; everything has a default. */
export interface LoadOptions extends RecogniseOptions {
  /** Default: the file's name. */
  readonly name?: string;
  /** Default: from the metadata, the data set, or `class 0`, `class 1`... */
  readonly labels?: readonly string[];
  /** The file is one that the registry knows: nothing has to be assumed. */
  readonly known?: boolean;
}

/** @throws UserError as `recognise` does, on another number of labels than classes, and on negative variances */
export function loadModel(weights: StateDict, options: LoadOptions = {}): Model {
  const { spec, params, assumptions } = recognise(weights, options);
  checkVariances(params, weights.source);
  const labels = options.labels ?? labelsOf(spec, weights);
  if (labels.length !== spec.classes) {
    throw new UserError(
      `labels: expected ${spec.classes}, one for each class of ${spec.arch}, got ${labels.length}`,
    );
  }
  const told = options.known ? [] : assumptions;
  return {
    name: options.name ?? weights.source,
    spec,
    params,
    labels,
    assumptions: told.map(({ text }) => text),
    open: told.flatMap(({ about }) => about ?? []),
  };
}

/** What documents say of a net beside its results: what was used, and what of it was assumed. */
export function netFacts({ spec, assumptions }: Model) {
  const { arch, classes, height, width, mean, std } = spec;
  return { arch, classes, inputSize: [height, width], mean, std, assumptions };
}

/** The net for images of another size, which `whose` says of. */
export function withInputSize(model: Model, [height, width]: Size, whose: string): Model {
  const usual = inputSizeText(model.spec, 'the usual one');
  const spec = resized(model.spec, [height, width]);
  return {
    ...model,
    spec,
    assumptions: [...model.assumptions.filter((text) => text !== usual), inputSizeText(spec, whose)],
  };
}

/** Replaces parts of a forward pass; a trainer's way in. */
export interface ForwardOptions {
  /** Where parameters come from. Default: constants of the graph, one for each tensor however often the model is traced. */
  readonly parameter?: (name: string, shape: Shape) => Tensor;
  /** The batch-norm layer `name` applied to x. Default: inference with the running statistics. */
  readonly batchNorm?: (x: Tensor, name: string, channels: number) => Tensor;
  /** What follows the ReLU of hidden layer `index` of the head. Default: nothing. */
  readonly dropout?: (x: Tensor, index: number) => Tensor;
}

/**
 * Traces the net on x [n, 3, h, w], pixels in [0,1]; normalisation is its first op.
 * @returns logits [n, classes]; features [n, channels, h', w'], the output of the last convolution block
 * @throws ShapeError on an x that the net cannot take
 */
export function forward(graph: Graph, model: Model, x: Tensor, options: ForwardOptions = {}): NetOutputs {
  const { spec } = model;
  if (x.shape.length !== 4 || x.shape[1] !== 3) {
    throw new ShapeError(`${spec.arch}: expected images [n, 3, height, width], got [${x.shape.join(', ')}]`);
  }
  const tensorOf =
    options.parameter ?? ((name: string, shape: Shape) => hostConstant(graph, model, name, shape));
  const batchNorm =
    options.batchNorm ??
    ((y: Tensor, name: string, channels: number) => {
      const of = (part: string) => tensorOf(`${name}.${part}`, [channels]);
      return graph.batchNorm(y, of('weight'), of('bias'), of('running_mean'), of('running_var'));
    });
  const scale = rgbConstant(graph, model, 'normalisation scale', (c) => 1 / spec.std[c]!);
  const shift = rgbConstant(graph, model, 'normalisation shift', (c) => -spec.mean[c]! / spec.std[c]!);
  return FAMILIES[spec.family].trace(
    { graph, parameter: tensorOf, batchNorm, dropout: options.dropout ?? ((y) => y) },
    spec,
    graph.scaleShift(x, scale, shift),
  );
}

/**
 * The last layer's weight [classes, channels] of a net that ends in global average pooling and one linear layer: what CAM
 * (Zhou et al. 2016) weighs the features with. Undefined for other heads, and for VGG: its CIFAR form ends in one linear layer
 * too, but behind a max-pool.
 */
export function camHead(model: Model): { weight: HostTensor } | undefined {
  const { family, hidden, pooled } = model.spec;
  if (family === 'vgg' || hidden.length > 0 || pooled[0] * pooled[1] > 1) return undefined;
  const weight = model.params.get(`${RESNET_NAMES[family].head}.weight`);
  return weight && { weight };
}

type Parameters = Map<string, ConstantSource>;

/** One source for each parameter of a model: graphs that trace it share them, and so do their programs on the device. */
const parametersByModel = new WeakMap<Model, Parameters>();

function parametersOf(model: Model): Parameters {
  const parameters = parametersByModel.get(model) ?? new Map<string, ConstantSource>();
  parametersByModel.set(model, parameters);
  return parameters;
}

function constantOf(
  graph: Graph,
  model: Model,
  name: string,
  shape: Shape,
  values: () => Float32Array,
): Tensor {
  const parameters = parametersOf(model);
  const source = parameters.get(name) ?? parameter(name, shape, values);
  parameters.set(name, source);
  return graph.constant(name, shape, source);
}

function hostConstant(graph: Graph, model: Model, name: string, shape: Shape): Tensor {
  const host = model.params.get(name);
  if (!host) throw new Error(`internal: ${model.name} lacks ${name}; expected a model made by loadModel`);
  return constantOf(graph, model, name, shape, () => host.toFloat32());
}

function rgbConstant(graph: Graph, model: Model, name: string, value: (channel: number) => number): Tensor {
  return constantOf(graph, model, name, [3], () => Float32Array.from([0, 1, 2], value));
}
