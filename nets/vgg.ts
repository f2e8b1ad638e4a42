/** VGG (Simonyan and Zisserman 2015), with torchvision's names: the plan of a spec, and its forward pass. */
import { ShapeError, type Tensor } from '../engine/graph.js';
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

/** Height and width that the classifier sees: AdaptiveAvgPool2d(7) on ImageNet, 32 / 2^5 on CIFAR. */
export const VGG_POOLED = { imagenet: 7, cifar: 1 } as const;

interface VggPlan {
  /** A 2x2 max-pool follows each stage, a ReLU each convolution. */
  readonly stages: readonly (readonly ConvLayer[])[];
  readonly head: readonly LinearLayer[];
}

/**
 * Positions of the convolutions in `features`, per stage: a convolution takes 2 places (3 with batch-norm: convolution,
 * norm, ReLU), a pool 1.
 */
export function vggPositions(stages: readonly number[], batchNorm: boolean): number[][] {
  let next = 0;
  return stages.map((count) => {
    const positions = Array.from({ length: count }, (_, k) => next + k * (batchNorm ? 3 : 2));
    next += count * (batchNorm ? 3 : 2) + 1;
    return positions;
  });
}

function vggPlan(spec: NetSpec): VggPlan {
  const { batchNorm, classes, hidden, widths } = spec;
  let inputs = 3;
  const stages = vggPositions(architecture(spec.arch).stages, batchNorm).map((positions, stage) =>
    positions.map((position): ConvLayer => {
      const outputs = widths[stage]!;
      const layer: ConvLayer = {
        kind: 'conv',
        name: `features.${position}`,
        ...(batchNorm ? { norm: `features.${position + 1}` } : {}),
        inputs,
        outputs,
        kernel: 3,
        stride: 1,
        bias: true,
      };
      inputs = outputs;
      return layer;
    }),
  );
  const flat = inputs * VGG_POOLED[spec.form] ** 2;
  const head: LinearLayer[] =
    hidden === undefined
      ? [{ kind: 'linear', name: 'classifier', inputs: flat, outputs: classes }]
      : [
          { kind: 'linear', name: 'classifier.0', inputs: flat, outputs: hidden },
          { kind: 'linear', name: 'classifier.3', inputs: hidden, outputs: hidden },
          { kind: 'linear', name: 'classifier.6', inputs: hidden, outputs: classes },
        ];
  return { stages, head };
}

export function vggLayers(spec: NetSpec): Layer[] {
  const { stages, head } = vggPlan(spec);
  return [...stages.flat(), ...head];
}

/**
 * x [n, 3, h, w], normalised. Features: output of the last convolution's ReLU, before the last pool.
 * @throws ShapeError where the last pool of the CIFAR form does not leave one pixel (h and w must be 32 to 63)
 */
export function traceVgg(trace: Trace, spec: NetSpec, x: Tensor): NetOutputs {
  const { graph } = trace;
  const { stages, head } = vggPlan(spec);
  let features = x;
  for (const [index, stage] of stages.entries()) {
    if (index > 0) features = graph.maxPool2d(features, { kernel: 2 });
    for (const layer of stage) features = graph.relu(traceConv(trace, layer, features));
  }
  let pooled = graph.maxPool2d(features, { kernel: 2 });
  const size = VGG_POOLED[spec.form];
  const [, , height, width] = pooled.shape;
  if (height !== size || width !== size) {
    if (spec.form === 'cifar') {
      throw new ShapeError(
        `${spec.arch} (CIFAR form): expected input of 32x32, got ${x.shape[2]}x${x.shape[3]}`,
      );
    }
    pooled = graph.adaptiveAvgPool2d(pooled, size);
  }
  return { logits: traceHead(trace, head, graph.flatten(pooled)), features };
}
