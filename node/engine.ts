/** The engine in Node, which finds its adapter by itself. */
import { createEngine as createEngineOn, type Engine, type EngineOptions } from '../engine/engine.js';
import { chooseFrom } from '../engine/tuner.js';
import { acquireNodeGpu } from './adapter.js';
import { knownCacheFolder } from './files.js';
import { loadTuning } from './tuning.js';

/** How an engine is opened in Node; everything has a default. */
export interface NodeEngineOptions extends EngineOptions {
  /** Like the environment variable CFR_ADAPTER, which it overrides: `gpu`, `lavapipe`, `swiftshader`, or a part of a name. */
  readonly choice?: string;
  /** Takes a line about the choice of the adapter. Default: to stderr. */
  readonly log?: (line: string) => void;
  /** Only the built-in choices of kernels, not those that `cfr bench --tune` kept for this adapter. Like CFR_DETERMINISTIC=1. */
  readonly deterministic?: boolean;
}

/**
 * Opens a device: a GPU, else Mesa's CPU driver, else SwiftShader. Close it when done, or the process stays alive.
 * @throws UserError where the wanted adapter is not there
 * @throws Error where there is no adapter at all, with what to install
 */
export async function createEngine(options: NodeEngineOptions = {}): Promise<Engine> {
  const { choice, log, deterministic = process.env.CFR_DETERMINISTIC === '1', ...engine } = options;
  if (engine.adapter) return createEngineOn(engine);
  const node = await acquireNodeGpu({
    ...(choice === undefined ? {} : { choice }),
    ...(log === undefined ? {} : { log }),
  });
  const release = () => {
    node.release();
    engine.release?.();
  };
  try {
    const cache = deterministic ? undefined : knownCacheFolder();
    const choose = cache === undefined ? undefined : chooseFrom(await loadTuning(cache, node.summary));
    return await createEngineOn({
      ...(choose ? { choose } : {}),
      ...engine,
      adapter: node.adapter,
      summary: node.summary,
      release,
    });
  } catch (error) {
    release();
    throw error;
  }
}
