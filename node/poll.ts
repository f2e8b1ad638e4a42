/**
 * Keeps dawn.node's polling off the cores that a CPU adapter computes on.
 *
 * While a GPU promise is pending, dawn.node polls: it reads `globalThis.setImmediate` anew each time, calls it with a native
 * callback, and that callback polls once and does the same again. That takes a whole core. Every such read happens inside a
 * native call that starts a wait (`mapAsync`…) or inside the callback it scheduled, and no JavaScript runs within either. So
 * `setImmediate` is exchanged for those calls only: no other user of `setImmediate` ever sees the replacement.
 *
 * It polls at full rate for the first millisecond of a wait, then once a millisecond. Measured on lavapipe (Mesa 25.0.7, 2 cores
 * shared with other work), November 2026, as it was / always on a timer / as here:
 * 20 dispatches of 65536 x 12000 FMAs 1650 / 1060 / 970 ms; an almost empty dispatch with readback 0.22 / 1.36 / 0.20 ms.
 */
import { setImmediate, setTimeout } from 'node:timers';

/** Those methods of dawn.node that begin a wait. */
const WAITS: Readonly<Record<string, readonly string[]>> = {
  GPUAdapter: ['requestDevice'],
  GPUBuffer: ['mapAsync'],
  GPUDevice: ['createComputePipelineAsync', 'createRenderPipelineAsync', 'popErrorScope'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUShaderModule: ['getCompilationInfo'],
};

const EAGER_MS = 1;
const INTERVAL_MS = 1;

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Poll = () => void;

/**
 * Slows down the polling of every device of this process, until undone. Call before the device is requested: a wait that has
 * begun goes on as it began.
 * @param globals the export of that name of the package `webgpu`: its classes by name
 * @returns undoes it
 */
export function throttlePolling(globals: Readonly<Record<string, unknown>>): () => void {
  let eagerUntil = 0;

  const pollLater = (poll: Poll) => {
    const polling = () => exchanged(poll);
    if (performance.now() < eagerUntil) return setImmediate(polling);
    return setTimeout(polling, INTERVAL_MS);
  };

  function exchanged<T>(call: () => T): T {
    const own = globalThis.setImmediate;
    globalThis.setImmediate = pollLater as unknown as typeof setImmediate;
    try {
      return call();
    } finally {
      globalThis.setImmediate = own;
    }
  }

  const undo: (() => void)[] = [];
  for (const [className, methods] of Object.entries(WAITS)) {
    const prototype = (globals[className] as { prototype?: Record<string, Method> } | undefined)?.prototype;
    for (const method of methods) {
      const original = prototype?.[method];
      // A later version of the package may lack one: its waits then poll as before.
      if (!prototype || !original) continue;
      prototype[method] = function (...args) {
        eagerUntil = performance.now() + EAGER_MS;
        return exchanged(() => original.apply(this, args));
      };
      undo.push(() => {
        prototype[method] = original;
      });
    }
  }
  return () => {
    for (const step of undo) step();
  };
}
