/**
 * The epilogue of the soft_*.wgsl kernels: flags of their shape, not constants, since every form of a kernel is compiled anew; and the bindings in the
 * order that they declare: bias, residual, mask.
 */
import type { Binding, Operand } from '../dispatch.js';
import type { Epilogue, EpilogueOperands } from '../problem.js';

type Operands = EpilogueOperands & { readonly output: Operand };

/** Does the residual stand in the output? */
const inPlace = ({ residual, output }: Operands) => residual === output;

export function epilogueShape(epilogue: Epilogue, operands: Operands) {
  return {
    HAS_BIAS: Number(epilogue.bias),
    HAS_RESIDUAL: Number(epilogue.residual && !inPlace(operands)),
    IN_PLACE: Number(epilogue.residual && inPlace(operands)),
    HAS_RELU: Number(epilogue.activation === 'relu'),
    HAS_MASK: Number(epilogue.activation === 'mask'),
  };
}

/**
 * @param spare any buffer that the dispatch reads: bound where the epilogue has nothing
 * @param bind how residual and mask are bound
 */
export function epilogueBindings(
  epilogue: Epilogue,
  operands: Operands,
  spare: Operand,
  bind = (operand: Operand): Binding => ({ operand, access: 'read' }),
): Binding[] {
  const binding = (used: boolean, operand: Operand | undefined, name: string): Binding => {
    // A vec4: what the kernels declare at most. Buffers are that large at least.
    if (!used) return { operand: spare, access: 'read', size: 16 };
    if (!operand)
      throw new Error(`internal: the epilogue names a ${name}, expected an operand for it, got none`);
    return name === 'bias' ? { operand, access: 'read' } : bind(operand);
  };
  return [
    binding(epilogue.bias, operands.bias, 'bias'),
    binding(epilogue.residual && !inPlace(operands), operands.residual, 'residual'),
    binding(epilogue.activation === 'mask', operands.mask, 'mask'),
  ];
}
