/**
 * A compiled graph on the device: buffers, pipelines and bind groups made once, procedures replayed any number of times in one
 * submission. Nothing is read back unless `read` is called.
 */
import { dispose } from '../base/disposable.js';
import { UserError } from '../base/errors.js';
import type { DeviceConstants } from './constants.js';
import type { Dispatch } from './dispatch.js';
import type { LoweredDispatch, LoweredGraph } from './lowering.js';
import { accessOf, type PipelineCache } from './pipelines.js';
import { type MemoryUse, Resources } from './resources.js';
import { ShapeError, sizeOf } from './shape.js';
import { ShapeBlocks } from './shape-blocks.js';
import type { Tensor } from './tensor.js';

/** A procedure's name and how often it runs, one after the other. */
export type Step = readonly [procedure: string, times: number];

/** Time of one dispatch of a profiled run. */
export interface ProfileRow {
  /** The kernel and what it computes. */
  readonly label: string;
  /** The op that it belongs to. */
  readonly op: string;
  /** Floating-point operations that the op takes, a multiply-add counted as two. */
  readonly flops: number;
  /** Nanoseconds since the first dispatch began, and taken. */
  readonly start: number;
  /** Nanoseconds that it took. */
  readonly duration: number;
}

/** What a program needs of its engine. */
export interface Host {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly constants: DeviceConstants;
  /** Throws the engine's stored error (lost device, uncaptured error), if any. */
  check(): void;
  /** Runs `work` at once, inside error scopes that hold nothing else, and throws what they caught. What `work` starts and awaits is outside. */
  guard<T>(what: string, work: () => T): Promise<T>;
  /** Called once by a program that is destroyed: nothing of it may stay alive by its engine. */
  forget(program: Program): void;
}

/** Passes timed in one submission: a query set holds at most 4096 queries. */
const MOST_TIMED = 2048;

interface Bound {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly shape: GPUBindGroup | undefined;
  readonly dispatch: LoweredDispatch;
}

/** A procedure as it is replayed; the first `once` dispatches are not repeated. */
interface Replay {
  readonly dispatches: readonly Bound[];
  readonly once: number;
}

/** A bound dispatch that runs once, on constants. */
type BoundPreparation = Omit<Bound, 'dispatch'> & { readonly dispatch: Dispatch };

/** A compiled graph (`Engine.compile`): write its inputs, run its procedures, read what they left. */
export class Program {
  readonly #host: Host;
  #lowered: LoweredGraph;
  readonly #resources: Resources;
  readonly #shapes: ShapeBlocks;
  readonly #procedures: Map<string, Replay>;
  #destroyed = false;

  private constructor(
    host: Host,
    lowered: LoweredGraph,
    resources: Resources,
    shapes: ShapeBlocks,
    procedures: Map<string, Replay>,
  ) {
    this.#host = host;
    this.#lowered = lowered;
    this.#resources = resources;
    this.#shapes = shapes;
    this.#procedures = procedures;
  }

  /** Allocates, compiles every kernel at once and transforms the constants. */
  static async create(host: Host, lowered: LoweredGraph): Promise<Program> {
    const { device, pipelines, constants } = host;
    const everything = [
      ...lowered.preparation.flatMap(({ dispatches }) => dispatches),
      ...lowered.procedures.flatMap(({ dispatches }) => dispatches),
    ];
    let compiling: readonly Promise<GPUComputePipeline>[] = [];
    let resources: Resources | undefined;
    let shapes: ShapeBlocks | undefined;
    try {
      // Started first: the driver compiles on other threads while the weights are uploaded.
      const started = host.guard('compile', () => {
        compiling = everything.map((dispatch) =>
          pipelines.pipeline(dispatch, 'op' in dispatch && dispatch.op === 'custom'),
        );
      });
      const allocated = host.guard('compile', () => {
        resources = new Resources(device, constants, lowered);
      });
      // In this order: what a pipeline says of itself is clearer than what the scopes caught of it.
      const outcomes = await Promise.allSettled([Promise.all(compiling), started, allocated]);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      const compiled = await Promise.all(compiling);
      const pipelineOf = new Map(everything.map((dispatch, i) => [dispatch, compiled[i]!]));
      let prepares = false;
      const procedures = await host.guard('compile', () => {
        shapes = new ShapeBlocks(device, pipelines, everything);
        const bind = <D extends Dispatch>(dispatch: D) => ({
          pipeline: pipelineOf.get(dispatch)!,
          group: groupOf(host, resources!, dispatch),
          shape: shapes!.group(dispatch),
          dispatch,
        });
        const pending = resources!.pending(lowered.preparation).flatMap(({ dispatches }) => dispatches);
        prepares = pending.length > 0;
        if (prepares) prepare(device, pending.map(bind));
        resources!.prepared();
        return new Map(
          lowered.procedures.map(({ name, dispatches, once }) => [
            name,
            { dispatches: dispatches.map(bind), once },
          ]),
        );
      });
      if (prepares) await device.queue.onSubmittedWorkDone();
      return new Program(host, lowered, resources!, shapes!, procedures);
    } catch (error) {
      resources?.abandon();
      (shapes as ShapeBlocks | undefined)?.destroy();
      throw error;
    }
  }

  /** Bytes of device memory that it holds. */
  get memory(): MemoryUse {
    return this.#resources.memory;
  }

  /** Writes an input or a variable. Takes effect before the next run. */
  write(tensor: Tensor, data: Float32Array | Uint32Array): void {
    expectTensor('write', tensor);
    const { source } = tensor;
    if (source.kind !== 'input' && source.kind !== 'variable') {
      throw new ShapeError(`write: expected an input or a variable, got a tensor of kind ${source.kind}`);
    }
    const expected = tensor.dtype === 'f32' ? Float32Array : Uint32Array;
    if (!(data instanceof expected) || data.length !== sizeOf(tensor.shape)) {
      throw new ShapeError(
        `write "${source.name}": expected ${sizeOf(tensor.shape)} values in a ${expected.name}, got ${data.length} in a ${data.constructor.name}`,
      );
    }
    this.#ready();
    const operand = this.#lowered.operandOf(tensor);
    // Nothing reads it: no procedure uses this input.
    if (!operand) return;
    this.#host.device.queue.writeBuffer(
      this.#resources.buffer(operand),
      0,
      data as GPUAllowSharedBufferSource,
    );
  }

  /** Encodes all steps into one command buffer, submits it once, and resolves when the device has finished. */
  async run(...steps: readonly Step[]): Promise<void> {
    this.#ready();
    this.#expectSteps('run', steps);
    await this.#submit('run', (encoder) => this.#encodeSteps(encoder, steps));
  }

  /**
   * Runs all steps as `run` does. Needs the feature `timestamp-query`.
   * @returns milliseconds from the first dispatch's begin to the last one's end, by the device's clock
   */
  async deviceTime(...steps: readonly Step[]): Promise<number> {
    this.#ready();
    this.#expectSteps('deviceTime', steps);
    if (steps.length === 0) throw new UserError('deviceTime: expected a step, got none');
    const times = await this.#timed(steps.length, (encoder, timed) =>
      this.#encodeSteps(encoder, steps, timed),
    );
    const last = times.at(-1)!;
    return (last.start + last.duration) / 1e6;
  }

  /** The values of a variable, an input or a procedure's output, as f32. */
  async read(tensor: Tensor): Promise<Float32Array> {
    return new Float32Array(await this.#readBytes(tensor, 'f32'));
  }

  /** The values of a u32 tensor. */
  async readU32(tensor: Tensor): Promise<Uint32Array> {
    return new Uint32Array(await this.#readBytes(tensor, 'u32'));
  }

  /** Runs a procedure once with a timestamp around every dispatch. Needs the feature `timestamp-query`. */
  async profile(name: string): Promise<ProfileRow[]> {
    this.#ready();
    const { dispatches: procedure } = this.#procedure(name);
    const rows: ProfileRow[] = [];
    for (let first = 0; first < procedure.length; first += MOST_TIMED) {
      const some = procedure.slice(first, first + MOST_TIMED);
      const previous = rows.at(-1);
      const offset = previous ? previous.start + previous.duration : 0;
      const times = await this.#timed(some.length, (encoder, timed) => {
        for (const [i, bound] of some.entries()) {
          const pass = encoder.beginComputePass(timed(i));
          encode(pass, bound);
          pass.end();
        }
      });
      rows.push(
        ...some.map(({ dispatch: { label, op, flops } }, i) => ({
          label,
          op,
          flops,
          start: offset + times[i]!.start,
          duration: times[i]!.duration,
        })),
      );
    }
    return rows;
  }

  /**
   * Submits what `work` encodes.
   * @param passes compute passes that are timed, at most MOST_TIMED
   * @param work gets the description of pass i
   * @returns nanoseconds of each pass, from the first one's begin
   */
  async #timed(
    passes: number,
    work: (encoder: GPUCommandEncoder, timed: (pass: number) => GPUComputePassDescriptor) => void,
  ): Promise<{ readonly start: number; readonly duration: number }[]> {
    const { device } = this.#host;
    if (!device.features.has('timestamp-query')) {
      throw new Error('profile: expected an adapter with timestamp-query, got one without');
    }
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * passes });
    const bytes = 16 * passes;
    const resolved = device.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    try {
      await this.#submit('profile', (encoder) => {
        work(encoder, (pass) => ({
          timestampWrites: {
            querySet,
            beginningOfPassWriteIndex: 2 * pass,
            endOfPassWriteIndex: 2 * pass + 1,
          },
        }));
        encoder.resolveQuerySet(querySet, 0, 2 * passes, resolved, 0);
      });
      const times = new BigUint64Array(await this.#copyOut(resolved, bytes));
      return Array.from({ length: passes }, (_, i) => ({
        start: Number(times[2 * i]! - times[0]!),
        duration: Number(times[2 * i + 1]! - times[2 * i]!),
      }));
    } finally {
      querySet.destroy();
      resolved.destroy();
    }
  }

  /** Submits what `work` encodes and resolves when the device has finished. */
  async #submit(what: string, work: (encoder: GPUCommandEncoder) => void): Promise<void> {
    const { device } = this.#host;
    const submitted = this.#host.guard(what, () => {
      const encoder = device.createCommandEncoder({ label: what });
      work(encoder);
      device.queue.submit([encoder.finish()]);
    });
    const [accepted] = await Promise.allSettled([submitted, device.queue.onSubmittedWorkDone()]);
    if (accepted.status === 'rejected') throw accepted.reason;
    this.#host.check();
  }

  /** The dispatches of a procedure, for tests and reports. */
  dispatches(name: string): readonly LoweredDispatch[] {
    return this.#procedure(name).dispatches.map(({ dispatch }) => dispatch);
  }

  /** Fills every temporary and output with a NaN pattern, so that a kernel that leaves a value unwritten shows. For tests. */
  poison(): void {
    this.#ready();
    this.#resources.poison(
      this.#lowered.operands.filter(({ storage: { kind } }) => kind === 'temporary' || kind === 'output'),
    );
  }

  /** Frees the device memory. The program can't be used afterwards. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#resources.destroy();
    this.#shapes.destroy();
    // Bind groups have no destroy(): what still names them would keep a memory mapping of the driver for each.
    this.#procedures.clear();
    // The operands hold the host's copies of the weights.
    this.#lowered = { operands: [], preparation: [], procedures: [], operandOf: () => undefined };
    this.#host.forget(this);
  }

  /** `using`: `destroy` at the end of the block. */
  [dispose](): void {
    this.destroy();
  }

  /** A compute pass for each step. */
  #encodeSteps(
    encoder: GPUCommandEncoder,
    steps: readonly Step[],
    describe: (step: number) => GPUComputePassDescriptor = () => ({}),
  ): void {
    for (const [at, [name, times]] of steps.entries()) {
      const { dispatches, once } = this.#procedure(name);
      const pass = encoder.beginComputePass({ label: name, ...describe(at) });
      for (let i = 0; i < times; i++) {
        for (const bound of i === 0 ? dispatches : dispatches.slice(once)) encode(pass, bound);
      }
      pass.end();
    }
  }

  #expectSteps(where: string, steps: readonly Step[]): void {
    for (const step of steps) {
      const [name, times]: readonly unknown[] = Array.isArray(step) ? step : [];
      if (typeof name !== 'string' || !Number.isInteger(times) || (times as number) < 0) {
        throw new UserError(
          `${where}: expected steps ['procedure', times] with a whole number of times, got ${described(step)}`,
        );
      }
      this.#procedure(name);
    }
  }

  #procedure(name: string): Replay {
    const procedure = this.#procedures.get(name);
    if (!procedure) {
      throw new UserError(
        `program: expected one of the procedures ${[...this.#procedures.keys()].join(', ')}, got "${name}"`,
      );
    }
    return procedure;
  }

  #ready(): void {
    if (this.#destroyed) throw new Error('program: expected a live program, got one already destroyed');
    this.#host.check();
  }

  async #readBytes(tensor: Tensor, dtype: 'f32' | 'u32'): Promise<ArrayBuffer> {
    this.#ready();
    expectTensor('read', tensor);
    if (tensor.dtype !== dtype) throw new ShapeError(`read: expected a ${dtype} tensor, got ${tensor.dtype}`);
    const operand = this.#lowered.operandOf(tensor);
    if (!operand || operand.storage.kind === 'temporary' || !this.#resources.has(operand))
      throw new ShapeError('read: expected a variable, an input or an output of a procedure of this program');
    return this.#copyOut(this.#resources.buffer(operand), sizeOf(tensor.shape) * 4);
  }

  async #copyOut(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const { device } = this.#host;
    const staging = device.createBuffer({
      label: 'staging',
      size: bytes,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = device.createCommandEncoder({ label: 'read' });
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      return staging.getMappedRange().slice(0);
    } catch (error) {
      this.#host.check();
      throw error;
    } finally {
      staging.destroy();
    }
  }
}

function expectTensor(where: string, tensor: Tensor): void {
  if (!tensor?.source)
    throw new ShapeError(`${where}: expected a tensor of a graph, got ${described(tensor)}`);
}

/** A value of the caller's in an error: NaN and undefined as such. */
function described(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(described).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function groupOf({ device, pipelines }: Host, resources: Resources, dispatch: Dispatch): GPUBindGroup {
  return device.createBindGroup({
    label: dispatch.label,
    layout: pipelines.layout(dispatch.bindings.map(accessOf)),
    entries: dispatch.bindings.map(({ operand, offset, size }, binding) => ({
      binding,
      resource: resources.binding(operand, offset, size),
    })),
  });
}

function prepare(device: GPUDevice, steps: readonly BoundPreparation[]): void {
  const encoder = device.createCommandEncoder({ label: 'prepare' });
  const pass = encoder.beginComputePass({ label: 'prepare' });
  for (const step of steps) encode(pass, step);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function encode(
  pass: GPUComputePassEncoder,
  { pipeline, group, shape, dispatch }: Bound | BoundPreparation,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  if (shape) pass.setBindGroup(1, shape);
  pass.dispatchWorkgroups(...dispatch.workgroups);
}
