/**
 * PyTorch's tar form (before 0.1.10; torchvision's first ResNets, still on many disks): `storages` and `tensors` hold a
 * count, then a pickle and raw data each; `pickle` holds the objects, with integers as persistent ids.
 */

import { UserError } from '../base/errors.js';
import { type PickleHost, unpickle } from '../base/pickle.js';
import { PickleError, PyTuple, type PyValue } from '../base/pickle-values.js';
import { isTarHeader, readTar, TarError } from '../base/tar.js';
import { BYTES_PER_ELEMENT } from './host-tensor.js';
import { lookUpGlobal, natural, Storage, StorageSlice, StorageType, TorchTensor } from './torch-globals.js';

/** Whether bytes begin with a tar header. */
export function isTar(bytes: Uint8Array): boolean {
  return isTarHeader(bytes);
}

/** Reads pickles and numbers one after the other. */
class Reader {
  position = 0;
  private readonly view: DataView;
  constructor(
    readonly bytes: Uint8Array,
    private readonly host: PickleHost,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  pickle(): PyValue {
    const { value, end } = unpickle(this.bytes, this.position, this.host);
    this.position = end;
    return value;
  }

  count(): number {
    const value = this.pickle();
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw new PickleError('a count is no natural number (damaged file?)');
    return value as number;
  }

  tuple(): readonly PyValue[] {
    const value = this.pickle();
    if (!(value instanceof PyTuple)) throw new PickleError('a record is no tuple (damaged file?)');
    return value.items;
  }

  take(count: number): Uint8Array {
    if (count < 0) throw new PickleError('a size is negative (damaged file?)');
    if (this.position + count > this.bytes.length) throw new PickleError('truncated; fetch or copy it again');
    this.position += count;
    return this.bytes.subarray(this.position - count, this.position);
  }

  i32(): number {
    this.take(4);
    return this.view.getInt32(this.position - 4, true);
  }

  i64(): number {
    this.take(8);
    return Number(this.view.getBigInt64(this.position - 8, true));
  }
}

/**
 * Reads the checkpoint's object tree; storages are views of `bytes`.
 * @throws UserError for a truncated or damaged archive, or one that PyTorch did not write.
 */
export function readLegacyTar(bytes: Uint8Array, source: string): PyValue {
  try {
    const files = new Map<string, Uint8Array>();
    for (const { name, bytes: content } of readTar(bytes)) {
      const plain = name.replace(/^\.\//, '');
      if (files.has(plain)) throw new TarError(`damaged tar archive: two files named ${plain}`);
      files.set(plain, content);
    }
    const [storageFile, tensorFile, pickleFile] = ['storages', 'tensors', 'pickle'].map((name) =>
      files.get(name),
    );
    if (!storageFile || !tensorFile || !pickleFile) {
      throw new TarError('expected a weights file, got a tar archive of something else; unpack it first');
    }
    const objects = new Map<PyValue, Storage | TorchTensor>();
    const host: PickleHost = {
      global: lookUpGlobal,
      persistent(id) {
        if (id instanceof PyTuple) return id.items[0] ?? null;
        const object = objects.get(typeof id === 'string' ? Number(id) : id);
        if (!object) throw new PickleError('a persistent id is unknown (damaged file?)');
        return object;
      },
    };
    readStorages(new Reader(storageFile, host), objects);
    readTensors(new Reader(tensorFile, host), objects);
    return new Reader(pickleFile, host).pickle();
  } catch (error) {
    if (error instanceof PickleError || error instanceof TarError)
      throw new UserError(`${source}: ${error.message}`);
    throw error;
  }
}

function readStorages(reader: Reader, objects: Map<PyValue, Storage | TorchTensor>): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const [key, , type] = reader.tuple();
    if (!(type instanceof StorageType) || !type.dtype) throw new PickleError('a storage has no known type');
    const numel = reader.i64();
    const storage = new Storage(type.dtype, numel);
    storage.bytes = reader.take(numel * BYTES_PER_ELEMENT[type.dtype]);
    objects.set(key ?? null, storage);
  }
  const views = reader.pickle();
  for (const view of Array.isArray(views) ? views : []) {
    const [target, root, offset, numel] = view instanceof PyTuple ? view.items : [];
    const storage = objects.get(root ?? null);
    if (!(storage instanceof Storage) || storage instanceof StorageSlice)
      throw new PickleError('a storage view has no root (damaged file?)');
    objects.set(
      target ?? null,
      new StorageSlice(storage, natural(offset, 'storage view offset'), natural(numel, 'storage view size')),
    );
  }
}

function readTensors(reader: Reader, objects: Map<PyValue, Storage | TorchTensor>): void {
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const [key, storageKey] = reader.tuple();
    const axes = reader.i32();
    reader.take(4); // once the upper half of the number of axes
    if (axes < 0 || axes > 64) throw new PickleError(`a tensor has ${axes} axes (damaged file?)`);
    const extents = () => new PyTuple(Array.from({ length: axes }, () => reader.i64()));
    const shape = extents();
    const strides = extents();
    const storage = objects.get(storageKey ?? null) ?? null;
    objects.set(key ?? null, new TorchTensor().view([storage, reader.i64(), shape, strides]));
  }
}
