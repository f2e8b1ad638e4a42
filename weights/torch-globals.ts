/**
 * The globals that a weights file may name, and what they stand for: dicts, storages and the functions that put a tensor
 * together. Everything else is either refused (modules that reach the system) or kept as an opaque placeholder.
 */

import type { PickleHost } from '../base/pickle.js';
import { Opaque, PickleError, PyGlobal, PyObject, PyTuple, type PyValue } from '../base/pickle-values.js';
import { printable } from '../base/printable.js';
import { NUMPY_GLOBALS } from './numpy-values.js';
import type { HostDType } from './tensors.js';

/** A run of elements of one type; `bytes` comes later where the form stores the data behind the pickle. */
export class Storage extends PyObject {
  bytes: Uint8Array | undefined;
  constructor(
    readonly dtype: HostDType,
    readonly numel: number,
  ) {
    super();
  }
}

/** A view of a storage: offset, shape and strides in elements of `dtype`. */
export class TorchTensor extends PyObject {
  storage: Storage | undefined;
  dtype: HostDType | undefined;
  offset = 0;
  shape: readonly number[] = [];
  strides: readonly number[] = [];

  /** Before 0.2 a tensor's state is its view, a Variable's is (data, …) with the flags behind it. */
  override setState(state: PyValue): void {
    if (!(state instanceof PyTuple)) return;
    const [first] = state.items;
    if (first instanceof TorchTensor) this.copyFrom(first);
    else if (first instanceof Storage) this.view(state.items);
  }

  view([storage, offset, shape, strides]: readonly PyValue[], dtype?: HostDType): this {
    if (!(storage instanceof Storage)) throw new PickleError('a tensor has no storage (damaged file?)');
    this.storage = storage;
    this.dtype = dtype ?? storage.dtype;
    this.offset = natural(offset, 'offset');
    this.shape = naturals(shape, 'shape');
    this.strides = naturals(strides, 'strides');
    if (this.shape.length !== this.strides.length)
      throw new PickleError('a tensor has more or fewer strides than axes');
    return this;
  }

  copyFrom(other: TorchTensor): void {
    this.storage = other.storage;
    this.dtype = other.dtype;
    this.offset = other.offset;
    this.shape = other.shape;
    this.strides = other.strides;
  }
}

/** A storage class, as the first part of a persistent id. */
export class StorageType extends PyGlobal {
  constructor(
    name: string,
    readonly dtype: HostDType | undefined,
  ) {
    super(name, () => new Opaque(name));
  }
}

class DTypeGlobal extends Opaque {
  constructor(
    name: string,
    readonly dtype: HostDType | undefined,
  ) {
    super(name);
  }
}

const STORAGE_DTYPES: ReadonlyMap<string, HostDType> = new Map(
  Object.entries({
    Double: 'f64',
    Float: 'f32',
    Half: 'f16',
    BFloat16: 'bf16',
    Long: 'i64',
    Int: 'i32',
    Short: 'i16',
    Char: 'i8',
    Byte: 'u8',
    Bool: 'bool',
    Untyped: 'u8',
  } as const),
);

const TORCH_DTYPES: ReadonlyMap<string, HostDType> = new Map(
  Object.entries({
    float64: 'f64',
    double: 'f64',
    float32: 'f32',
    float: 'f32',
    float16: 'f16',
    half: 'f16',
    bfloat16: 'bf16',
    int64: 'i64',
    long: 'i64',
    int32: 'i32',
    int: 'i32',
    int16: 'i16',
    short: 'i16',
    int8: 'i8',
    uint8: 'u8',
    uint16: 'u16',
    uint32: 'u32',
    uint64: 'u64',
    bool: 'bool',
  } as const),
);

/** Modules that no weights file needs and that hostile pickles use; `__builtin__` is Python 2's name. */
const REFUSED_MODULES = new Set(
  (
    'os posix nt ntpath posixpath sys subprocess commands socket shutil runpy importlib imp pty ctypes code codeop codecs ' +
    'pdb bdb cProfile profile timeit trace webbrowser multiprocessing threading asyncio signal tempfile platform pickle _pickle ' +
    'marshal types inspect operator _operator urllib http ftplib smtplib requests io builtins __builtin__ pip pkgutil ensurepip'
  ).split(' '),
);

/** Harmless builtins that checkpoints do name (arguments, sets); kept as placeholders. */
const HARMLESS_BUILTINS = new Set(
  'set frozenset list dict tuple int float bool str bytes bytearray complex object slice range'.split(' '),
);

/** @throws PickleError for what is no whole number from 0 that is exact */
export function natural(value: PyValue | undefined, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new PickleError(`a tensor has no natural number as ${what}`);
  return value as number;
}

/** PyTorch's own limit; a pickle may name one long tuple for any number of tensors. */
const MAX_AXES = 64;

function naturals(value: PyValue | undefined, what: string): number[] {
  const items = value instanceof PyTuple ? value.items : Array.isArray(value) ? value : undefined;
  if (!items) throw new PickleError(`a tensor has no tuple as ${what}`);
  if (items.length > MAX_AXES) throw new PickleError(`a tensor has ${items.length} numbers as ${what}`);
  return items.map((item) => natural(item, what));
}

function dict([items]: readonly PyValue[]): PyValue {
  const result = new Map<PyValue, PyValue>();
  // Python 2 passes an OrderedDict's items as a list of pairs.
  if (Array.isArray(items)) {
    for (const pair of items) {
      const [key, value] = pair instanceof PyTuple ? pair.items : Array.isArray(pair) ? pair : [];
      if (key === undefined || value === undefined || Array.isArray(key) || key instanceof Map)
        throw new PickleError('a dict has an item that is no pair');
      result.set(key, value);
    }
  }
  return result;
}

function parameter([data]: readonly PyValue[]): PyValue {
  if (data === undefined) return new TorchTensor();
  if (data instanceof TorchTensor || data instanceof Opaque) return data;
  throw new PickleError('a parameter holds no tensor');
}

/** `_rebuild_from_type_v2(function, type, args, state)`: a tensor subclass or one with attributes; only the tensor matters. */
function fromType([rebuild, , args]: readonly PyValue[]): PyValue {
  if (rebuild instanceof PyGlobal && args instanceof PyTuple) return rebuild.call(args.items);
  throw new PickleError('a tensor subclass has no known rebuild function');
}

const ALLOWED = new Map<string, PyGlobal>();
function allow(name: string, call: (args: readonly PyValue[]) => PyValue): void {
  ALLOWED.set(name, new PyGlobal(name, call));
}
allow('collections.OrderedDict', dict);
allow('collections.defaultdict', () => new Map());
allow('collections.Counter', () => new Map());
allow(
  'torch.Size',
  ([items]) => new PyTuple(items instanceof PyTuple ? items.items : Array.isArray(items) ? items : []),
);
allow('torch._utils._rebuild_tensor', (args) => new TorchTensor().view(args));
allow('torch._utils._rebuild_tensor_v2', (args) => new TorchTensor().view(args));
allow('torch._utils._rebuild_tensor_v3', (args) => {
  const type = args[6];
  if (!(type instanceof DTypeGlobal)) throw new PickleError('a tensor has no dtype');
  return type.dtype ? new TorchTensor().view(args, type.dtype) : new Opaque(type.name);
});
allow('torch._utils._rebuild_parameter', parameter);
allow('torch._utils._rebuild_parameter_with_state', parameter);
allow('torch._tensor._rebuild_from_type_v2', fromType);
allow('torch.nn.parameter.Parameter', parameter);
allow('torch.nn.parameter.Buffer', parameter);
allow('torch.autograd.variable.Variable', parameter);
allow('torch.Tensor', () => new TorchTensor());

/** Longer than any name in Python's and PyTorch's own pickles. */
const MAX_NAME = 500;
for (const [name, call] of NUMPY_GLOBALS) allow(name, call);

/** Looks up a global: an allowed one, a placeholder for an unknown one, or a refusal. */
export function lookUpGlobal(name: string): PyGlobal | Opaque {
  if (name.length > MAX_NAME) throw new PickleError(`a global has a name of ${name.length} characters`);
  const known = ALLOWED.get(name);
  if (known) return known;
  const torchName = /^torch\.(?:cuda\.|storage\.)?(\w+)$/.exec(name)?.[1];
  if (torchName) {
    const storage = /^_?(\w+)Storage$/.exec(torchName)?.[1];
    if (storage) return new StorageType(name, STORAGE_DTYPES.get(storage));
    if (/^[A-Z]\w*Tensor$/.test(torchName)) return new PyGlobal(name, () => new TorchTensor());
    return new DTypeGlobal(name, TORCH_DTYPES.get(torchName));
  }
  const root = name.slice(0, name.indexOf('.'));
  const builtin = /^(?:builtins|__builtin__)\.(\w+)$/.exec(name)?.[1];
  if (builtin && HARMLESS_BUILTINS.has(builtin)) return new Opaque(name);
  if (REFUSED_MODULES.has(root)) {
    throw new PickleError(
      `refused: its pickle names the global "${printable(name)}", which no weights file needs (hostile file?); nothing was executed`,
    );
  }
  return new Opaque(name);
}

/** Makes a host whose storages come from `load(key, storage)`, called once per key. */
export function torchHost(
  load: (key: string, storage: Storage) => void,
): PickleHost & { storages: Map<string, Storage> } {
  const storages = new Map<string, Storage>();
  return {
    storages,
    global: lookUpGlobal,
    persistent(id) {
      const [kind, type, key, , size, view] = id instanceof PyTuple ? id.items : [];
      // A module's persistent id carries its class and source text: only the class's placeholder is of use.
      if (kind === 'module') return type ?? null;
      if (
        kind !== 'storage' ||
        !(type instanceof StorageType) ||
        (typeof key !== 'string' && typeof key !== 'number')
      ) {
        throw new PickleError('a persistent id is no storage (damaged file?)');
      }
      if (!type.dtype)
        throw new PickleError(`unsupported storage type ${type.name}; save the state dict in a plain dtype`);
      const name = String(key);
      let storage = storages.get(name);
      // Tensors of two types may share memory in PyTorch; read by one type, the other's values would be wrong.
      if (storage && (storage.dtype !== type.dtype || storage.numel !== size))
        throw new PickleError(`storage ${name} is used as two types or sizes; save clones of its tensors`);
      if (!storage) {
        storage = new Storage(type.dtype, natural(size, 'storage size'));
        storages.set(name, storage);
        load(name, storage);
      }
      return view instanceof PyTuple ? storageView(storage, view) : storage;
    },
  };
}

/** A storage that is a part of another, as files before 0.4 have them: (key, offset, size). */
function storageView(root: Storage, view: PyTuple): Storage {
  const offset = natural(view.items[1], 'storage view offset');
  const size = natural(view.items[2], 'storage view size');
  return new StorageSlice(root, offset, size);
}

/** Reads the root's bytes only when asked: they follow the pickle in the file. */
export class StorageSlice extends Storage {
  constructor(
    readonly root: Storage,
    readonly start: number,
    size: number,
  ) {
    super(root.dtype, size);
  }
}
