/** The reference variants: one invocation per output element, every shape, every adapter. Slow, and what all others are tested against. */
import conv2dInputGradientNaiveText from '../../shaders/conv2d_input_gradient_naive.wgsl';
import conv2dNaiveText from '../../shaders/conv2d_naive.wgsl';
import conv2dWeightGradientText from '../../shaders/conv2d_weight_gradient.wgsl';
import matmulNaiveText from '../../shaders/matmul_naive.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { type Binding, flatGrid, type Operand, type Variant } from '../dispatch.js';
import type {
  ConvInputGradientIO,
  ConvInputGradientProblem,
  ConvIO,
  ConvProblem,
  ConvWeightGradientIO,
  ConvWeightGradientProblem,
  Epilogue,
  EpilogueOperands,
  MatmulIO,
  MatmulProblem,
} from '../problem.js';

const conv2dInputGradientNaiveShader = shaderSource(
  'conv2d_input_gradient_naive',
  conv2dInputGradientNaiveText,
);
const conv2dNaiveShader = shaderSource('conv2d_naive', conv2dNaiveText);
const conv2dWeightGradientShader = shaderSource('conv2d_weight_gradient', conv2dWeightGradientText);
const matmulNaiveShader = shaderSource('matmul_naive', matmulNaiveText);

/**
 * Bindings and constants of an epilogue whose operands follow `bindings`; shaders read the binding numbers B_BIAS, B_RESIDUAL, B_MASK. A residual that the dispatch overwrites
 * is not bound again.
 */
export function bindEpilogue(bindings: Binding[], epilogue: Epilogue, operands: EpilogueOperands) {
  const bind = (operand: Operand | undefined) => {
    if (!operand) return 0;
    bindings.push({ operand, access: 'read' });
    return bindings.length - 1;
  };
  const inPlace =
    epilogue.residual &&
    bindings.some(({ operand, access }) => access === 'write' && operand === operands.residual);
  return {
    BIAS: epilogue.bias,
    RESIDUAL: epilogue.residual,
    IN_PLACE: inPlace,
    RELU: epilogue.activation === 'relu',
    MASK: epilogue.activation === 'mask',
    B_BIAS: bind(operands.bias),
    B_RESIDUAL: bind(inPlace ? undefined : operands.residual),
    B_MASK: bind(operands.mask),
  };
}

/** Bindings of a product: its operands, its output, and what the epilogue reads behind them; and the constants that tell the shader of them. */
export function bindProduct(
  reads: readonly Operand[],
  output: Operand,
  epilogue: Epilogue,
  operands: EpilogueOperands,
) {
  const bindings: Binding[] = [
    ...reads.map((operand): Binding => ({ operand, access: 'read' })),
    { operand: output, access: 'write' },
  ];
  return { constants: bindEpilogue(bindings, epilogue, operands), bindings };
}

/** A convolution's extents under the names that the shaders read. */
export function geometry(problem: ConvWeightGradientProblem) {
  return {
    CI: problem.inChannels,
    H: problem.inHeight,
    W: problem.inWidth,
    CO: problem.outChannels,
    OH: problem.outHeight,
    OW: problem.outWidth,
    KH: problem.kernel[0],
    KW: problem.kernel[1],
    SH: problem.stride[0],
    SW: problem.stride[1],
    PH: problem.padding[0],
    PW: problem.padding[1],
  };
}

export const naiveConv: Variant<ConvProblem, ConvIO> = {
  name: 'naive',
  supports: () => true,
  lower(problem, io, ctx) {
    const count = problem.batch * problem.outChannels * problem.outHeight * problem.outWidth;
    const grid = flatGrid(count);
    const { bindings, constants } = bindProduct([io.input, io.weight], io.output, problem.epilogue, io);
    ctx.emit({
      label: 'conv2d/naive',
      shader: conv2dNaiveShader,
      constants: {
        ...geometry(problem),
        ...constants,
        COUNT: count,
        ROW: grid.row,
        FLIPPED: problem.weightLayout === 'flipped',
      },
      bindings,
      workgroups: grid.workgroups,
    });
  },
};

export const naiveConvInputGradient: Variant<ConvInputGradientProblem, ConvInputGradientIO> = {
  name: 'naive',
  supports: () => true,
  lower(problem, io, ctx) {
    const count = problem.batch * problem.inChannels * problem.inHeight * problem.inWidth;
    const grid = flatGrid(count);
    const { bindings, constants } = bindProduct([io.input, io.weight], io.output, problem.epilogue, io);
    ctx.emit({
      label: 'conv2dInputGradient/naive',
      shader: conv2dInputGradientNaiveShader,
      constants: { ...geometry(problem), ...constants, COUNT: count, ROW: grid.row },
      bindings,
      workgroups: grid.workgroups,
    });
  },
};

export const naiveMatmul: Variant<MatmulProblem, MatmulIO> = {
  name: 'naive',
  supports: () => true,
  lower(problem, io, ctx) {
    const count = problem.m * problem.n;
    const grid = flatGrid(count);
    const { bindings, constants } = bindProduct([io.a, io.b], io.output, problem.epilogue, io);
    ctx.emit({
      label: 'matmul/naive',
      shader: matmulNaiveShader,
      constants: {
        ...constants,
        COUNT: count,
        ROW: grid.row,
        M: problem.m,
        N: problem.n,
        K: problem.k,
        TRANSPOSE_A: problem.transposeA,
        TRANSPOSE_B: problem.transposeB,
      },
      bindings,
      workgroups: grid.workgroups,
    });
  },
};

export const naiveConvWeightGradient: Variant<ConvWeightGradientProblem, ConvWeightGradientIO> = {
  name: 'naive',
  supports: () => true,
  lower(problem, io, ctx) {
    ctx.emit({
      label: 'conv2dWeightGradient/naive',
      shader: conv2dWeightGradientShader,
      constants: { ...geometry(problem), BATCH: problem.batch },
      bindings: [
        { operand: io.x, access: 'read' },
        { operand: io.dy, access: 'read' },
        { operand: io.output, access: 'write' },
      ],
      workgroups: [problem.inChannels, problem.outChannels, 1],
    });
  },
};
