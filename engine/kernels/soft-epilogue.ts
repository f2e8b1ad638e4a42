/**
 * The epilogue of the soft_*.wgsl kernels: flags of their shape, not constants, since every form of a kernel is compiled anew; and the bindings in the
 * order that they declare: bias, residual, mask.
 */
import type { Binding, Epilogue, EpilogueOperands, Operand } from '../kernel';

export function epilogueShape(epilogue: Epilogue) {
  return {
    HAS_BIAS: Number(epilogue.bias),
    HAS_RESIDUAL: Number(epilogue.residual),
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
  operands: EpilogueOperands,
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
    binding(epilogue.residual, operands.residual, 'residual'),
    binding(epilogue.activation === 'mask', operands.mask, 'mask'),
  ];
}
