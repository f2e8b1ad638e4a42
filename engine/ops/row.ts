/** The form of a row of the ops table: everything the engine, its tests and its benchmarks need to know of an op. */

import type { ShaderSource } from '../../shaders/source.js';
import { type Dispatch, flatGrid, type Lowering, type Operand } from '../dispatch.js';
import type { Epilogue, EpilogueOperands } from '../problem.js';
import { type Shape, ShapeError, sizeOf } from '../shape.js';
import type { ShaderConstant } from '../template.js';
import type { Tensor, Tracer } from '../tensor.js';

export interface LoweredTensor {
  readonly operand: Operand;
  readonly shape: Shape;
}

export interface LoweredOp<A> {
  readonly attributes: A;
  readonly inputs: readonly LoweredTensor[];
  readonly output: LoweredTensor;
}

export interface GradientContext<A> {
  readonly graph: Tracer;
  readonly attributes: A;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** Shape of the output. */
  readonly cotangent: Tensor;
}

/** The cotangent of one input, made only when asked for. */
export type LazyGradient = () => Tensor;

export interface OpRow<A> {
  /** Shape of the result. Throws a ShapeError: expected, got, which operand. */
  shape(attributes: A, inputs: readonly Tensor[]): Shape;
  /** Per input: its cotangent, or undefined where the op is not differentiable in it. Absent: in none. */
  gradient?(context: GradientContext<A>): readonly (LazyGradient | undefined)[];
  /** Floating-point operations (a multiply-add counts 2); data movement alone counts 0. */
  flops(attributes: A, inputs: readonly Shape[], output: Shape): number;
  /** Operands that are positive, by number: what tries the op out with made-up values must know. */
  readonly positive?: readonly number[];
  /** Operands, by number, that are computed from others, whose gradient holds what flows through them: no path of its own leads there. */
  readonly implied?: readonly number[];
  /**
   * The operand, by number, in whose memory the result may stand where nothing reads it afterwards: each of its values is read once, by what writes the result's value in its
   * place.
   */
  overwrites?(attributes: A): number | undefined;
  /** Emits the dispatches. */
  lower(op: LoweredOp<A>, ctx: Lowering): void;
}

/** One invocation per output element over `inputs` (in order) and the output: the form of all simple kernels. */
export function emitFlat(
  ctx: Lowering,
  label: string,
  shader: ShaderSource,
  inputs: readonly Operand[],
  output: Operand,
  count: number,
  constants: Readonly<Record<string, ShaderConstant>>,
): void {
  const grid = flatGrid(count);
  const dispatch: Dispatch = {
    label,
    shader,
    constants: { ...constants, COUNT: count, ROW: grid.row },
    bindings: [
      ...inputs.map((operand) => ({ operand, access: 'read' as const })),
      { operand: output, access: 'write' as const },
    ],
    workgroups: grid.workgroups,
  };
  ctx.emit(dispatch);
}

/** The channels (axis 1) of x. */
export function channelsOf(op: string, x: Tensor | undefined): number {
  if (!x || x.shape.length < 2)
    throw new ShapeError(`${op}: expected x [n, c, ...], got ${x ? `[${x.shape.join(', ')}]` : 'none'}`);
  return x.shape[1]!;
}

/** Elements of one channel of one image. */
export function innerExtent(shape: Shape): number {
  return sizeOf(shape.slice(2));
}

/** A constant [channels] of one value. */
export function filled(graph: Tracer, channels: number, value: number): Tensor {
  return graph.constant(`${value}`, [channels], new Float32Array(channels).fill(value));
}

/** The epilogue of an op as it is traced: the passes fuse the rest. */
export function plainEpilogue(bias: boolean): Epilogue {
  return { bias, residual: false, activation: 'none' };
}

/** The number of the residual of a fused epilogue, whose operands follow an op's own `first` inputs. */
export function residualOf({ bias, residual }: Epilogue, first: number): number | undefined {
  return residual ? first + Number(bias) : undefined;
}

/** The operands of a fused epilogue, which follow an op's own `first` inputs in the order bias, residual, mask. */
export function epilogueOperands(
  epilogue: Epilogue,
  inputs: readonly LoweredTensor[],
  first: number,
): EpilogueOperands {
  let at = first;
  return {
    ...(epilogue.bias ? { bias: inputs[at++]!.operand } : {}),
    ...(epilogue.residual ? { residual: inputs[at++]!.operand } : {}),
    ...(epilogue.activation === 'mask' ? { mask: inputs[at++]!.operand } : {}),
  };
}

/** Checks the inputs that an epilogue adds. */
export function checkEpilogue(
  op: string,
  epilogue: Epilogue,
  inputs: readonly Tensor[],
  first: number,
  output: Shape,
  channels: number,
): void {
  let at = first;
  if (epilogue.bias) expectShape(op, 'bias', inputs[at++], [channels]);
  if (epilogue.residual) expectShape(op, 'residual', inputs[at++], output);
  if (epilogue.activation === 'mask') expectShape(op, 'mask', inputs[at++], output);
  if (inputs.length !== at) throw new ShapeError(`${op}: expected ${at} operands, got ${inputs.length}`);
}

export function expectShape(op: string, what: string, tensor: Tensor | undefined, expected: Shape): void {
  const got = tensor?.shape;
  if (!got || got.length !== expected.length || got.some((extent, axis) => extent !== expected[axis])) {
    throw new ShapeError(
      `${op}: expected ${what} [${expected.join(', ')}], got ${got ? `[${got.join(', ')}]` : 'none'}`,
    );
  }
}

export function expectRank(
  op: string,
  what: string,
  tensor: Tensor | undefined,
  rank: number,
  axes: string,
): void {
  if (tensor?.shape.length !== rank) {
    throw new ShapeError(
      `${op}: expected ${what} [${axes}], got ${tensor ? `[${tensor.shape.join(', ')}]` : 'none'}`,
    );
  }
}

export function expectDType(op: string, what: string, tensor: Tensor, dtype: 'f32' | 'u32'): void {
  if (tensor.dtype !== dtype)
    throw new ShapeError(`${op}: expected ${what} of type ${dtype}, got ${tensor.dtype}`);
}
