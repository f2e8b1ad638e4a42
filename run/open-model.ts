/** A net in one call: by its name in the registry, or from a file of weights. */
import { existsSync } from 'node:fs';
import { parse } from 'node:path';
import type { OnProgress } from '../base/progress.js';
import { type LoadOptions, loadModel, type Model } from '../nets/model.js';
import { registry } from '../weights/registry.js';
import { resolveModel } from '../weights/registry-files.js';
import { readStateDict } from '../weights/state-dict-files.js';

/** What settles a net that its file leaves open, and who is told of a fetch. */
export interface OpenModelOptions extends LoadOptions {
  /** Of a net that is fetched at first use. */
  readonly onProgress?: OnProgress;
}

/**
 * A net that ships (`resnet18-cifar10`), one of torchvision's (`resnet50`, fetched once into the cache folder), or a
 * `.safetensors` or PyTorch file.
 * @throws UserError for a name that is none and no file, and for a file that holds no net
 */
export async function openModel(name: string, options: OpenModelOptions = {}): Promise<Model> {
  const { onProgress, ...load } = options;
  const known = registry.some((net) => net.name === name);
  const file = !known && existsSync(name);
  const path = file ? name : await resolveModel(name, onProgress ? { onProgress } : {});
  return loadModel(await readStateDict(path), {
    name: file ? parse(name).name : name,
    known: !file,
    ...load,
  });
}
