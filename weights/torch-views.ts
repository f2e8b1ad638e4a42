/** Turns the tensors of an unpickled checkpoint into views of their storages, within limits that the file's size sets. */

import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { BYTES_PER_ELEMENT, elementCount, fileTensor, gather, isContiguous } from './host-tensor.js';
import type { HostTensor } from './tensors.js';
import { type Storage, StorageSlice, type TorchTensor } from './torch-globals.js';

/**
 * Limit on all tensors of a file together, as f32: many may view one storage, and a stride of 0 makes any size from four
 * bytes. f16 and 8-bit files, tied weights and compressed ones stay far below.
 */
const BYTES_PER_FILE_BYTE = 16;
const FREE_BYTES = 2 ** 24;
/** What a tensor takes beside its elements. */
const TENSOR_BYTES = 256;

/** Makes a file's tensors; `fileBytes` is its length. */
export class TensorViews {
  readonly source: string;
  readonly #limit: number;
  #bytes = 0;

  constructor(source: string, fileBytes: number) {
    this.source = source;
    this.#limit = BYTES_PER_FILE_BYTE * fileBytes + FREE_BYTES;
  }

  /** @throws UserError where the view does not lie within its storage, or the file's tensors are too large together */
  make(name: string, tensor: TorchTensor): HostTensor {
    const fail = (problem: string): never => {
      throw new UserError(`${this.source}: tensor "${printable(name)}": ${problem} (damaged file?)`);
    };
    const { storage, dtype, shape, strides, offset } = tensor;
    const bytes = storage && storageBytes(storage);
    if (!bytes || !dtype) return fail('its storage is missing');
    const size = BYTES_PER_ELEMENT[dtype];
    const available = Math.floor(bytes.length / size);
    const count = elementCount(shape);
    this.#bytes += TENSOR_BYTES + 4 * count;
    if (this.#bytes > this.#limit) return fail(`shape [${shape}] is too large for a file of this size`);
    const last =
      count === 0 ? -1 : shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset);
    if (last >= available)
      return fail(
        `shape [${shape}] at offset ${offset} needs ${last + 1} elements, its storage has ${available}`,
      );
    const contiguous = count === 0 || isContiguous(shape, strides);
    return fileTensor(dtype, shape, () =>
      contiguous
        ? bytes.subarray(offset * size, (offset + count) * size)
        : gather(bytes, size, offset, shape, strides),
    );
  }
}

function storageBytes(storage: Storage): Uint8Array | undefined {
  if (!(storage instanceof StorageSlice)) return storage.bytes;
  const size = BYTES_PER_ELEMENT[storage.dtype];
  const root = storage.root.bytes;
  const end = (storage.start + storage.numel) * size;
  return root && end <= root.length ? root.subarray(storage.start * size, end) : undefined;
}
