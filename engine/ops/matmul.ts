/** Matrix products, and the column copies that split one whose operand exceeds the binding limit. */

import copyColumnsText from '../../shaders/copy_columns.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { flatGrid } from '../dispatch.js';
import type { Epilogue, MatmulProblem } from '../problem.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { chooseMatmul, matmulVariants } from '../variants/matmul.js';
import type { OpAttributes } from './attributes.js';
import { checkEpilogue, epilogueOperands, expectRank, type OpRow, residualOf } from './row.js';

const copyColumnsShader = shaderSource('copy_columns', copyColumnsText);

type Rows = Pick<
  { [K in keyof OpAttributes]: OpRow<OpAttributes[K]> },
  'matmul' | 'sliceColumns' | 'concatColumns'
>;

const plain: Epilogue = { bias: false, residual: false, activation: 'none' };

/** [m, n, k] of a product of stored shapes. */
export function productExtents(
  a: Shape,
  b: Shape,
  transposeA: boolean,
  transposeB: boolean,
): { m: number; n: number; k: number } {
  const [m, k] = transposeA ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [kb, n] = transposeB ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (k !== kb)
    throw new ShapeError(
      `matmul: expected equal inner extents, got ${k} of [${a.join(', ')}] and ${kb} of [${b.join(', ')}]`,
    );
  return { m, n, k };
}

export const matmulOps: Rows = {
  matmul: {
    shape({ transposeA, transposeB, epilogue }, inputs) {
      const [a, b] = inputs;
      expectRank('matmul', 'a', a, 2, transposeA ? 'k, m' : 'm, k');
      expectRank('matmul', 'b', b, 2, transposeB ? 'n, k' : 'k, n');
      const { m, n } = productExtents(a!.shape, b!.shape, transposeA, transposeB);
      checkEpilogue('matmul', epilogue, inputs, 2, [m, n], n);
      return [m, n];
    },
    gradient({ graph, attributes, inputs, cotangent }) {
      const { transposeA, transposeB, epilogue } = attributes;
      if (epilogue.residual || epilogue.activation !== 'none')
        throw new Error('internal: matmul is differentiated before fusion');
      const [a, b] = inputs as [Tensor, Tensor];
      const product = (x: Tensor, tx: boolean, y: Tensor, ty: boolean) =>
        graph.op('matmul', { transposeA: tx, transposeB: ty, epilogue: plain }, [x, y]);
      return [
        // dA = dC B^T, stored transposed where A is.
        () =>
          transposeA ? product(b, transposeB, cotangent, true) : product(cotangent, false, b, !transposeB),
        () =>
          transposeB ? product(cotangent, true, a, transposeA) : product(a, !transposeA, cotangent, false),
        () => graph.op('channelSum', {}, [cotangent]),
      ];
    },
    flops: ({ transposeA }, inputs, output) => 2 * sizeOf(output) * inputs[0]![transposeA ? 0 : 1]!,
    overwrites: ({ epilogue }) => residualOf(epilogue, 2),
    lower({ attributes, inputs, output }, ctx) {
      const { transposeA, transposeB, epilogue } = attributes;
      const [a, b] = inputs as [(typeof inputs)[0], (typeof inputs)[0]];
      const problem: MatmulProblem = {
        ...productExtents(a.shape, b.shape, transposeA, transposeB),
        transposeA,
        transposeB,
        epilogue,
      };
      const io = {
        a: a.operand,
        b: b.operand,
        output: output.operand,
        ...epilogueOperands(epilogue, inputs, 2),
      };
      ctx.pick('matmul', problem, matmulVariants, chooseMatmul(problem, ctx.device)).lower(problem, io, ctx);
    },
  },

  sliceColumns: {
    shape({ start, end }, [x]) {
      expectRank('sliceColumns', 'x', x, 2, 'n, k');
      if (!(start >= 0 && start < end && end <= x!.shape[1]!)) {
        throw new ShapeError(
          `sliceColumns: expected 0 <= start < end <= ${x!.shape[1]}, got ${start} and ${end}`,
        );
      }
      return [x!.shape[0]!, end - start];
    },
    flops: () => 0,
    lower({ attributes, inputs, output }, ctx) {
      const [x] = inputs as [(typeof inputs)[0]];
      const count = sizeOf(output.shape);
      const grid = flatGrid(count);
      ctx.emit({
        label: 'sliceColumns',
        shader: copyColumnsShader,
        constants: {
          COUNT: count,
          ROW: grid.row,
          COLUMNS: output.shape[1]!,
          FROM_STRIDE: x.shape[1]!,
          FROM_OFFSET: attributes.start,
          TO_STRIDE: output.shape[1]!,
          TO_OFFSET: 0,
        },
        bindings: [
          { operand: x.operand, access: 'read' },
          { operand: output.operand, access: 'write' },
        ],
        workgroups: grid.workgroups,
      });
    },
  },

  concatColumns: {
    shape(_, inputs) {
      for (const x of inputs) expectRank('concatColumns', 'x', x, 2, 'n, k');
      const rows = inputs[0]!.shape[0]!;
      const odd = inputs.find((x) => x.shape[0] !== rows);
      if (odd) throw new ShapeError(`concatColumns: expected ${rows} rows, got [${odd.shape.join(', ')}]`);
      return [rows, inputs.reduce((sum, x) => sum + x.shape[1]!, 0)];
    },
    flops: () => 0,
    lower({ inputs, output }, ctx) {
      let offset = 0;
      for (const x of inputs) {
        const count = sizeOf(x.shape);
        const grid = flatGrid(count);
        ctx.emit({
          label: 'concatColumns',
          shader: copyColumnsShader,
          constants: {
            COUNT: count,
            ROW: grid.row,
            COLUMNS: x.shape[1]!,
            FROM_STRIDE: x.shape[1]!,
            FROM_OFFSET: 0,
            TO_STRIDE: output.shape[1]!,
            TO_OFFSET: offset,
          },
          bindings: [
            { operand: x.operand, access: 'read' },
            { operand: output.operand, access: 'write' },
          ],
          workgroups: grid.workgroups,
        });
        offset += x.shape[1]!;
      }
    },
  },
};
