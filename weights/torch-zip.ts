/**
 * PyTorch's zip form (torch.save since 1.6): `NAME/data.pkl`, `NAME/byteorder`, `NAME/data/KEY` per storage, all stored
 * without compression and aligned to 64 bytes, so that a storage is a view of the file.
 */

import { UserError } from '../base/errors.js';
import { unpickle } from '../base/pickle.js';
import { PickleError, type PyValue } from '../base/pickle-values.js';
import { ZipArchive } from '../base/zip.js';
import { BYTES_PER_ELEMENT } from './host-tensor.js';
import { torchHost } from './torch-globals.js';

/**
 * Reads the checkpoint's object tree; storages are views of `bytes` unless compressed or big-endian.
 * @throws UserError for a truncated or damaged archive, or one that is no torch.save file.
 */
export function readTorchZip(bytes: Uint8Array, source: string): PyValue {
  const archive = new ZipArchive(bytes, source);
  const pickle = [...archive.entries.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (!pickle) {
    throw new UserError(
      `${source}: expected a file written by torch.save, got a zip archive without data.pkl`,
    );
  }
  const root = pickle.slice(0, -'data.pkl'.length);
  if (archive.entries.has(`${root}constants.pkl`)) {
    throw new UserError(
      `${source}: expected a state dict, got a TorchScript archive; save model.state_dict() instead`,
    );
  }
  const order = archive.entries.has(`${root}byteorder`)
    ? new TextDecoder().decode(archive.read(`${root}byteorder`)).trim()
    : 'little';
  if (order !== 'little' && order !== 'big') throw new UserError(`${source}: unknown byte order "${order}"`);
  const host = torchHost((key, storage) => {
    const size = BYTES_PER_ELEMENT[storage.dtype];
    const data = archive.read(`${root}data/${key}`);
    if (data.length < storage.numel * size) {
      throw new PickleError(
        `storage ${key} needs ${storage.numel * size} bytes, the archive holds ${data.length}`,
      );
    }
    const own = data.subarray(0, storage.numel * size);
    storage.bytes = order === 'big' ? swapped(own, size) : own;
  });
  try {
    return unpickle(archive.read(pickle), 0, host).value;
  } catch (error) {
    if (error instanceof PickleError) throw new UserError(`${source}: ${error.message}`);
    throw error;
  }
}

function swapped(data: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i + size <= data.length; i += size)
    for (let b = 0; b < size; b++) out[i + b] = data[i + size - 1 - b]!;
  return out;
}
