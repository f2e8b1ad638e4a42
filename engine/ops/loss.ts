/** Softmax, cross-entropy and column selection over [n, k]: one invocation per row, or one workgroup per row where rows are long. */

import crossEntropyText from '../../shaders/cross_entropy.wgsl';
import crossEntropyGradientText from '../../shaders/cross_entropy_gradient.wgsl';
import gatherText from '../../shaders/gather.wgsl';
import scatterText from '../../shaders/scatter.wgsl';
import softmaxText from '../../shaders/softmax.wgsl';
import softmaxGradientText from '../../shaders/softmax_gradient.wgsl';
import { type ShaderSource, shaderSource } from '../../shaders/source.js';
import type { Lowering, Operand } from '../dispatch.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { OpAttributes } from './attributes.js';
import { emitFlat, expectDType, expectRank, expectShape, type LoweredOp, type OpRow } from './row.js';

const crossEntropyGradientShader = shaderSource('cross_entropy_gradient', crossEntropyGradientText);
const crossEntropyShader = shaderSource('cross_entropy', crossEntropyText);
const gatherShader = shaderSource('gather', gatherText);
const scatterShader = shaderSource('scatter', scatterText);
const softmaxGradientShader = shaderSource('softmax_gradient', softmaxGradientText);
const softmaxShader = shaderSource('softmax', softmaxText);

type Names = 'softmax' | 'softmaxGradient' | 'crossEntropy' | 'crossEntropyGradient' | 'gather' | 'scatter';
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
): void {
  ctx.emit({
    label,
    shader,
    constants: { COLUMNS: columns, LANES: ROW_LANES },
    bindings: operands.map((operand, i) => ({
      operand,
      access: i === operands.length - 1 ? 'write' : 'read',
    })),
    workgroups: [rows, 1, 1],
  });
}

function rowsOp(label: string, shader: ShaderSource) {
  return ({ inputs, output }: LoweredOp<unknown>, ctx: Lowering) => {
    const [rows, columns] = inputs[0]!.shape;
    emitRows(ctx, label, shader, [...inputs.map((input) => input.operand), output.operand], rows!, columns!);
  };
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
    shape: (_, [logits, labels]) => checkLabels('crossEntropy', logits, labels),
    gradient: ({ graph, inputs, cotangent }) => [
      () => graph.op('crossEntropyGradient', {}, [inputs[0]!, inputs[1]!, cotangent]),
      undefined,
    ],
    flops: (_, inputs) => 4 * sizeOf(inputs[0]!),
    lower: rowsOp('crossEntropy', crossEntropyShader),
  },

  /** (logits, labels, dy [n]) -> dy * (softmax(logits) - onehot(labels)). */
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
    lower: rowsOp('crossEntropyGradient', crossEntropyGradientShader),
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
