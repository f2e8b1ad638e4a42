/** Softmax, cross-entropy and column selection over [n, k]: one invocation per row, or one workgroup per row where rows are long. */

import crossEntropyText from '../../shaders/cross_entropy.wgsl';
import crossEntropyGradientText from '../../shaders/cross_entropy_gradient.wgsl';
import gatherText from '../../shaders/gather.wgsl';
import rowSpreadText from '../../shaders/row_spread.wgsl';
import rowSumText from '../../shaders/row_sum.wgsl';
import scatterText from '../../shaders/scatter.wgsl';
import softTargetsText from '../../shaders/soft_targets.wgsl';
import softmaxText from '../../shaders/softmax.wgsl';
import softmaxGradientText from '../../shaders/softmax_gradient.wgsl';
import { type ShaderSource, shaderSource, totalText } from '../../shaders/source.js';
import type { Lowering, Operand } from '../dispatch.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import { F32, type ShaderConstant } from '../template.js';
import type { Tensor } from '../tensor.js';
import type { OpAttributes } from './attributes.js';
import { emitFlat, expectDType, expectRank, expectShape, type LoweredOp, type OpRow } from './row.js';

const crossEntropyGradientShader = shaderSource(
  'cross_entropy_gradient',
  crossEntropyGradientText,
  totalText,
);
const crossEntropyShader = shaderSource('cross_entropy', crossEntropyText, totalText);
const gatherShader = shaderSource('gather', gatherText);
const rowSpreadShader = shaderSource('row_spread', rowSpreadText);
const rowSumShader = shaderSource('row_sum', rowSumText, totalText);
const scatterShader = shaderSource('scatter', scatterText);
const softTargetsShader = shaderSource('soft_targets', softTargetsText, totalText);
const softmaxGradientShader = shaderSource('softmax_gradient', softmaxGradientText, totalText);
const softmaxShader = shaderSource('softmax', softmaxText, totalText);

type Names =
  | 'softmax'
  | 'softmaxGradient'
  | 'crossEntropy'
  | 'crossEntropyGradient'
  | 'softCrossEntropy'
  | 'softCrossEntropyGradient'
  | 'gather'
  | 'scatter'
  | 'rowSum'
  | 'rowSpread';
type Rows = Pick<{ [K in keyof OpAttributes]: OpRow<OpAttributes[K]> }, Names>;

/** Lanes that share a row in the row kernels. */
const ROW_LANES = 32;

function emitRows(
  ctx: Lowering,
  label: string,
  shader: ShaderSource,
  operands: readonly Operand[],
  rows: number,
  columns: number,
  constants: Readonly<Record<string, ShaderConstant>>,
): void {
  ctx.emit({
    label,
    shader,
    constants: { ...constants, COLUMNS: columns, WG: ROW_LANES },
    bindings: operands.map((operand, i) => ({
      operand,
      access: i === operands.length - 1 ? 'write' : 'read',
    })),
    workgroups: [rows, 1, 1],
  });
}

function rowsOp<A>(
  label: string,
  shader: ShaderSource,
  constants: (attributes: A) => Readonly<Record<string, ShaderConstant>> = () => ({}),
) {
  return ({ attributes, inputs, output }: LoweredOp<A>, ctx: Lowering) => {
    const [rows, ...others] = inputs[0]!.shape;
    const operands = [...inputs.map((input) => input.operand), output.operand];
    emitRows(ctx, label, shader, operands, rows!, sizeOf(others), constants(attributes));
  };
}

/** A smoothed kernel costs a pass over the row: only who asks for it pays. */
function smoothed({
  smoothing = 0,
}: {
  readonly smoothing?: number;
}): Readonly<Record<string, ShaderConstant>> {
  return { SMOOTHED: smoothing > 0, ...(smoothing > 0 ? { SMOOTHING: new F32(smoothing) } : {}) };
}

function checkSmoothing(smoothing: number): void {
  if (!(smoothing >= 0 && smoothing < 1))
    throw new ShapeError(`crossEntropy: expected a label smoothing in [0, 1), got ${smoothing}`);
}

function checkLabels(op: string, rows: Tensor | undefined, labels: Tensor | undefined): Shape {
  expectRank(op, 'logits', rows, 2, 'n, k');
  expectShape(op, 'labels', labels, [rows!.shape[0]!]);
  expectDType(op, 'labels', labels!, 'u32');
  return [rows!.shape[0]!];
}

export const lossOps: Rows = {
  softmax: {
    shape(_, [x]) {
      expectRank('softmax', 'x', x, 2, 'n, k');
      return x!.shape;
    },
    gradient: ({ graph, output, cotangent }) => [() => graph.op('softmaxGradient', {}, [cotangent, output])],
    flops: (_, __, output) => 4 * sizeOf(output),
    lower: rowsOp('softmax', softmaxShader),
  },

  /** (dy, y = softmax(x)) -> y * (dy - sum(dy * y)). */
  softmaxGradient: {
    shape(_, [dy, y]) {
      expectShape('softmaxGradient', 'y', y, dy!.shape);
      return dy!.shape;
    },
    flops: (_, __, output) => 4 * sizeOf(output),
    lower: rowsOp('softmaxGradient', softmaxGradientShader),
  },

  crossEntropy: {
    shape({ smoothing = 0 }, [logits, labels]) {
      checkSmoothing(smoothing);
      return checkLabels('crossEntropy', logits, labels);
    },
    gradient: ({ graph, attributes, inputs, cotangent }) => [
      () => graph.op('crossEntropyGradient', attributes, [inputs[0]!, inputs[1]!, cotangent]),
      undefined,
    ],
    flops: (_, inputs) => 4 * sizeOf(inputs[0]!),
    lower: rowsOp('crossEntropy', crossEntropyShader, smoothed),
  },

  /** (logits, labels, dy [n]) -> dy * (softmax(logits) - target), the target being onehot(labels), smoothed. */
  crossEntropyGradient: {
    shape(_, [logits, labels, dy]) {
      expectShape(
        'crossEntropyGradient',
        'cotangent',
        dy,
        checkLabels('crossEntropyGradient', logits, labels),
      );
      return logits!.shape;
    },
    flops: (_, __, output) => 5 * sizeOf(output),
    lower: rowsOp('crossEntropyGradient', crossEntropyGradientShader, smoothed),
  },

  /** (logits [n, k], targets [n, k]) -> [n]: -sum of target times log softmax; not differentiated in the targets. */
  softCrossEntropy: {
    shape(_, [logits, targets]) {
      expectRank('softCrossEntropy', 'logits', logits, 2, 'n, k');
      expectShape('softCrossEntropy', 'targets', targets, logits!.shape);
      return [logits!.shape[0]!];
    },
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('softCrossEntropyGradient', {}, [inputs[0]!, inputs[1]!, cotangent]),
      undefined,
    ],
    flops: (_, inputs) => 5 * sizeOf(inputs[0]!),
    lower: rowsOp('softCrossEntropy', softTargetsShader, () => ({ GRADIENT: false })),
  },

  /** (logits, targets, dy [n]) -> dy * (softmax(logits) * sum(targets) - targets). */
  softCrossEntropyGradient: {
    shape(_, [logits, targets, dy]) {
      expectShape('softCrossEntropyGradient', 'targets', targets, logits!.shape);
      expectShape('softCrossEntropyGradient', 'cotangent', dy, [logits!.shape[0]!]);
      return logits!.shape;
    },
    flops: (_, __, output) => 6 * sizeOf(output),
    lower: rowsOp('softCrossEntropyGradient', softTargetsShader, () => ({ GRADIENT: true })),
  },

  /** x [n, ...] -> [n]: the sum of each row. */
  rowSum: {
    shape: (_, [x]) => [x!.shape[0]!],
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('rowSpread', { shape: inputs[0]!.shape }, [cotangent]),
    ],
    flops: (_, inputs) => sizeOf(inputs[0]!),
    lower: rowsOp('rowSum', rowSumShader),
  },

  /** x [n] -> [n, ...]: each value over its row, the gradient of rowSum. */
  rowSpread: {
    shape({ shape }, [x]) {
      expectShape('rowSpread', 'x', x, [shape[0]!]);
      return shape;
    },
    gradient: ({ graph, cotangent }) => [() => graph.op('rowSum', {}, [cotangent])],
    flops: () => 0,
    lower({ inputs, output }, ctx) {
      emitFlat(
        ctx,
        'rowSpread',
        rowSpreadShader,
        [inputs[0]!.operand],
        output.operand,
        sizeOf(output.shape),
        {
          COLUMNS: sizeOf(output.shape.slice(1)),
        },
      );
    },
  },

  gather: {
    shape: (_, [x, index]) => checkLabels('gather', x, index),
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('scatter', { columns: inputs[0]!.shape[1]! }, [cotangent, inputs[1]!]),
      undefined,
    ],
    flops: () => 0,
    lower({ inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'gather', gatherShader, operands, output.operand, sizeOf(output.shape), {
        COLUMNS: inputs[0]!.shape[1]!,
      });
    },
  },

  /** (dy [n], index [n]) -> [n, columns], zero but for dy at the index: the gradient of gather. */
  scatter: {
    shape({ columns }, [dy, index]) {
      expectRank('scatter', 'cotangent', dy, 1, 'n');
      expectShape('scatter', 'index', index, dy!.shape);
      expectDType('scatter', 'index', index!, 'u32');
      return [dy!.shape[0]!, columns];
    },
    flops: () => 0,
    lower({ inputs, output }, ctx) {
      const operands = inputs.map((input) => input.operand);
      emitFlat(ctx, 'scatter', scatterShader, operands, output.operand, sizeOf(output.shape), {
        COLUMNS: output.shape[1]!,
      });
    },
  },
};
