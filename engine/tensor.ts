/** The symbolic values of a graph and where they come from: what the ops table, autodiff and the passes see of one. */
import type { ShaderSource } from '../shaders/source.js';
import type { OpAttributes, OpName } from './ops/attributes.js';
import type { ConstantSource } from './parameter.js';
import type { DType, Shape } from './shape.js';
import type { ShaderConstant } from './template.js';

/** A graph, to those who add to it from below: gradients of ops, folding. Checks shapes as `Graph` does. */
export interface Tracer {
  op<K extends OpName>(op: K, attributes: OpAttributes[K], inputs: readonly Tensor[]): Tensor;
  constant(name: string, shape: Shape, data: Float32Array | (() => Float32Array) | ConstantSource): Tensor;
}

/** A node's value. Compare by identity; `id` rises in creation order. */
export interface Tensor {
  /** Rises in creation order. */
  readonly id: number;
  /** Fixed when it was traced. */
  readonly shape: Shape;
  /** Type of its elements. */
  readonly dtype: DType;
  /** What it is computed from. */
  readonly source: Source;
  /** The graph that it was traced in. */
  readonly graph: Tracer;
  /** The procedure that computes it; undefined for inputs, constants and variables, which all procedures share. */
  readonly procedure: Procedure | undefined;
}

/** A tensor whose buffer persists between runs and which custom kernels may write. */
export interface Variable extends Tensor {
  /** Its name. */
  readonly source: VariableSource;
}

export interface VariableSource {
  readonly kind: 'variable';
  readonly name: string;
}

export type Source =
  | { readonly kind: 'input'; readonly name: string }
  | ConstantSource
  | VariableSource
  | OpSource
  | CustomSource;

export type OpSource = {
  [K in OpName]: {
    readonly kind: 'op';
    readonly op: K;
    readonly attributes: OpAttributes[K];
    readonly inputs: readonly Tensor[];
  };
}[OpName];

export interface CustomSource {
  readonly kind: 'custom';
  readonly kernel: CustomKernel;
  /** Which of the kernel's outputs this tensor is. */
  readonly output: number;
}

/**
 * A compute shader of the caller's own in the graph: binds `reads`, then `writes`, then `outputs`, in this order.
 * Kernels that write a variable keep their place: they run after everything traced before them that touches it and
 * before everything traced later. A kernel whose outputs nobody uses and which writes no variable is dropped.
 * Not differentiated.
 */
export interface CustomKernel {
  readonly label: string;
  readonly shader: ShaderSource;
  readonly constants: Readonly<Record<string, ShaderConstant>>;
  readonly reads: readonly Tensor[];
  readonly writes: readonly Variable[];
  readonly outputs: readonly Tensor[];
  readonly workgroups: readonly [number, number, number];
  /** Creation order among tensors and kernels. */
  readonly id: number;
  readonly procedure: Procedure;
}

/** A part of the graph that runs as a whole, any number of times: its readable outputs and its kernels in order of tracing. */
export interface Procedure {
  /** What `Program.run` names it by. */
  readonly name: string;
  /** What can be read after it ran. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Custom kernels, in order of tracing. */
  readonly kernels: readonly CustomKernel[];
}

/** What these tensors are computed from, themselves among it, in the order of tracing. */
export function tensorsBehind(last: readonly Tensor[]): Tensor[] {
  const seen = new Set(last);
  // A set's loop comes to what is added to it meanwhile.
  for (const { source } of seen) {
    const inputs = source.kind === 'op' ? source.inputs : source.kind === 'custom' ? source.kernel.reads : [];
    for (const input of inputs) seen.add(input);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
