/** WebGPU for the peers in Node: the Dawn, the adapter and the driver settings that the engine itself uses. Bundled by run.mjs. */
import { chooseAdapter } from '../../node/adapter.js';
import { driverAdvice, installedDrivers, prepareDriverEnvironment } from '../../node/drivers.js';
import { throttlePolling } from '../../node/poll.js';
import { useSwiftShader } from '../../node/swiftshader.js';

/** Collected, it would take the process with it. */
let instance: GPU | undefined;

/** What the driver reads from the environment when it is loaded, as the engine sets it. */
export function prepareDriver(): void {
  if (process.platform === 'linux') prepareDriverEnvironment();
}

/**
 * Sets WebGPU's globals and `navigator.gpu`.
 * @param throttled slows dawn.node's polling, as the engine does on CPU adapters
 * @returns the adapter's name
 */
export async function installWebGpu(throttled: boolean): Promise<string> {
  prepareDriver();
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const machine = {
    platform: process.platform,
    arch: process.arch,
    drivers: installedDrivers,
    create,
    useSwiftShader,
    advice: driverAdvice,
  };
  const { gpu, adapter } = await chooseAdapter(machine, process.env.CFR_ADAPTER, console.error);
  instance = gpu;
  if (throttled) throttlePolling(globals as unknown as Record<string, unknown>);
  const navigator = { ...globalThis.navigator, userAgent: 'node', gpu: instance };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true });
  return adapter.info.description || adapter.info.device;
}
