/**
 * ResNet (He et al. 2016): the plan of a spec, and its forward pass. Both families: four stages with torchvision's names
 * (v1.5 bottlenecks: the stride is on the 3x3), and the three-stage nets for CIFAR with `shortcut` and `linear`.
 */
import type { Tensor } from '../engine/graph.js';
import {
  type ConvLayer,
  headLayers,
  type Layer,
  type LinearLayer,
  type NetOutputs,
  poolTo,
  type Trace,
  traceConv,
  traceHead,
} from './layers.js';
import type { NetSpec, Stem } from './spec.js';

/** Option A: no tensors. */
interface SubsampleShortcut {
  readonly kind: 'subsample';
  readonly stride: number;
  readonly channels: number;
  /** Zero channels on both sides, or all behind the last. */
  readonly pad: 'both' | 'end';
}

interface Block {
  /** A ReLU between each two; the last is added to the shortcut. */
  readonly branch: readonly ConvLayer[];
  /** Absent: the identity. */
  readonly shortcut?: ConvLayer | SubsampleShortcut;
}

interface ResNetPlan {
  readonly stem: ConvLayer;
  readonly stages: readonly (readonly Block[])[];
  readonly head: readonly LinearLayer[];
}

/** What the head and the projection shortcuts are called. */
export const RESNET_NAMES = {
  resnet: { head: 'fc', shortcut: 'downsample' },
  'resnet-cifar': { head: 'linear', shortcut: 'shortcut' },
  preact: { head: 'linear', shortcut: 'shortcut' },
} as const;

/** Names, channels and stride of the blocks of a ResNet, in forward order. */
export interface BlockSizes {
  /** `layer1.0.` */
  readonly at: string;
  readonly inputs: number;
  readonly width: number;
  readonly outputs: number;
  readonly stride: number;
  /** Whether input and output have one shape. */
  readonly identity: boolean;
}

export function blockSizes(spec: NetSpec): BlockSizes[][] {
  let inputs = spec.stem!.channels;
  return spec.stages.map((count, stage) =>
    Array.from({ length: count }, (_, index) => {
      const width = spec.widths[stage]!;
      const outputs = width * spec.expansion;
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const identity = stride === 1 && inputs === outputs;
      const sizes = { at: `layer${stage + 1}.${index}.`, inputs, width, outputs, stride, identity };
      inputs = outputs;
      return sizes;
    }),
  );
}

function resnetPlan(spec: NetSpec): ResNetPlan {
  const names = RESNET_NAMES[spec.family === 'resnet-cifar' ? 'resnet-cifar' : 'resnet'];
  const { channels, kernel, stride: stemStride } = spec.stem!;
  const stages = blockSizes(spec).map((blocks) =>
    blocks.map(({ at, inputs, width, outputs, stride, identity }): Block => {
      const branch = spec.bottleneck
        ? [
            convNorm(at, 'conv1', 'bn1', inputs, width, 1, 1),
            convNorm(at, 'conv2', 'bn2', width, width, 3, stride),
            convNorm(at, 'conv3', 'bn3', width, outputs, 1, 1),
          ]
        : [
            convNorm(at, 'conv1', 'bn1', inputs, width, 3, stride),
            convNorm(at, 'conv2', 'bn2', width, outputs, 3, 1),
          ];
      if (identity) return { branch };
      const shortcut: ConvLayer | SubsampleShortcut =
        spec.shortcut === 'A' || spec.shortcut === 'A-end'
          ? { kind: 'subsample', stride, channels: outputs, pad: spec.shortcut === 'A' ? 'both' : 'end' }
          : convNorm(at, `${names.shortcut}.0`, `${names.shortcut}.1`, inputs, outputs, 1, stride);
      return { branch, shortcut };
    }),
  );
  return {
    stem: convNorm('', 'conv1', 'bn1', 3, channels, kernel, stemStride),
    stages,
    head: headLayers(names.head, headSizes(spec)),
  };
}

/** What goes into a ResNet's head, its hidden units, and classes. */
export function headSizes({ widths, expansion, pooled, hidden, classes }: NetSpec): number[] {
  return [widths.at(-1)! * expansion * pooled[0] * pooled[1], ...hidden, classes];
}

export function resnetLayers(spec: NetSpec): Layer[] {
  const { stem, stages, head } = resnetPlan(spec);
  const layers: Layer[] = [stem];
  for (const { branch, shortcut } of stages.flat()) {
    layers.push(...branch);
    if (shortcut?.kind === 'conv') layers.push(shortcut);
  }
  return [...layers, ...head];
}

/** x [n, 3, h, w], normalised, of any size. Features: output of the last stage. */
export function traceResnet(trace: Trace, spec: NetSpec, x: Tensor): NetOutputs {
  const { graph } = trace;
  const { stem, stages, head } = resnetPlan(spec);
  let features = graph.relu(traceConv(trace, stem, x));
  features = stemPool(trace, spec.stem!, features);
  const blocks = stages.map((stage) => {
    for (const block of stage) features = traceBlock(trace, block, features);
    return features;
  });
  const logits = traceHead(trace, head, graph.flatten(poolTo(graph, features, spec.pooled)));
  return { logits, features, blocks };
}

export function stemPool({ graph }: Trace, { pool }: Stem, x: Tensor): Tensor {
  return pool ? graph.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }) : x;
}

function traceBlock(trace: Trace, { branch, shortcut }: Block, x: Tensor): Tensor {
  const { graph } = trace;
  let residual = x;
  for (const [index, layer] of branch.entries()) {
    residual = traceConv(trace, layer, index === 0 ? residual : graph.relu(residual));
  }
  if (!shortcut) return graph.relu(graph.add(residual, x));
  const skip = shortcut.kind === 'conv' ? traceConv(trace, shortcut, x) : traceSubsample(trace, shortcut, x);
  return graph.relu(graph.add(residual, skip));
}

/** Zeros behind the last channel are a 1x1 convolution with the identity: the op pads both sides alike. */
function traceSubsample({ graph }: Trace, { stride, channels, pad }: SubsampleShortcut, x: Tensor): Tensor {
  if (pad === 'both') return graph.subsamplePad(x, { stride, channels });
  const inputs = x.shape[1]!;
  const weight = graph.constant(`identity ${channels}x${inputs}`, [channels, inputs, 1, 1], () => {
    const values = new Float32Array(channels * inputs);
    for (let channel = 0; channel < inputs; channel++) values[channel * inputs + channel] = 1;
    return values;
  });
  return graph.conv2d(x, weight, undefined, { stride, padding: 0 });
}

function convNorm(
  at: string,
  conv: string,
  norm: string,
  inputs: number,
  outputs: number,
  kernel: number,
  stride: number,
): ConvLayer {
  return { kind: 'conv', name: at + conv, norm: at + norm, inputs, outputs, kernel, stride, bias: false };
}
