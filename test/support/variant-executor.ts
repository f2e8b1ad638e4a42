/** Runs one kernel variant by itself, under traits of the test's own: lowers it and hands the dispatches to a `Program`. */
import { DeviceConstants } from '../../engine/constants.js';
import type { DeviceTraits, Dispatch, Form, Lowering, Operand, Variant } from '../../engine/dispatch.js';
import { Graph } from '../../engine/graph.js';
import type { LoweredGraph, Placed, Storage } from '../../engine/lowering.js';
import { parameter } from '../../engine/parameter.js';
import { PipelineCache } from '../../engine/pipelines.js';
import type { EpilogueOperands } from '../../engine/problem.js';
import { Program } from '../../engine/program.js';

/** The values that a variant works on, by their operand's name in its `IO`. */
export interface Inputs {
  readonly [name: string]: Float32Array;
}

export interface Execution {
  run(): Promise<void>;
  read(): Promise<Float32Array>;
  readonly dispatches: readonly Dispatch[];
  destroy(): void;
}

/** Every kernel of the process's device, compiled once over all tests. */
const caches = new WeakMap<GPUDevice, PipelineCache>();

/** Lowers `variant` on `problem`, all inputs being constants, compiles, and poisons everything else, what is prepared of the constants included. */
export async function execute<P, IO extends EpilogueOperands & { readonly output: Operand }>(
  device: GPUDevice,
  traits: DeviceTraits,
  variant: Variant<P, IO>,
  problem: P,
  inputs: Inputs,
  outputLength: number,
): Promise<Execution> {
  const operands: Placed[] = [];
  const make = (label: string, bytes: number, storage: Storage, form: Form = 'buffer'): Placed => {
    const operand = { id: operands.length, label, bytes, form, storage };
    operands.push(operand);
    return operand;
  };
  const io: Record<string, Operand> = {};
  for (const [name, data] of Object.entries(inputs))
    io[name] = make(name, data.byteLength, {
      kind: 'constant',
      source: parameter(name, [data.length], data),
    });
  const output = make('output', outputLength * 4, { kind: 'output', name: 'output' });
  io.output = output;

  const preparation: Dispatch[] = [];
  const dispatches: Dispatch[] = [];
  const prepared = new Map<string, Operand>();
  const ctx: Lowering = {
    device: traits,
    scratch: (label, bytes, form) => make(label, bytes, { kind: 'output', name: label }, form),
    prepared(source, key, bytes, build, form) {
      const name = `${source.id}:${key}`;
      let target = prepared.get(name);
      if (!target) {
        // Poisoned too, and so made in every run.
        target = make(key, bytes, { kind: 'output', name: key }, form);
        prepared.set(name, target);
        preparation.push(...build(target));
      }
      return target;
    },
    emit: (dispatch) => void dispatches.push(dispatch),
    pick: (_op, _problem, _variants, fallback) => fallback,
  };
  variant.lower(problem, io as unknown as IO, ctx);

  const pipelines = caches.get(device) ?? new PipelineCache(device);
  caches.set(device, pipelines);
  const handle = new Graph().variable('output', [outputLength]);
  const lowered: LoweredGraph = {
    operands,
    preparation: [],
    procedures: [
      {
        name: 'main',
        dispatches: [...preparation, ...dispatches].map((dispatch) => ({
          ...dispatch,
          op: variant.name,
          flops: 0,
        })),
        once: 0,
        lifetimes: [],
      },
    ],
    operandOf: () => output,
  };
  const guard = async <T>(what: string, work: () => T): Promise<T> => {
    device.pushErrorScope('validation');
    const result = work();
    const error = await device.popErrorScope();
    if (error) throw new Error(`${variant.name}: ${what}: ${error.message}`);
    return result;
  };
  const program = await Program.create(
    { device, pipelines, constants: new DeviceConstants(), check: () => {}, guard, forget: () => {} },
    lowered,
  );
  program.poison();
  return {
    dispatches,
    run: () => program.run(['main', 1]),
    read: () => program.read(handle),
    destroy: () => program.destroy(),
  };
}
