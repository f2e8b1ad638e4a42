/**
 * The engine: one device, its pipelines, and the programs compiled on it. Fails closed: whatever goes wrong on the device
 * is stored and thrown by the next call, so no result is trusted that came after it.
 */

import { dispose } from '../base/disposable.js';
import { DeviceLostError, OutOfMemoryError, UserError } from '../base/errors.js';
import { type AdapterSummary, type DeviceOptions, requestDevice, summarise, traitsOf } from './adapter.js';
import { DeviceConstants } from './constants.js';
import type { DeviceTraits, Variant } from './dispatch.js';
import type { Graph } from './graph.js';
import { lowerGraph, type VariantChoice } from './lowering.js';
import { PipelineCache } from './pipelines.js';
import { type Host, Program } from './program.js';
import type { MemoryUse } from './resources.js';

/** How an engine is opened; everything has a default. */
export interface EngineOptions {
  /** Default: `navigator.gpu`'s high-performance adapter. In Node the package's own `createEngine` finds one. */
  readonly adapter?: GPUAdapter;
  /** What is said of the adapter. Default: what it says of itself. */
  readonly summary?: AdapterSummary;
  /** Features to use and limits to stay below; default: everything the adapter has. */
  readonly device?: DeviceOptions;
  /** Overrides the built-in choice of kernel variants (the tuner's). */
  readonly choose?: VariantChoice;
  /** `f16`: kernels that round operands to f16 (about three digits) where there are such for the adapter. Default `f32`. */
  readonly precision?: 'f32' | 'f16';
  /** Called by `close`, after the device is destroyed. */
  readonly release?: () => void;
}

/** A device and everything that lives on it. Made by `createEngine`; close it when done, or Node stays alive. */
export class Engine {
  /** Name, driver and kind of the adapter, for people. */
  readonly adapter: AdapterSummary;
  /** What the choice of kernels depends on. */
  readonly traits: DeviceTraits;
  /** The device, for buffers and pipelines of one's own beside the engine's. */
  readonly device: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #constants: DeviceConstants;
  readonly #options: EngineOptions;
  /** The live ones: a destroyed program takes itself out. */
  readonly #programs = new Set<Program>();
  readonly #health: Health = { failure: undefined, closed: false };
  readonly #stopWatching: () => void;

  constructor(device: GPUDevice, adapter: GPUAdapter, options: EngineOptions) {
    this.device = device;
    this.#options = options;
    this.adapter = options.summary ?? summarise(adapter);
    this.traits = traitsOf(device, adapter, options.device?.limits);
    this.#pipelines = new PipelineCache(device);
    this.#constants = new DeviceConstants();
    this.#stopWatching = watch(device, this.#health);
  }

  /** Compiles every procedure of `graph`; constants, variables and memory are shared between them. */
  async compile(
    graph: Graph,
    choose: VariantChoice = this.#options.choose ?? (() => undefined),
  ): Promise<Program> {
    this.check();
    if (graph.procedures.size === 0)
      throw new UserError(
        'compile: expected a graph with a procedure, got none; trace one by graph.procedure',
      );
    const lowered = lowerGraph(
      graph,
      this.traits,
      this.#options.precision === 'f16' ? chooseHalf(choose) : choose,
    );
    const program = await Program.create(this.#host(), lowered);
    this.#programs.add(program);
    return program;
  }

  /** Throws the first error that the device reported, if any. */
  check(): void {
    if (this.#health.closed) throw new Error('engine: expected an open engine, got one already closed');
    if (this.#health.failure) throw this.#health.failure;
  }

  /** Device memory of the live programs; constants that several of them use count once. */
  get memory(): MemoryUse {
    const programs = [...this.#programs].map(({ memory }) => memory);
    return {
      constants: this.#constants.bytes,
      temporaries: programs.reduce((sum, { temporaries }) => sum + temporaries, 0),
      state: programs.reduce((sum, { state }) => sum + state, 0),
    };
  }

  /** Destroys the programs and the device and lets the process exit. */
  close(): void {
    if (this.#health.closed) return;
    this.#health.closed = true;
    for (const program of this.#programs) program.destroy();
    this.#stopWatching();
    this.device.destroy();
    this.#options.release?.();
  }

  /** `using engine = await createEngine()`: closed at the end of the block. */
  [dispose](): void {
    this.close();
  }

  #host(): Host {
    return {
      device: this.device,
      pipelines: this.#pipelines,
      constants: this.#constants,
      check: () => this.check(),
      guard: (what, work) => this.#guard(what, work),
      forget: (program) => void this.#programs.delete(program),
    };
  }

  /** Scopes are a stack of the whole device: they are popped before anything else can push, or two compilations would take each other's errors. */
  async #guard<T>(what: string, work: () => T): Promise<T> {
    const scopes: readonly GPUErrorFilter[] = ['internal', 'out-of-memory', 'validation'];
    for (const scope of scopes) this.device.pushErrorScope(scope);
    let outcome: { readonly result: T } | { readonly thrown: unknown };
    try {
      outcome = { result: work() };
    } catch (thrown) {
      outcome = { thrown };
    }
    const errors = await Promise.all(scopes.map(() => this.device.popErrorScope()));
    this.check();
    if ('thrown' in outcome) throw outcome.thrown;
    const error = errors.find((caught) => caught !== null);
    if (error) {
      if (error instanceof GPUOutOfMemoryError)
        throw new OutOfMemoryError(`${what}: the device is out of memory; lower the batch`);
      throw new Error(`${what}: ${error.message}`);
    }
    return outcome.result;
  }
}

/** What the device has reported. Apart from the engine, so that what listens to the device does not hold the engine. */
interface Health {
  failure: Error | undefined;
  closed: boolean;
}

/**
 * Writes the device's first failure into `health`. The binding holds a device's listeners and its `lost` promise for as long as
 * the device: neither may reach the device itself, or an engine that is closed and dropped is never collected.
 * @returns stops listening
 */
function watch(device: GPUDevice, health: Health): () => void {
  const onError = (event: Event) => {
    health.failure ??= new Error(`device: ${(event as GPUUncapturedErrorEvent).error.message}`);
  };
  device.addEventListener('uncapturederror', onError);
  void device.lost.then(({ reason, message }) => {
    if (health.closed) return;
    health.failure ??= new DeviceLostError(
      `device lost (${reason || 'unknown'}): ${message || 'no reason given'}; what was finished is kept, run the same command again to go on`,
    );
  });
  return () => device.removeEventListener('uncapturederror', onError);
}

/** The first f16 variant that supports the problem, else the other choice. */
function chooseHalf(otherwise: VariantChoice): VariantChoice {
  return <P, IO>(op: string, problem: P, variants: readonly Variant<P, IO>[], device: DeviceTraits) =>
    variants.find((variant) => variant.precision === 'f16' && variant.supports(problem, device)) ??
    otherwise(op, problem, variants, device);
}

/**
 * Opens the device.
 * @throws UserError where there is no WebGPU or no adapter
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const adapter = options.adapter ?? (await defaultAdapter());
  const device = await requestDevice(adapter, options.device);
  return new Engine(device, adapter, options);
}

async function defaultAdapter(): Promise<GPUAdapter> {
  const { gpu } = globalThis.navigator ?? {};
  if (!gpu)
    throw new UserError(
      'WebGPU: expected navigator.gpu, got none; use a browser with WebGPU, over https or localhost',
    );
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new UserError('WebGPU: expected an adapter, got none; check that the browser may use the GPU');
  return adapter;
}
