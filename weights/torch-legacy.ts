/**
 * PyTorch's stream form (0.1.10 to 1.5, and `_use_new_zipfile_serialization=False`): five pickles (magic number, protocol,
 * system, objects, storage keys), then each storage as a little-endian i64 element count and its elements. The VGG files of
 * torchvision have this form.
 */

import { UserError } from '../base/errors.js';
import { unpickle } from '../base/pickle.js';
import { PickleError, type PyValue } from '../base/pickle-values.js';
import { BYTES_PER_ELEMENT } from './host-tensor.js';
import { torchHost } from './torch-globals.js';

const PROTOCOL_VERSION = 1001;

/** The pickle of PyTorch's magic number 0x1950a86a20f9469cfc6c as protocol 2 writes it: PROTO 2, LONG1 of 10 bytes, STOP. */
const MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/** The magic number's pickle, behind the PROTO byte (any protocol) and protocol 4's optional frame. */
function magicEnd(bytes: Uint8Array): number {
  if (bytes[0] !== 0x80) return -1;
  const start = bytes[2] === 0x95 ? 11 : 2;
  return MAGIC.slice(2).every((byte, i) => bytes[start + i] === byte) ? start + MAGIC.length - 2 : -1;
}

/** Whether bytes begin with PyTorch's magic number as a pickle. */
export function isLegacyStream(bytes: Uint8Array): boolean {
  return magicEnd(bytes) >= 0;
}

/**
 * Reads the checkpoint's object tree; storages are views of `bytes`.
 * @throws UserError for a truncated or damaged file, or one of a big-endian machine.
 */
export function readLegacyStream(bytes: Uint8Array, source: string): PyValue {
  const host = torchHost(() => {});
  let position = magicEnd(bytes);
  const next = (): PyValue => {
    const { value, end } = unpickle(bytes, position, host);
    position = end;
    return value;
  };
  try {
    const protocol = next();
    if (protocol !== PROTOCOL_VERSION)
      throw new PickleError(`expected protocol version ${PROTOCOL_VERSION}, got ${protocol}`);
    const system = next();
    if (system instanceof Map && system.get('little_endian') === false) {
      throw new PickleError(
        'written on a big-endian machine, which this form does not support; save it again with PyTorch 1.6 or later',
      );
    }
    const root = next();
    const keys = next();
    if (!Array.isArray(keys)) throw new PickleError('the list of storages is missing (damaged file?)');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const key of keys) {
      if (typeof key !== 'string' && typeof key !== 'number')
        throw new PickleError('the list of storages holds something else (damaged file?)');
      const storage = host.storages.get(String(key));
      if (!storage) throw new PickleError(`storage ${key} belongs to no tensor (damaged file?)`);
      if (storage.bytes) throw new PickleError(`storage ${key} is there twice (damaged file?)`);
      const size = storage.numel * BYTES_PER_ELEMENT[storage.dtype];
      if (position + 8 + size > bytes.length) {
        throw new PickleError(
          `truncated: storage ${key} needs ${size} bytes at byte ${position + 8}, the file has ${bytes.length}; fetch or copy it again`,
        );
      }
      const numel = view.getBigInt64(position, true);
      if (numel !== BigInt(storage.numel)) {
        throw new PickleError(
          `storage ${key} holds ${numel} elements, expected ${storage.numel} (damaged file?)`,
        );
      }
      storage.bytes = bytes.subarray(position + 8, position + 8 + size);
      position += 8 + size;
    }
    return root;
  } catch (error) {
    if (error instanceof PickleError) throw new UserError(`${source}: ${error.message}`);
    throw error;
  }
}
