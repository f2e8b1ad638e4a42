/** The epilogue's constants and bindings, in the order that the soft_*.wgsl kernels declare them: bias, residual, mask. */
import type { Binding, Epilogue, EpilogueOperands, Operand } from '../kernel';

export function epilogueConstants(epilogue: Epilogue) {
  return {
    BIAS: epilogue.bias,
    RESIDUAL: epilogue.residual,
    RELU: epilogue.activation === 'relu',
    MASK: epilogue.activation === 'mask',
  };
}

export function epilogueBindings(epilogue: Epilogue, operands: EpilogueOperands): Binding[] {
  const wanted: [boolean, Operand | undefined, string][] = [
    [epilogue.bias, operands.bias, 'bias'],
    [epilogue.residual, operands.residual, 'residual'],
    [epilogue.activation === 'mask', operands.mask, 'mask'],
  ];
  const bindings: Binding[] = [];
  for (const [used, operand, name] of wanted) {
    if (!used) continue;
    if (!operand)
      throw new Error(`internal: the epilogue names a ${name}, expected an operand for it, got none`);
    bindings.push({ operand, access: 'read' });
  }
  return bindings;
}
