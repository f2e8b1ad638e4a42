/**
 * Reads PyTorch's weight files without Python: the zip of 1.6 and later, the pickle stream of 0.1.10 to 1.5 and the tar
 * before that. All three hold pickles, read by the restricted unpickler of base/pickle.ts, which executes nothing.
 */

import { isZip } from '../base/zip.js';
import type { StateDict } from './tensors.js';
import { pickStateDict } from './torch-checkpoint.js';
import { isLegacyStream, readLegacyStream } from './torch-legacy.js';
import { isTar, readLegacyTar } from './torch-tar.js';
import { readTorchZip } from './torch-zip.js';

export type TorchForm = 'zip' | 'stream' | 'tar';

/** Which of PyTorch's forms the bytes have, by content; undefined for none. */
export function torchForm(bytes: Uint8Array): TorchForm | undefined {
  if (isZip(bytes)) return 'zip';
  if (isLegacyStream(bytes)) return 'stream';
  return isTar(bytes) ? 'tar' : undefined;
}

const READERS = { zip: readTorchZip, stream: readLegacyStream, tar: readLegacyTar };

/**
 * Reads a state dict, bare or wrapped in a checkpoint; plain values beside it (epoch, architecture…) become metadata.
 * Tensors are views of `bytes` where contiguous.
 * @throws UserError for a damaged file, a global that has no place in one, or a tree without a state dict.
 */
export function parseTorch(bytes: Uint8Array, source: string, form: TorchForm): StateDict {
  return { ...pickStateDict(READERS[form](bytes, source), source, bytes.length), source };
}
