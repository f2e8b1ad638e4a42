/** The layers that plans are made of, as data: which tensors they hold, and how they are traced. */
import type { Graph, Shape, Tensor } from '../engine/graph.js';

/** A convolution, its batch-norm if it has one; square kernels, padded to keep the size at stride 1. No activation. */
export interface ConvLayer {
  readonly kind: 'conv';
  readonly name: string;
  /** Name of the batch-norm behind it. */
  readonly norm?: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Odd. */
  readonly kernel: number;
  readonly stride: number;
  readonly bias: boolean;
}

/** A matrix [outputs, inputs] and a bias. */
export interface LinearLayer {
  readonly kind: 'linear';
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** A batch-norm that no convolution comes before: in front of a pre-activation block. */
export interface NormLayer {
  readonly kind: 'norm';
  readonly name: string;
  readonly channels: number;
}

export type Layer = ConvLayer | LinearLayer | NormLayer;

/** Where a forward pass is traced to, and where its parameters come from. */
export interface Trace {
  readonly graph: Graph;
  parameter(name: string, shape: Shape): Tensor;
  /** The batch-norm `name` of `channels` channels applied to x [n, channels, h, w]. */
  batchNorm(x: Tensor, name: string, channels: number): Tensor;
  /** What follows the ReLU of hidden layer `index` of a head. */
  dropout(x: Tensor, index: number): Tensor;
}

/** What a net's forward pass gives. */
export interface NetOutputs {
  /** [n, classes], before the softmax. */
  readonly logits: Tensor;
  /** [n, channels, h, w], the output of the last convolution block: what Grad-CAM explains with, as published. */
  readonly features: Tensor;
  /** The outputs of all stages, from the first to the last, which is `features`: the other layers that can be explained. */
  readonly blocks: readonly Tensor[];
}

/** Names and shapes of a layer's tensors, in the order of PyTorch's state dicts. */
export function layerShapes(layer: Layer): [name: string, shape: Shape][] {
  if (layer.kind === 'norm') return normShapes(layer.name, layer.channels);
  const { name, inputs, outputs } = layer;
  if (layer.kind === 'linear') {
    return [
      [`${name}.weight`, [outputs, inputs]],
      [`${name}.bias`, [outputs]],
    ];
  }
  const shapes: [string, Shape][] = [[`${name}.weight`, [outputs, inputs, layer.kernel, layer.kernel]]];
  if (layer.bias) shapes.push([`${name}.bias`, [outputs]]);
  if (layer.norm !== undefined) shapes.push(...normShapes(layer.norm, outputs));
  return shapes;
}

function normShapes(name: string, channels: number): [name: string, shape: Shape][] {
  return ['weight', 'bias', 'running_mean', 'running_var'].map((part) => [`${name}.${part}`, [channels]]);
}

/** The layers of a head: `name` where there is one, `name.0`, `name.3`, `name.6` (as in torchvision's VGG) where there are more. */
export function headLayers(name: string, sizes: readonly number[]): LinearLayer[] {
  return sizes.slice(1).map((outputs, k) => ({
    kind: 'linear',
    name: sizes.length > 2 ? `${name}.${3 * k}` : name,
    inputs: sizes[k]!,
    outputs,
  }));
}

/** x [n, inputs, h, w] -> [n, outputs, ceil(h / stride), ceil(w / stride)]. */
export function traceConv(trace: Trace, layer: ConvLayer, x: Tensor): Tensor {
  const { name, norm, inputs, outputs, kernel, stride } = layer;
  const weight = trace.parameter(`${name}.weight`, [outputs, inputs, kernel, kernel]);
  const bias = layer.bias ? trace.parameter(`${name}.bias`, [outputs]) : undefined;
  const y = trace.graph.conv2d(x, weight, bias, { stride, padding: (kernel - 1) / 2 });
  return norm === undefined ? y : trace.batchNorm(y, norm, outputs);
}

/** Averages x [n, c, h, w] to the grid that a head sees; x itself where it has that size. */
export function poolTo(graph: Graph, x: Tensor, size: readonly [number, number]): Tensor {
  return x.shape[2] === size[0] && x.shape[3] === size[1] ? x : graph.adaptiveAvgPool2d(x, size);
}

/** Linear layers with ReLUs between them: x [n, inputs] -> [n, outputs of the last]. */
export function traceHead(trace: Trace, layers: readonly LinearLayer[], x: Tensor): Tensor {
  let y = x;
  for (const [index, { name, inputs, outputs }] of layers.entries()) {
    if (index > 0) y = trace.dropout(trace.graph.relu(y), index - 1);
    y = trace.graph.linear(
      y,
      trace.parameter(`${name}.weight`, [outputs, inputs]),
      trace.parameter(`${name}.bias`, [outputs]),
    );
  }
  return y;
}
