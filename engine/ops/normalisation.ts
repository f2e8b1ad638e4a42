/** Batch-norm: with running statistics, and in training with those of the batch and the whole gradient. */
import batchNormText from '../../shaders/batch_norm.wgsl';
import batchNormCombineText from '../../shaders/batch_norm_combine.wgsl';
import batchNormFinishText from '../../shaders/batch_norm_finish.wgsl';
import batchNormReduceText from '../../shaders/batch_norm_reduce.wgsl';
import batchNormTrainingText from '../../shaders/batch_norm_training.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { type Binding, ceilDiv, FLAT_WORKGROUP, flatGrid, type Lowering, type Operand } from '../dispatch.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import { F32 } from '../template.js';
import type { Tensor } from '../tensor.js';
import type { OpAttributes } from './attributes.js';
import { channelsOf, emitFlat, expectShape, filled, innerExtent, type OpRow, plainEpilogue } from './row.js';

const batchNormShader = shaderSource('batch_norm', batchNormText);
const combineShader = shaderSource('batch_norm_combine', batchNormCombineText, batchNormFinishText);
const reduceShader = shaderSource('batch_norm_reduce', batchNormReduceText, batchNormFinishText);
const trainingShader = shaderSource('batch_norm_training', batchNormTrainingText);

type Names =
  | 'batchNorm'
  | 'batchMoments'
  | 'batchNormTraining'
  | 'batchNormTrainingSums'
  | 'batchNormTrainingGradient';
type Rows = Pick<{ [K in keyof OpAttributes]: OpRow<OpAttributes[K]> }, Names>;

/** Workgroups that a reduction is split into on a GPU, at least. */
const ENOUGH_WORKGROUPS = 256;

/** @throws ShapeError where a channel has one value: its variance is 0, whatever the net does */
function checkBatch(op: string, x: Tensor | undefined): number {
  const channels = channelsOf(op, x);
  if (sizeOf(x!.shape) === channels)
    throw new ShapeError(
      `${op}: expected more than one value for each channel, got [${x!.shape.join(', ')}]; take a larger batch`,
    );
  return channels;
}

export const normalisationOps: Rows = {
  batchNorm: {
    shape(_, [x, ...statistics]) {
      const channels = channelsOf('batchNorm', x);
      for (const [i, name] of ['gamma', 'beta', 'mean', 'variance'].entries()) {
        expectShape('batchNorm', name, statistics[i], [channels]);
      }
      return x!.shape;
    },
    gradient({ graph, attributes, inputs, cotangent }) {
      const [x, gamma, , mean, variance] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const zero = () => filled(graph, x.shape[1]!, 0);
      const normalised = () =>
        graph.op('batchNorm', attributes, [x, filled(graph, x.shape[1]!, 1), zero(), mean, variance]);
      return [
        // The same affine map without its shifts.
        () => graph.op('batchNorm', attributes, [cotangent, gamma, zero(), zero(), variance]),
        () => graph.op('channelDot', {}, [cotangent, normalised()]),
        () => graph.op('channelSum', {}, [cotangent]),
        undefined,
        undefined,
      ];
    },
    flops: (_, __, output) => 4 * sizeOf(output),
    // The variance.
    positive: [4],
    lower({ attributes, inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'batchNorm', batchNormShader, operands, output.operand, sizeOf(output.shape), {
        CHANNELS: output.shape[1]!,
        INNER: innerExtent(output.shape),
        EPSILON: new F32(attributes.epsilon),
      });
    },
  },

  /** x [n, c, ...] -> [2, c]: each channel's mean, and its variance over all its values (not one less). */
  batchMoments: {
    shape: (_, [x]) => [2, checkBatch('batchMoments', x)],
    flops: (_, inputs) => 4 * sizeOf(inputs[0]!),
    lower({ inputs, output }, ctx) {
      const [x] = inputs as [(typeof inputs)[0]];
      reduce(ctx, 'batchMoments', x.shape, [x.operand], output.operand, x.operand, 0);
    },
  },

  /**
   * (x [n, c, ...], gamma [c], beta [c], moments [2, c] of x) -> (x - mean) / sqrt(variance + epsilon) * gamma + beta. The gradient towards x holds what flows
   * through the moments, which take none of their own.
   */
  batchNormTraining: {
    shape({ epilogue }, inputs) {
      const [x, gamma, beta, moments] = inputs;
      const channels = checkBatch('batchNormTraining', x);
      expectShape('batchNormTraining', 'gamma', gamma, [channels]);
      expectShape('batchNormTraining', 'beta', beta, [channels]);
      expectShape('batchNormTraining', 'moments', moments, [2, channels]);
      if (epilogue.residual) expectShape('batchNormTraining', 'residual', inputs[4], x!.shape);
      return x!.shape;
    },
    implied: [3],
    gradient({ graph, attributes, inputs, cotangent }) {
      const { epsilon, epilogue } = attributes;
      if (epilogue.residual || epilogue.activation !== 'none')
        throw new Error('internal: batchNormTraining is differentiated before fusion');
      const [x, gamma, , moments] = inputs as [Tensor, Tensor, Tensor, Tensor];
      const channels = x.shape[1]!;
      let made: Tensor | undefined;
      const sums = () => {
        made ??= graph.op('batchNormTrainingSums', { epsilon }, [x, cotangent, moments]);
        return made;
      };
      const row = (index: number) => {
        const flat = graph.op('reshape', { shape: [1, 2 * channels] }, [sums()]);
        const slice = graph.op('sliceColumns', { start: index * channels, end: (index + 1) * channels }, [
          flat,
        ]);
        return graph.op('reshape', { shape: [channels] }, [slice]);
      };
      return [
        () => graph.op('batchNormTrainingGradient', { epsilon }, [x, gamma, moments, cotangent, sums()]),
        () => row(1),
        () => row(0),
        undefined,
      ];
    },
    flops: (_, __, output) => 4 * sizeOf(output),
    positive: [3],
    lower({ attributes, inputs, output }, ctx) {
      const { epsilon, epilogue } = attributes;
      const [x, gamma, beta, moments, residual] = inputs.map(({ operand }) => operand) as [
        Operand,
        Operand,
        Operand,
        Operand,
        Operand | undefined,
      ];
      const read = [x, gamma, moments, beta, ...(epilogue.residual ? [residual!] : [])];
      normalise(ctx, 'batchNormTraining', output.shape, read, output.operand, epsilon, {
        GRADIENT: false,
        RESIDUAL: epilogue.residual,
        RELU: epilogue.activation === 'relu',
      });
    },
  },

  /** (x, dy, moments [2, c]) -> [2, c]: per channel the sum of dy, which is the gradient of beta, and of dy times the normalised x, that of gamma. */
  batchNormTrainingSums: {
    shape(_, [x, dy, moments]) {
      const channels = channelsOf('batchNormTrainingSums', x);
      expectShape('batchNormTrainingSums', 'cotangent', dy, x!.shape);
      expectShape('batchNormTrainingSums', 'moments', moments, [2, channels]);
      return [2, channels];
    },
    flops: (_, inputs) => 4 * sizeOf(inputs[0]!),
    positive: [2],
    lower({ attributes, inputs, output }, ctx) {
      const operands = inputs.map(({ operand }) => operand);
      const { shape } = inputs[0]!;
      reduce(ctx, 'batchNormTrainingSums', shape, operands, output.operand, operands[2]!, attributes.epsilon);
    },
  },

  /** (x, gamma, moments, dy, sums) -> dx. */
  batchNormTrainingGradient: {
    shape(_, [x, gamma, moments, dy, sums]) {
      const channels = channelsOf('batchNormTrainingGradient', x);
      expectShape('batchNormTrainingGradient', 'gamma', gamma, [channels]);
      expectShape('batchNormTrainingGradient', 'moments', moments, [2, channels]);
      expectShape('batchNormTrainingGradient', 'cotangent', dy, x!.shape);
      expectShape('batchNormTrainingGradient', 'sums', sums, [2, channels]);
      return x!.shape;
    },
    flops: (_, __, output) => 5 * sizeOf(output),
    positive: [2],
    overwrites: () => undefined,
    lower({ attributes, inputs, output }, ctx) {
      const operands = inputs.map(({ operand }) => operand);
      normalise(
        ctx,
        'batchNormTrainingGradient',
        output.shape,
        operands,
        output.operand,
        attributes.epsilon,
        {
          GRADIENT: true,
          RESIDUAL: false,
          RELU: false,
        },
      );
    },
  },
};

/** Attributes of `batchNormTraining` as it is traced. */
export const batchNormTrainingAttributes = (epsilon: number) => ({
  epsilon,
  epilogue: plainEpilogue(false),
});

/**
 * @param source what the sums are finished with: x (pivots) or the moments (variances)
 */
function reduce(
  ctx: Lowering,
  label: string,
  shape: Shape,
  read: readonly Operand[],
  output: Operand,
  source: Operand,
  epsilon: number,
): void {
  const [batch, channels] = shape as [number, number];
  const inner = innerExtent(shape);
  // A CPU adapter has few threads, and waits for each dispatch.
  const splits = ctx.device.software ? 1 : Math.min(batch, ceilDiv(ENOUGH_WORKGROUPS, channels));
  const constants = {
    CHANNELS: channels,
    INNER: inner,
    SPLITS: splits,
    MOMENTS: read.length === 1,
    COUNT: new F32(batch * inner),
    EPSILON: new F32(epsilon),
  };
  const to = splits > 1 ? ctx.scratch('partial sums', splits * 2 * channels * 4) : output;
  const bind = (operands: readonly Operand[], target: Operand): Binding[] => [
    ...operands.map((operand) => ({ operand, access: 'read' as const })),
    { operand: target, access: 'write' },
  ];
  ctx.emit({
    label,
    shader: reduceShader,
    constants: { ...constants, BATCH: batch, VEC: inner % 4 === 0 },
    bindings: bind(read, to),
    workgroups: [channels, splits, 1],
  });
  if (splits === 1) return;
  ctx.emit({
    label: `${label}/combine`,
    shader: combineShader,
    constants,
    bindings: bind([to, source], output),
    workgroups: [ceilDiv(channels, FLAT_WORKGROUP), 1, 1],
  });
}

function normalise(
  ctx: Lowering,
  label: string,
  shape: Shape,
  read: readonly Operand[],
  output: Operand,
  epsilon: number,
  flags: { readonly GRADIENT: boolean; readonly RESIDUAL: boolean; readonly RELU: boolean },
): void {
  const [batch, channels] = shape as [number, number];
  const inner = innerExtent(shape);
  const vec = inner % 4 === 0;
  const values = vec ? inner / 4 : inner;
  // What a channel has in common is read once for so many of its values.
  const per = [8, 4, 2, 1].find((count) => values % count === 0)!;
  const step = values / per;
  const invocations = batch * channels * step;
  const grid = flatGrid(invocations);
  ctx.emit({
    label,
    shader: trainingShader,
    constants: {
      ...flags,
      INVOCATIONS: invocations,
      ROW: grid.row,
      CHANNELS: channels,
      INNER: inner,
      PER: per,
      STEP: step,
      VEC: vec,
      COUNT: new F32(batch * inner),
      EPSILON: new F32(epsilon),
    },
    bindings: [
      ...read.map((operand) => ({ operand, access: 'read' as const })),
      { operand: output, access: 'write' },
    ],
    workgroups: grid.workgroups,
  });
}
