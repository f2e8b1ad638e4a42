/**
 * Reverse-mode differentiation of the static graph. Walks only nodes that lie between the targets and the output, so no
 * gradient is traced that nobody asked for; cotangents of a tensor used more than once are summed in a fixed order.
 */
import type { OpName } from './ops/attributes.js';
import { ops } from './ops/index.js';
import type { GradientContext, LazyGradient, OpRow } from './ops/row.js';
import { ShapeError, sizeOf } from './shape.js';
import type { Tensor, Tracer } from './tensor.js';

/**
 * The vector-Jacobian product of `output` towards each of `targets`.
 * @param targets any tensors: inputs, constants, variables or intermediate values of the procedure being traced
 * @param cotangent shape of `output`; default all ones (so the gradient of its sum, which for independent rows is one gradient per row)
 * @returns per target a tensor of its shape; zeros where the output does not depend on it
 * @throws ShapeError where the path crosses something that is not differentiable
 */
export function gradients(output: Tensor, targets: readonly Tensor[], cotangent?: Tensor): Tensor[] {
  const { graph } = output;
  const between = dependents(output, new Set(targets));
  const pending = new Map<Tensor, Tensor[]>();
  const seed =
    cotangent ?? graph.constant('ones', output.shape, new Float32Array(sizeOf(output.shape)).fill(1));
  if (seed.shape.join() !== output.shape.join()) {
    throw new ShapeError(
      `gradients: expected a cotangent [${output.shape.join(', ')}], got [${seed.shape.join(', ')}]`,
    );
  }
  pending.set(output, [seed]);
  const summed = new Map<Tensor, Tensor>();
  const order = [...between].sort((a, b) => b.id - a.id);
  for (const tensor of order) {
    const parts = pending.get(tensor);
    if (!parts) continue;
    const total = parts.reduce((sum, part) => graph.op('add', {}, [sum, part]));
    summed.set(tensor, total);
    propagate(tensor, total, between, pending);
  }
  return targets.map(
    (target) =>
      summed.get(target) ?? graph.constant('zeros', target.shape, new Float32Array(sizeOf(target.shape))),
  );
}

/** The tensors on a path from `targets` to `output`, both included. */
function dependents(output: Tensor, targets: ReadonlySet<Tensor>): Set<Tensor> {
  const known = new Map<Tensor, boolean>();
  const stack: Tensor[] = [output];
  while (stack.length > 0) {
    const tensor = stack[stack.length - 1]!;
    const inputs = operandsOf(tensor);
    const open = inputs.filter((input) => !known.has(input));
    if (open.length > 0 && !known.has(tensor)) {
      stack.push(...open);
      continue;
    }
    known.set(tensor, targets.has(tensor) || inputs.some((input) => known.get(input)));
    stack.pop();
  }
  return new Set([...known].filter(([, reached]) => reached).map(([tensor]) => tensor));
}

function operandsOf(tensor: Tensor): readonly Tensor[] {
  const { source } = tensor;
  if (source.kind === 'op') {
    const { implied = [] } = ops[source.op] as OpRow<never>;
    return source.inputs.filter((_, i) => !implied.includes(i));
  }
  // A custom kernel is a barrier: what it reads is visible here only to refuse a path through it.
  return source.kind === 'custom' ? source.kernel.reads : [];
}

function propagate(
  tensor: Tensor,
  cotangent: Tensor,
  between: ReadonlySet<Tensor>,
  pending: Map<Tensor, Tensor[]>,
): void {
  const { source } = tensor;
  if (!operandsOf(tensor).some((input) => between.has(input))) return;
  if (source.kind !== 'op')
    throw new ShapeError('gradients: expected differentiable ops on the path, got a custom kernel');
  const thunks = lazyGradients(source.op, tensor.graph, tensor, cotangent);
  const { implied = [] } = ops[source.op] as OpRow<never>;
  for (const [i, input] of source.inputs.entries()) {
    if (!between.has(input) || implied.includes(i)) continue;
    const thunk = thunks[i];
    if (!thunk) throw new ShapeError(`gradients: ${source.op} is not differentiable in its operand ${i}`);
    const parts = pending.get(input) ?? [];
    parts.push(thunk());
    pending.set(input, parts);
  }
}

function lazyGradients(
  op: OpName,
  graph: Tracer,
  output: Tensor,
  cotangent: Tensor,
): readonly (LazyGradient | undefined)[] {
  const { source } = output;
  if (source.kind !== 'op') return [];
  const rule = ops[op].gradient as
    | ((context: GradientContext<unknown>) => readonly (LazyGradient | undefined)[])
    | undefined;
  if (!rule) throw new ShapeError(`gradients: ${op} has no gradient`);
  return rule({ graph, attributes: source.attributes, inputs: source.inputs, output, cotangent });
}
