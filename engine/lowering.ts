/**
 * From plans to dispatches over operands: every procedure of a graph becomes a flat list that is replayed as it stands.
 * Constants, prepared weights, inputs, variables and outputs get operands of their own; all else is temporary and is laid out by
 * memory.ts. Pure: no GPU.
 */
import { KernelError, UserError } from '../base/errors.js';
import {
  type DeviceTraits,
  type Dispatch,
  type Form,
  type Lowering,
  MAX_BUFFERS,
  type Operand,
  type Variant,
} from './dispatch.js';
import type { Graph } from './graph.js';
import type { Lifetime } from './memory.js';
import { ops } from './ops/index.js';
import type { LoweredOp, OpRow } from './ops/row.js';
import type { ConstantSource } from './parameter.js';
import { inputsOf, outputsOf, type PlanOp, type PlanStep, plan } from './passes.js';
import { sizeOf } from './shape.js';
import type { Procedure, Tensor } from './tensor.js';

export type Storage =
  | { readonly kind: 'constant'; readonly source: ConstantSource }
  /** What `key` says is made of the source: the same in every program. */
  | { readonly kind: 'prepared'; readonly source: ConstantSource; readonly key: string }
  | { readonly kind: 'input' | 'variable' | 'output'; readonly name: string }
  | { readonly kind: 'temporary' };

/** An operand and where it lives. */
export interface Placed extends Operand {
  readonly storage: Storage;
}

export interface LoweredDispatch extends Dispatch {
  /** The op of the table, or `custom`. */
  readonly op: string;
  /** Floating-point operations of the op, on the last of its dispatches; 0 on the others. */
  readonly flops: number;
}

export interface LoweredProcedure {
  readonly name: string;
  readonly dispatches: readonly LoweredDispatch[];
  /** The first so many run once however often the procedure is repeated in a run: they prepare inputs and variables that no kernel of it writes. */
  readonly once: number;
  /** Of the temporaries, in dispatch numbers. */
  readonly lifetimes: readonly Lifetime[];
}

/** What writes all of `target`, whose storage is `prepared`, from a constant. */
export interface Preparation {
  readonly source: Placed;
  readonly target: Placed;
  readonly dispatches: readonly Dispatch[];
}

export interface LoweredGraph {
  readonly operands: readonly Placed[];
  /** Transforms of constants, each run where the device does not have its target yet. */
  readonly preparation: readonly Preparation[];
  readonly procedures: readonly LoweredProcedure[];
  /** The operand of an input, variable, constant or procedure output. */
  operandOf(tensor: Tensor): Placed | undefined;
}

/** Chooses among an op's variants; undefined leaves the built-in choice. */
export type VariantChoice = <P, IO>(
  op: string,
  problem: P,
  variants: readonly Variant<P, IO>[],
  device: DeviceTraits,
) => Variant<P, IO> | undefined;

export function lowerGraph(graph: Graph, device: DeviceTraits, choose: VariantChoice): LoweredGraph {
  const lowerer = new Lowerer(device, choose);
  const procedures = [...graph.procedures.values()].map((procedure) => lowerer.procedure(procedure));
  return {
    operands: lowerer.operands,
    preparation: lowerer.preparation,
    procedures,
    operandOf: (tensor) => lowerer.known(tensor),
  };
}

class Lowerer {
  readonly operands: Placed[] = [];
  readonly preparation: Preparation[] = [];
  readonly #ofTensor = new Map<Tensor, Placed>();
  readonly #prepared = new Map<string, Placed>();
  /** Prepared copies of inputs and variables as they stand now, in the procedure being lowered: by operand and key. */
  readonly #copies = new Map<number, Map<string, Placed>>();
  /** The variables that kernels of the procedure being lowered write. */
  #written: ReadonlySet<string> = new Set();
  /** What runs once, of the procedure being lowered, and what it leaves for all of it. */
  readonly #once: { dispatches: LoweredDispatch[]; targets: Set<number> } = {
    dispatches: [],
    targets: new Set(),
  };

  constructor(
    readonly device: DeviceTraits,
    readonly choose: VariantChoice,
  ) {}

  procedure(procedure: Procedure): LoweredProcedure {
    const steps = plan(procedure, this.device.limits);
    const outputs = new Set(Object.values(procedure.outputs).map(aliasRoot));
    const lastReads = new Map<Tensor, PlanStep>();
    for (const step of steps) for (const input of inputsOf(step)) lastReads.set(aliasRoot(input), step);
    const repeated: LoweredDispatch[] = [];
    this.#copies.clear();
    this.#once.dispatches = [];
    this.#once.targets.clear();
    this.#written = new Set(
      steps.flatMap((step) =>
        step.kind === 'custom' ? step.kernel.writes.map(({ source }) => source.name) : [],
      ),
    );
    for (const step of steps) {
      // A reshape shares its source's memory.
      if (step.kind === 'op' && step.op === 'reshape' && aliasRoot(step.output) !== step.output) continue;
      for (const input of inputsOf(step)) this.#place(input, outputs);
      if (step.kind === 'op') this.#overwrite(step, outputs, lastReads);
      for (const output of outputsOf(step)) this.#place(output, outputs);
      repeated.push(...this.#lowerStep(step));
    }
    for (const output of Object.values(procedure.outputs))
      this.#ofTensor.set(output, this.#place(output, outputs));
    const { dispatches: once, targets } = this.#once;
    const dispatches = [...once, ...repeated];
    for (const dispatch of dispatches) expectBuffers(dispatch, this.device);
    return {
      name: procedure.name,
      dispatches,
      once: once.length,
      lifetimes: lifetimesOf(dispatches, this.operands, targets),
    };
  }

  known(tensor: Tensor): Placed | undefined {
    return this.#ofTensor.get(tensor) ?? this.#ofTensor.get(aliasRoot(tensor));
  }

  /** Places the step's result in the memory of the operand that its op overwrites, if nothing else needs that. */
  #overwrite(step: PlanOp, outputs: ReadonlySet<Tensor>, lastReads: ReadonlyMap<Tensor, PlanStep>): void {
    const { inputs, output } = step;
    const at = (ops[step.op] as OpRow<unknown>).overwrites?.(step.attributes);
    if (at === undefined || outputs.has(aliasRoot(output))) return;
    const overwritten = aliasRoot(inputs[at]!);
    const operand = this.#ofTensor.get(overwritten)!;
    const readTwice = inputs.filter((input) => this.#ofTensor.get(aliasRoot(input)) === operand).length > 1;
    const dies = lastReads.get(overwritten) === step;
    if (operand.storage.kind === 'temporary' && dies && !readTwice)
      this.#ofTensor.set(aliasRoot(output), operand);
  }

  #place(tensor: Tensor, outputs: ReadonlySet<Tensor>): Placed {
    const root = aliasRoot(tensor);
    const found = this.#ofTensor.get(root);
    if (found) return found;
    const { source } = root;
    const operand = this.#operand(
      source.kind === 'op' ? source.op : source.kind === 'custom' ? source.kernel.label : source.name,
      sizeOf(root.shape) * 4,
      source.kind === 'constant'
        ? { kind: 'constant', source }
        : source.kind === 'input' || source.kind === 'variable'
          ? { kind: source.kind, name: source.name }
          : outputs.has(root)
            ? { kind: 'output', name: source.kind }
            : { kind: 'temporary' },
    );
    this.#ofTensor.set(root, operand);
    return operand;
  }

  #operand(label: string, bytes: number, storage: Storage, form: Form = 'buffer'): Placed {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.device.limits;
    const bound = form === 'buffer' && storage.kind !== 'prepared';
    if (bound && bytes > Math.min(maxStorageBufferBindingSize, maxBufferSize)) {
      throw new UserError(
        `${label}: expected at most ${maxStorageBufferBindingSize} bytes in one tensor on this adapter, got ${bytes}; lower the batch`,
      );
    }
    const operand = { id: this.operands.length, label, bytes, form, storage };
    this.operands.push(operand);
    return operand;
  }

  #lowerStep(step: PlanStep): LoweredDispatch[] {
    if (step.kind === 'custom') {
      const { kernel } = step;
      const bind = (access: 'read' | 'write') => (tensor: Tensor) => ({
        operand: this.#ofTensor.get(aliasRoot(tensor))!,
        access,
      });
      const bindings = [
        ...kernel.reads.map(bind('read')),
        ...kernel.writes.map(bind('write')),
        ...kernel.outputs.map(bind('write')),
      ];
      // What was prepared of them is old from here on.
      for (const { operand } of kernel.writes.map(bind('write'))) this.#copies.delete(operand.id);
      const { label, shader, constants, workgroups } = kernel;
      return [{ label, shader, constants, workgroups, bindings, op: 'custom', flops: 0 }];
    }
    const lowered: LoweredOp<unknown> = {
      attributes: step.attributes,
      inputs: step.inputs.map((input) => ({
        operand: this.#ofTensor.get(aliasRoot(input))!,
        shape: input.shape,
      })),
      output: { operand: this.#ofTensor.get(aliasRoot(step.output))!, shape: step.output.shape },
    };
    const row = ops[step.op] as OpRow<unknown>;
    const emitted: Dispatch[] = [];
    row.lower(lowered, this.#context(step.op, emitted));
    const flops = row.flops(
      step.attributes,
      lowered.inputs.map((input) => input.shape),
      lowered.output.shape,
    );
    return emitted.map((dispatch, i) => ({
      ...dispatch,
      op: step.op,
      flops: i === emitted.length - 1 ? flops : 0,
    }));
  }

  #context(op: string, emitted: Dispatch[]): Lowering {
    return {
      device: this.device,
      scratch: (label, bytes, form) => this.#operand(label, bytes, { kind: 'temporary' }, form),
      emit: (dispatch) => void emitted.push(dispatch),
      prepared: (source, key, bytes, build, form) => {
        const { storage } = source as Placed;
        if (storage.kind !== 'constant') {
          const copies = this.#copies.get(source.id) ?? new Map<string, Placed>();
          const copied = copies.get(key);
          if (copied) return copied;
          const target = this.#operand(key, bytes, { kind: 'temporary' }, form);
          const dispatches = build(target);
          const keeps = storage.kind === 'variable' || storage.kind === 'input';
          if (keeps && !this.#written.has(storage.name)) {
            this.#once.dispatches.push(...dispatches.map((dispatch) => ({ ...dispatch, op, flops: 0 })));
            this.#once.targets.add(target.id);
          } else emitted.push(...dispatches);
          // A temporary's memory may hold another value later in the procedure.
          if (keeps) this.#copies.set(source.id, copies.set(key, target));
          return target;
        }
        const name = `${source.id}:${key}`;
        const shared = this.#prepared.get(name);
        if (shared) return shared;
        const content = { kind: 'prepared' as const, source: storage.source, key };
        const target = this.#operand(key, bytes, content, form);
        const dispatches = build(target);
        content.key = contentOf(key, bytes, form, dispatches);
        this.#prepared.set(name, target);
        this.preparation.push({ source: source as Placed, target, dispatches });
        return target;
      },
      pick: (name, problem, variants, fallback) =>
        this.choose(name, problem, variants, this.device) ?? fallback,
    };
  }
}

/** The tensor whose memory `tensor` shares: itself, or what a chain of reshapes starts from. A variable changes, so a reshape of one is a copy. */
function aliasRoot(tensor: Tensor): Tensor {
  let root = tensor;
  while (root.source.kind === 'op' && root.source.op === 'reshape') {
    const [from] = root.source.inputs as [Tensor];
    if (from.source.kind === 'variable') break;
    root = from;
  }
  return root;
}

/** Everything that a prepared copy's values depend on beside its source, since programs that chose differently share it. */
function contentOf(
  key: string,
  bytes: number,
  form: Form | undefined,
  dispatches: readonly Dispatch[],
): string {
  const steps = dispatches.map(({ shader, constants, shape, workgroups }) => [
    shader.name,
    constants,
    shape,
    workgroups,
  ]);
  return JSON.stringify([key, bytes, form, steps]);
}

/** A device refuses it too, but names no op. */
function expectBuffers({ label, bindings }: Dispatch, { limits }: DeviceTraits): void {
  const most = limits.maxStorageBuffersPerShaderStage ?? MAX_BUFFERS;
  const buffers = bindings.filter(({ operand }) => operand.form === 'buffer').length;
  if (buffers <= most) return;
  throw new KernelError(
    `${label}: expected at most ${most} storage buffers bound to one kernel on this adapter, got ${buffers}; pack some into one`,
  );
}

/** @param kept what stays to the end, since the procedure may be repeated */
function lifetimesOf(
  dispatches: readonly Dispatch[],
  operands: readonly Placed[],
  kept: ReadonlySet<number>,
): Lifetime[] {
  const spans = new Map<number, { first: number; last: number }>();
  for (const [at, dispatch] of dispatches.entries()) {
    for (const { operand } of dispatch.bindings) {
      const span = spans.get(operand.id);
      if (span) span.last = Math.max(span.last, at);
      else spans.set(operand.id, { first: at, last: kept.has(operand.id) ? dispatches.length - 1 : at });
    }
  }
  return [...spans]
    .filter(([id]) => operands[id]!.storage.kind === 'temporary')
    .map(([id, span]) => ({ id, bytes: operands[id]!.bytes, ...span }));
}
