/**
 * ResNet (He et al. 2016): the plan of a spec, and its forward pass. Both families: four stages with torchvision's names
 * (v1.5 bottlenecks: the stride is on the 3x3), and the three-stage nets for CIFAR with `shortcut` and `linear`.
 */
import type { Tensor } from '../engine/graph.js';
import {
  type ConvLayer,
  type Layer,
  type LinearLayer,
  type NetOutputs,
  type Trace,
  traceConv,
  traceHead,
} from './layers.js';
import { architecture, type NetSpec } from './spec.js';

/** Widening of a bottleneck's last convolution. */
const EXPANSION = 4;

/** Option A: no tensors. */
interface SubsampleShortcut {
  readonly kind: 'subsample';
  readonly stride: number;
  readonly channels: number;
}

interface Block {
  /** A ReLU between each two; the last is added to the shortcut. */
  readonly branch: readonly ConvLayer[];
  /** Absent: the identity. */
  readonly shortcut?: ConvLayer | SubsampleShortcut;
}

interface ResNetPlan {
  readonly stem: ConvLayer;
  /** Max-pool 3x3, stride 2, behind the stem. */
  readonly stemPool: boolean;
  readonly stages: readonly (readonly Block[])[];
  readonly head: LinearLayer;
}

/** What the head and the projection shortcuts are called. */
export const RESNET_NAMES = {
  resnet: { head: 'fc', shortcut: 'downsample' },
  'resnet-cifar': { head: 'linear', shortcut: 'shortcut' },
} as const;

function resnetPlan(spec: NetSpec): ResNetPlan {
  const { stages: counts, bottleneck } = architecture(spec.arch);
  const names = RESNET_NAMES[spec.family === 'resnet-cifar' ? 'resnet-cifar' : 'resnet'];
  const large = spec.form === 'imagenet';
  const stem = convNorm('', 'conv1', 'bn1', 3, spec.widths[0]!, large ? 7 : 3, large ? 2 : 1);
  let inputs = stem.outputs;
  const stages = counts.map((count, stage) =>
    Array.from({ length: count }, (_, index): Block => {
      const width = spec.widths[stage]!;
      const outputs = bottleneck ? width * EXPANSION : width;
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const at = `layer${stage + 1}.${index}.`;
      const branch = bottleneck
        ? [
            convNorm(at, 'conv1', 'bn1', inputs, width, 1, 1),
            convNorm(at, 'conv2', 'bn2', width, width, 3, stride),
            convNorm(at, 'conv3', 'bn3', width, outputs, 1, 1),
          ]
        : [
            convNorm(at, 'conv1', 'bn1', inputs, width, 3, stride),
            convNorm(at, 'conv2', 'bn2', width, width, 3, 1),
          ];
      const identity = stride === 1 && inputs === outputs;
      const shortcut: ConvLayer | SubsampleShortcut =
        spec.shortcut === 'A'
          ? { kind: 'subsample', stride, channels: outputs }
          : convNorm(at, `${names.shortcut}.0`, `${names.shortcut}.1`, inputs, outputs, 1, stride);
      inputs = outputs;
      return identity ? { branch } : { branch, shortcut };
    }),
  );
  return {
    stem,
    stemPool: large,
    stages,
    head: { kind: 'linear', name: names.head, inputs, outputs: spec.classes },
  };
}

export function resnetLayers(spec: NetSpec): Layer[] {
  const { stem, stages, head } = resnetPlan(spec);
  const layers: Layer[] = [stem];
  for (const { branch, shortcut } of stages.flat()) {
    layers.push(...branch);
    if (shortcut?.kind === 'conv') layers.push(shortcut);
  }
  return [...layers, head];
}

/** x [n, 3, h, w], normalised, of any size. Features: output of the last stage. */
export function traceResnet(trace: Trace, spec: NetSpec, x: Tensor): NetOutputs {
  const { graph } = trace;
  const { stem, stemPool, stages, head } = resnetPlan(spec);
  let features = graph.relu(traceConv(trace, stem, x));
  if (stemPool) features = graph.maxPool2d(features, { kernel: 3, stride: 2, padding: 1 });
  for (const block of stages.flat()) features = traceBlock(trace, block, features);
  return { logits: traceHead(trace, [head], graph.globalAvgPool(features)), features };
}

function traceBlock(trace: Trace, { branch, shortcut }: Block, x: Tensor): Tensor {
  const { graph } = trace;
  let residual = x;
  for (const [index, layer] of branch.entries()) {
    residual = traceConv(trace, layer, index === 0 ? residual : graph.relu(residual));
  }
  if (!shortcut) return graph.relu(graph.add(residual, x));
  const skip =
    shortcut.kind === 'conv'
      ? traceConv(trace, shortcut, x)
      : graph.subsamplePad(x, { stride: shortcut.stride, channels: shortcut.channels });
  return graph.relu(graph.add(residual, skip));
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
