/** VGG (Simonyan and Zisserman 2015), with torchvision's names: the plan of a spec, and its forward pass. */
import { ShapeError, type Tensor } from '../engine/graph.js';
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
import type { NetSpec } from './spec.js';

interface VggPlan {
  /** A 2x2 max-pool follows each stage (the last: `NetSpec.lastPool`), a ReLU each convolution. */
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
  const { batchNorm, classes, hidden, pooled, widths } = spec;
  let inputs = 3;
  const stages = vggPositions(spec.stages, batchNorm).map((positions, stage) =>
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
  const flat = inputs * pooled[0] * pooled[1];
  return { stages, head: headLayers('classifier', [flat, ...hidden, classes]) };
}

export function vggLayers(spec: NetSpec): Layer[] {
  const { stages, head } = vggPlan(spec);
  return [...stages.flat(), ...head];
}

/**
 * x [n, 3, h, w], normalised. Features: output of the last convolution's ReLU, before the last pool. What the last pool leaves,
 * or the features where there is none, is averaged to the grid that the head sees.
 * @throws ShapeError where the pools leave less than one pixel (h and w must be at least 32, without the last pool 16)
 */
export function traceVgg(trace: Trace, spec: NetSpec, x: Tensor): NetOutputs {
  const { graph } = trace;
  const { stages, head } = vggPlan(spec);
  const [, , height = 0, width = 0] = x.shape;
  const least = 2 ** (spec.lastPool ? stages.length : stages.length - 1);
  if (Math.min(height, width) < least)
    throw new ShapeError(
      `${spec.arch}: expected input of at least ${least}x${least}, got ${height}x${width}`,
    );
  let features = x;
  const blocks: Tensor[] = [];
  for (const [index, stage] of stages.entries()) {
    if (index > 0) features = graph.maxPool2d(features, { kernel: 2 });
    for (const layer of stage) features = graph.relu(traceConv(trace, layer, features));
    blocks.push(features);
  }
  const last = spec.lastPool ? graph.maxPool2d(features, { kernel: 2 }) : features;
  const pooled = poolTo(graph, last, spec.pooled);
  return { logits: traceHead(trace, head, graph.flatten(pooled)), features, blocks };
}
