/** State dicts as files, in Node. */
import { readBytes, writeAtomic } from '../node/files.js';
import { encodeSafetensors, type TensorToWrite } from './safetensors.js';
import { parseStateDict } from './state-dict.js';
import type { StateDict } from './tensors.js';

/**
 * Reads a weights file of any form that `parseStateDict` knows.
 * @throws UserError where it is missing, unreadable or damaged.
 */
export async function readStateDict(path: string): Promise<StateDict> {
  return parseStateDict(await readBytes(path, 'a weights file (.safetensors, .pth, .pt, .th)'), path);
}

/** Writes tensors as a safetensors file: whole or not at all. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomic(path, encodeSafetensors(tensors, metadata));
}
