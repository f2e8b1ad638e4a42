/**
 * The package in Node: an engine that finds its adapter by itself, and the readers and writers of files.
 *
 * @example
 * import { createAttack, createEngine, loadModel, readImage, readStateDict, resolveModel, toTensor } from 'cfr-attack';
 *
 * const engine = await createEngine();
 * const model = loadModel(await readStateDict(await resolveModel('resnet18-cifar10')));
 * const attack = await createAttack(engine, model, { mode: 'minimal', iterations: 20 }, 1);
 * const { xAdv, success } = await attack.run(toTensor(await readImage('cat.png')), Uint32Array.of(3));
 * engine.close();
 */
import { createEngine as createEngineOn, type Engine, type EngineOptions } from './engine/engine';
import { acquireNodeGpu } from './engine/node-adapter';
import { loadTuning } from './engine/node-tuning';
import { chooseFrom } from './engine/tuner';
import { cacheFolder } from './weights/files';

export * from './browser';
export { type Dataset, openDataset, type Sample } from './weights/datasets';
export { cacheFolder, readStateDict, writeSafetensors } from './weights/files';
export { readImage, writePng } from './weights/image-files';
export { resolveModel } from './weights/registry-files';

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
    const choose = deterministic ? undefined : chooseFrom(await loadTuning(cacheFolder(), node.summary));
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
