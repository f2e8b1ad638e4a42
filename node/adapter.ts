/**
 * A WebGPU adapter in Node, whatever the machine has: a GPU, else Mesa's CPU driver lavapipe, else SwiftShader from npm.
 *
 * The environment variable CFR_ADAPTER chooses: `gpu` (a hardware GPU or an error), `lavapipe`, `swiftshader`, or a part of a
 * device's name. Unset or `auto`: the order above.
 */

import { UserError } from '../base/errors.js';
import { type AdapterSummary, isSoftware, summarise } from '../engine/adapter.js';
import { driverAdvice, installedDrivers, prepareDriverEnvironment } from './drivers.js';
import { throttlePolling } from './poll.js';
import { hasSwiftShader, useSwiftShader } from './swiftshader.js';

export interface NodeGpu {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly summary: AdapterSummary;
  /** Call when its devices are destroyed: lets go of the native instance. Harmless when called twice. */
  release(): void;
}

export interface NodeGpuOptions {
  /** Overrides CFR_ADAPTER. */
  readonly choice?: string;
  /** Takes one line for the user. Default: to stderr. */
  readonly log?: (line: string) => void;
}

/** What the choice depends on; tests hand over a made-up machine. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Manifests of installed Vulkan drivers (Linux). */
  drivers(): readonly string[];
  /** Dawn's `create()`. */
  create(flags: string[]): GPU;
  useSwiftShader(log: (line: string) => void): Promise<void>;
  /** What to do for a fast driver, an imperative clause. */
  advice(): string;
}

/**
 * Dawn's toggles. Unsafe APIs: tensor cores are behind them. f16 on NVIDIA: off in Dawn for rounding cases that its conformance
 * tests check. No quantisation: timestamps to the nanosecond instead of to 65 microseconds, for the tuner and profiler. No lazy clearing: kernels write what
 * they read (tests poison it), and to clear the packed weights of ResNet-18 takes longer than to make them.
 */
const TOGGLES = [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization,lazy_clear_resource_on_first_use',
];

/** A collected instance crashes the process while a device of it lives, so every one in use is held here. */
const instances = new Set<GPU>();
let restorePolling: (() => void) | undefined;

/**
 * Opens an adapter. Adds WebGPU's globals (`GPUBufferUsage`, …) to `globalThis`.
 * @throws UserError where CFR_ADAPTER asks for what is not there
 * @throws Error where there is no adapter at all, with what to install
 */
export async function acquireNodeGpu(options: NodeGpuOptions = {}): Promise<NodeGpu> {
  if (process.platform === 'linux') prepareDriverEnvironment();
  const { create, globals } = await importDawn();
  Object.assign(globalThis, globals);
  const machine: Machine = {
    platform: process.platform,
    arch: process.arch,
    drivers: installedDrivers,
    create,
    useSwiftShader,
    advice: driverAdvice,
  };
  const log = options.log ?? ((line: string) => void process.stderr.write(`cfr: ${line}\n`));
  const { gpu, adapter } = await chooseAdapter(machine, options.choice ?? process.env.CFR_ADAPTER, log);
  instances.add(gpu);
  const summary = summarise(adapter, backendOf(process.platform, process.env));
  // A GPU computes beside the CPU: there the fastest answer is worth a core.
  if (summary.software) restorePolling ??= throttlePolling(globals);
  return {
    gpu,
    adapter,
    summary,
    release() {
      instances.delete(gpu);
      if (instances.size > 0) return;
      restorePolling?.();
      restorePolling = undefined;
    },
  };
}

/** The order of choice, over any machine. */
export async function chooseAdapter(
  machine: Machine,
  choice: string | undefined,
  log: (line: string) => void,
): Promise<{ gpu: GPU; adapter: GPUAdapter }> {
  const wanted = choice?.trim() || 'auto';
  const reach = machine.platform === 'linux' ? machine.drivers().length > 0 : true;
  if (wanted === 'swiftshader') return openSwiftShader(machine, log);

  // Without any driver the Vulkan loader only prints complaints.
  const found = reach ? await openInstalled(machine, wanted) : undefined;
  if (found) return found;
  if (wanted !== 'auto') {
    throw new UserError(`adapter ${wanted}: expected such an adapter, got none; ${machine.advice()}`);
  }
  const problem = reach
    ? 'the installed graphics drivers are not usable (Mesa older than 24, or no Vulkan loader)'
    : 'no graphics driver is installed';
  if (!hasSwiftShader(machine.platform, machine.arch)) {
    throw new Error(`no WebGPU adapter: ${problem}; ${machine.advice()}`);
  }
  log(`${problem}; using SwiftShader, which is several times slower. For speed, ${machine.advice()}`);
  return openSwiftShader(machine, log);
}

async function openInstalled(
  machine: Machine,
  wanted: string,
): Promise<{ gpu: GPU; adapter: GPUAdapter } | undefined> {
  const device = wanted === 'lavapipe' ? 'llvmpipe' : wanted;
  const anyDevice = wanted === 'auto' || wanted === 'gpu';
  const gpu = machine.create(anyDevice ? TOGGLES : [...TOGGLES, `adapter=${device}`]);
  let adapter: GPUAdapter | null;
  try {
    // Puts discrete before integrated GPUs, and CPUs after both.
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    // Dawn rejects where no device has that name, and lists those there are.
    const names = [...String(error).matchAll(/name: '(.+)'/g)].map((match) => match[1]);
    throw new UserError(
      `adapter ${wanted}: expected auto, gpu, lavapipe, swiftshader or a part of a device's name, got none like it; here are: ${names.join(', ')}`,
    );
  }
  if (!adapter) return undefined;
  if (wanted === 'gpu' && isSoftware(adapter)) {
    throw new UserError(
      `adapter gpu: expected a hardware GPU, got ${summarise(adapter).name}; install the GPU's driver or choose another (--adapter, CFR_ADAPTER)`,
    );
  }
  return { gpu, adapter };
}

async function openSwiftShader(
  machine: Machine,
  log: (line: string) => void,
): Promise<{ gpu: GPU; adapter: GPUAdapter }> {
  if (!hasSwiftShader(machine.platform, machine.arch)) {
    throw new UserError(
      `adapter swiftshader: expected linux-x64, got ${machine.platform}-${machine.arch}; choose another (--adapter, CFR_ADAPTER), or ${machine.advice()}`,
    );
  }
  try {
    await machine.useSwiftShader(log);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`no WebGPU adapter: could not get SwiftShader (${reason}); ${machine.advice()}`);
  }
  // A new instance: an existing one has looked for drivers already.
  const gpu = machine.create(TOGGLES);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error(`no WebGPU adapter: SwiftShader does not start; ${machine.advice()}`);
  return { gpu, adapter };
}

async function importDawn(): Promise<{ create: (flags: string[]) => GPU; globals: Record<string, unknown> }> {
  try {
    const { create, globals } = await import('webgpu');
    return { create, globals: globals as unknown as Record<string, unknown> };
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0];
    throw new Error(
      `no WebGPU in Node on ${process.platform}-${process.arch}: the package webgpu does not load (${reason}); it runs on Linux with glibc, macOS and Windows, x64 and arm64`,
    );
  }
}

function backendOf(platform: string, env: NodeJS.ProcessEnv): string {
  if (env.DAWNNODE_BACKEND) return env.DAWNNODE_BACKEND;
  return platform === 'darwin' ? 'metal' : platform === 'win32' ? 'd3d12' : 'vulkan';
}
