/** The weight gradient of a convolution for GPUs: tiles in workgroup memory, the sum split along batch and pixels where there are few channels. Not yet timed on a GPU. */

import { shaderSource } from '../../shaders/source.js';
import tiledWeightGradientText from '../../shaders/tiled_weight_gradient.wgsl';
import { ceilDiv, type DeviceTraits, type Variant } from '../dispatch.js';
import type { ConvWeightGradientIO, ConvWeightGradientProblem } from '../problem.js';
import { geometry } from './naive.js';
import { emitReduce, NO_EPILOGUE, splitTarget } from './tiled-tile.js';

const shader = shaderSource('tiled_weight_gradient', tiledWeightGradientText);

const TILE = 32;
/** Workgroups that keep a GPU busy, and values of k that are worth one of their own. */
const ENOUGH_WORKGROUPS = 256;
const LEAST_SHARE = 256;

function plan(problem: ConvWeightGradientProblem, { limits }: DeviceTraits) {
  const { batch, inChannels, outChannels, outHeight, outWidth, kernel } = problem;
  const rows = inChannels * kernel[0] * kernel[1];
  const tiles: [number, number] = [ceilDiv(rows, TILE), ceilDiv(outChannels, TILE)];
  const limit = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  const split = Math.max(
    1,
    Math.min(
      ceilDiv(ENOUGH_WORKGROUPS, tiles[0] * tiles[1]),
      ceilDiv(batch * outHeight * outWidth, LEAST_SHARE),
      Math.floor(limit / (4 * rows * outChannels)),
    ),
  );
  return { rows, tiles, split };
}

export const tiledConvWeightGradient: Variant<ConvWeightGradientProblem, ConvWeightGradientIO> = {
  name: 'tiled',
  madeFor: 'gpu',
  supports(problem, device) {
    const { tiles, split } = plan(problem, device);
    return Math.max(...tiles, split) <= device.limits.maxComputeWorkgroupsPerDimension;
  },
  lower(problem, io, ctx) {
    const { rows, tiles, split } = plan(problem, ctx.device);
    const target = splitTarget(ctx, io.output, split);
    ctx.emit({
      label: 'conv2dWeightGradient/tiled',
      shader,
      constants: { ...geometry(problem), BATCH: problem.batch, SPLIT: split },
      bindings: [
        { operand: io.x, access: 'read' },
        { operand: io.dy, access: 'read' },
        { operand: target, access: 'write' },
      ],
      workgroups: [...tiles, split],
    });
    if (split > 1)
      emitReduce(
        ctx,
        'conv2dWeightGradient/tiled/reduce',
        target,
        io.output,
        split,
        rows,
        1,
        NO_EPILOGUE,
        {},
      );
  },
};
