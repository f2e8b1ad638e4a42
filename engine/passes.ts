/**
 * From a traced procedure to a plan: the list of ops and kernels that must run, in order, after removing what nobody
 * asked for, splitting products whose matrix exceeds a binding, and fusing bias, residual, ReLU and its mask into the
 * kernels before them. Pure: no GPU.
 */
import { UserError } from '../base/errors.js';
import { type OpAttributes, type OpName, ops } from './ops/index.js';
import type { OpRow } from './ops/row.js';
import { type ConstantSource, parameter } from './parameter.js';
import type { Epilogue } from './problem.js';
import { type Shape, sizeOf } from './shape.js';
import type { CustomKernel, OpSource, Procedure, Tensor, Tracer } from './tensor.js';

export interface PlanOp<K extends OpName = OpName> {
  readonly kind: 'op';
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
}

export interface PlanKernel {
  readonly kind: 'custom';
  readonly kernel: CustomKernel;
}

export type PlanStep = PlanOp | PlanKernel;

/** Everything `procedure` must do, in order. */
export function plan(
  procedure: Procedure,
  limits: { readonly maxStorageBufferBindingSize: number },
): PlanStep[] {
  return fuse(
    splitProducts(collect(procedure), limits.maxStorageBufferBindingSize),
    new Set(Object.values(procedure.outputs)),
  );
}

export function inputsOf(step: PlanStep): readonly Tensor[] {
  return step.kind === 'op' ? step.inputs : [...step.kernel.reads, ...step.kernel.writes];
}

export function outputsOf(step: PlanStep): readonly Tensor[] {
  return step.kind === 'op' ? [step.output] : step.kernel.outputs;
}

/** Ops and kernels that an output or a written variable depends on, in the order of tracing (which respects effects). */
function collect(procedure: Procedure): PlanStep[] {
  const steps = new Map<number, PlanStep>();
  const stack: Tensor[] = Object.values(procedure.outputs).slice();
  const take = (id: number, step: PlanStep) => {
    if (steps.has(id)) return;
    steps.set(id, step);
    stack.push(...inputsOf(step));
  };
  for (const kernel of procedure.kernels) {
    if (kernel.writes.length > 0) take(kernel.id, { kind: 'custom', kernel });
  }
  for (let tensor = stack.pop(); tensor; tensor = stack.pop()) {
    const { source } = tensor;
    if (source.kind === 'op') {
      take(tensor.id, {
        kind: 'op',
        op: source.op,
        attributes: source.attributes,
        inputs: source.inputs,
        output: tensor,
      });
    } else if (source.kind === 'custom') {
      take(source.kernel.id, { kind: 'custom', kernel: source.kernel });
    }
  }
  return [...steps].sort(([a], [b]) => a - b).map(([, step]) => step);
}

const plain: Epilogue = { bias: false, residual: false, activation: 'none' };

/**
 * Products with a constant matrix larger than one binding (VGG's first classifier layer: 392 MiB) become products with
 * blocks of its rows: forward the results stand side by side, in the gradient they are summed.
 */
function splitProducts(steps: readonly PlanStep[], limit: number): PlanStep[] {
  return steps.flatMap((step) => {
    if (step.kind !== 'op' || step.op !== 'matmul') return [step];
    const { attributes, inputs, output } = step as PlanOp<'matmul'>;
    const [a, b, bias] = inputs as [Tensor, Tensor, Tensor | undefined];
    if (sizeOf(b.shape) * 4 <= limit) return [step];
    if (b.source.kind !== 'constant' || attributes.transposeA || (bias && bias.source.kind !== 'constant')) {
      throw new UserError(
        `matmul: expected operands of at most ${limit} bytes on this adapter, got ${sizeOf(b.shape) * 4}; only constant matrices are split`,
      );
    }
    const columns = b.shape[1]!;
    const rowsAtOnce = Math.floor(limit / (columns * 4));
    const made: PlanStep[] = [];
    const op = <K extends OpName>(
      name: K,
      attrs: OpAttributes[K],
      operands: readonly Tensor[],
      into?: Tensor,
    ): Tensor => {
      const result = into ?? derived(output.graph, output.procedure, name, attrs, operands);
      made.push({ kind: 'op', op: name, attributes: attrs, inputs: operands, output: result } as PlanOp);
      return result;
    };
    const parts: Tensor[] = [];
    for (let start = 0; start < b.shape[0]!; start += rowsAtOnce) {
      const end = Math.min(start + rowsAtOnce, b.shape[0]!);
      const block = rowsOf(b, start, end);
      if (attributes.transposeB) {
        const operands = bias ? [a, block, rowsOf(bias, start, end)] : [a, block];
        parts.push(op('matmul', attributes, operands));
      } else {
        const slice = op('sliceColumns', { start, end }, [a]);
        const last = end === b.shape[0] && !bias;
        const product = op('matmul', { ...attributes, epilogue: plain }, [slice, block]);
        const previous = parts[0];
        parts[0] = previous ? op('add', {}, [previous, product], last ? output : undefined) : product;
      }
    }
    if (attributes.transposeB) op('concatColumns', {}, parts, output);
    else if (bias) throw new Error('internal: a split gradient product has no bias');
    return made;
  });
}

const blocks = new WeakMap<Tensor, Map<string, Tensor>>();
const blockSources = new WeakMap<ConstantSource, Map<string, ConstantSource>>();

/** Rows start..end of a constant as a constant of its own (a view), the same object every time; its source is that of all graphs. */
function rowsOf(tensor: Tensor, start: number, end: number): Tensor {
  const { source } = tensor;
  if (source.kind !== 'constant') throw new Error('internal: only constants are split');
  const key = `${start}:${end}`;
  const inner = sizeOf(tensor.shape.slice(1));
  const shape = [end - start, ...tensor.shape.slice(1)];
  return memoised(blocks, tensor, key, () => ({
    ...tensor,
    shape,
    source: memoised(blockSources, source, key, () =>
      parameter(`${source.name}[${key}]`, shape, () => source.values().subarray(start * inner, end * inner)),
    ),
  }));
}

function memoised<K extends object, V>(
  memo: WeakMap<K, Map<string, V>>,
  of: K,
  key: string,
  make: () => V,
): V {
  const known = memo.get(of) ?? new Map<string, V>();
  memo.set(of, known);
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** The symbolic result of an op that a pass adds. */
function derived<K extends OpName>(
  graph: Tracer,
  procedure: Procedure | undefined,
  op: K,
  attributes: OpAttributes[K],
  inputs: readonly Tensor[],
): Tensor {
  const shape: Shape = (ops[op] as OpRow<OpAttributes[K]>).shape(attributes, inputs);
  return {
    id: -1,
    shape,
    dtype: 'f32',
    graph,
    procedure,
    source: { kind: 'op', op, attributes, inputs } as OpSource,
  };
}

/** Fuses add, ReLU and the ReLU mask into the op that produces their operand, where nobody else needs the value between. */
function fuse(steps: readonly PlanStep[], outputs: ReadonlySet<Tensor>): PlanStep[] {
  const uses = new Map<Tensor, number>();
  for (const step of steps) for (const input of inputsOf(step)) uses.set(input, (uses.get(input) ?? 0) + 1);
  const result: (PlanStep | undefined)[] = [];
  const producers = new Map<Tensor, number>();
  let lastEffect = -1;

  /** The op that computes `tensor` for this one use only, if it may move here. */
  const soleProducer = (tensor: Tensor): { at: number; step: PlanOp } | undefined => {
    const at = producers.get(tensor);
    const step = at === undefined ? undefined : result[at];
    if (
      at === undefined ||
      step?.kind !== 'op' ||
      uses.get(tensor) !== 1 ||
      outputs.has(tensor) ||
      at < lastEffect
    )
      return undefined;
    return { at, step };
  };

  for (const step of steps) {
    let placed = step;
    if (step.kind === 'op') {
      for (const operand of candidates(step)) {
        const producer = soleProducer(operand);
        const fused = producer && fusePair(producer.step, step, operand);
        if (producer && fused) {
          result[producer.at] = undefined;
          placed = fused;
          break;
        }
      }
    } else if (step.kernel.writes.length > 0) {
      lastEffect = result.length;
    }
    for (const output of outputsOf(placed)) producers.set(output, result.length);
    result.push(placed);
  }
  return result.filter((step) => step !== undefined);
}

/** The operands of a pointwise op whose producer may absorb it; the later one first. */
function candidates(step: PlanOp): readonly Tensor[] {
  const [first, second] = step.inputs as [Tensor, Tensor | undefined];
  if (step.op === 'relu' || step.op === 'reluGradient') return [first];
  if (step.op === 'add') return second!.id >= first.id ? [second!, first] : [first, second!];
  return [];
}

type WithEpilogue =
  | PlanOp<'conv2d'>
  | PlanOp<'conv2dInputGradient'>
  | PlanOp<'matmul'>
  | PlanOp<'batchNormTraining'>;

function hasEpilogue(step: PlanOp): step is WithEpilogue {
  return ['conv2d', 'conv2dInputGradient', 'matmul', 'batchNormTraining'].includes(step.op);
}

function fusePair(producer: PlanOp, consumer: PlanOp, operand: Tensor): PlanOp | undefined {
  const y = consumer.inputs[1];
  if (hasEpilogue(producer)) {
    const { epilogue } = producer.attributes;
    if (epilogue.activation !== 'none') return undefined;
    const extended = (changes: Partial<Epilogue>, extra: readonly Tensor[]): PlanOp =>
      ({
        ...producer,
        attributes: { ...producer.attributes, epilogue: { ...epilogue, ...changes } },
        inputs: [...producer.inputs, ...extra],
        output: consumer.output,
      }) as PlanOp;
    if (consumer.op === 'relu') return extended({ activation: 'relu' }, []);
    if (consumer.op === 'reluGradient')
      return producer.op === 'batchNormTraining' ? undefined : extended({ activation: 'mask' }, [y!]);
    if (consumer.op === 'add' && !epilogue.residual) {
      return extended({ residual: true }, [consumer.inputs[0] === operand ? y! : consumer.inputs[0]!]);
    }
    return undefined;
  }
  if (consumer.op !== 'reluGradient') return undefined;
  if (producer.op === 'maxPool2dGradient' && producer.inputs[1] === y) {
    const attributes = { ...(producer as PlanOp<'maxPool2dGradient'>).attributes, mask: true };
    return { ...producer, attributes, output: consumer.output } as PlanOp;
  }
  if (producer.op === 'adaptiveAvgPool2dGradient') {
    const { attributes } = producer as PlanOp<'adaptiveAvgPool2dGradient'>;
    if (attributes.mask) return undefined;
    return {
      ...producer,
      attributes: { ...attributes, mask: true },
      inputs: [...producer.inputs, y!],
      output: consumer.output,
    } as PlanOp;
  }
  return undefined;
}
