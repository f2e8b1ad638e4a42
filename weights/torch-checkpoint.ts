/** Finds the state dict in an unpickled checkpoint, turns its tensors into views, and puts plain values aside as metadata. */

import { UserError } from '../base/errors.js';
import { BYTES_PER_ELEMENT, elementCount, fileTensor, gather, isContiguous } from './host-tensor.js';
import { NumpyArray } from './numpy-values.js';
import type { HostTensor, StateDict } from './state-dict.js';
import { type Storage, StorageSlice, TorchTensor } from './torch-globals.js';
import { Opaque, PyTuple, type PyValue } from './torch-values.js';

/** Keys under which training scripts store the state dict, most specific first. */
const WRAPPERS = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'weights',
  'params',
  'module',
];

/** No tensor of a net is near this; a stride of 0 could otherwise claim any size from four bytes. */
const MAX_ELEMENTS = 2 ** 31;
const MAX_EXPANDED_ELEMENTS = 2 ** 26;

type Dict = Map<PyValue, PyValue>;
type Found = Pick<StateDict, 'tensors' | 'metadata'>;

/**
 * Takes the state dict out of `root`: under a usual wrapper key, or `root` itself, or the only value that looks like one; of several
 * all, each tensor's name behind its key and a dot. What holds no weights is no state dict, whatever its key.
 * @throws UserError where there is none, or where it holds something that is no tensor.
 */
export function pickStateDict(root: PyValue, source: string): Found {
  const metadata: [string, string][] = [];
  const dict = find(root, source, metadata);
  const tensors = new Map<string, HostTensor>();
  for (const [key, value] of dict) {
    const name = String(key);
    if (value instanceof TorchTensor) tensors.set(name, materialise(name, value, source));
    else if (value instanceof Opaque) {
      throw new UserError(
        `${source}: "${name}" in the state dict is an object of the unsupported global "${value.name}"; expected tensors only, save them alone`,
      );
    } else addMetadata(metadata, name, value, source);
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

/** A dict with tensors among its values; of several axes where `weights` are asked for, which settings and counters have not. */
function isStateDict(value: PyValue | undefined, weights = false): value is Dict {
  return (
    value instanceof Map &&
    [...value.values()].some((entry) => entry instanceof TorchTensor && (!weights || entry.shape.length > 1))
  );
}

/** Checkpoints nest a state dict in at most so many dicts. */
const MAX_DEPTH = 3;

/** `seen`: dicts that were searched already, since a pickle may share them, or nest one in itself. */
function holdsStateDict(
  value: PyValue | undefined,
  weights: boolean,
  depth: number,
  seen = new Set<PyValue>(),
): boolean {
  if (isStateDict(value, weights)) return true;
  if (depth <= 0 || !(value instanceof Map) || seen.has(value)) return false;
  seen.add(value);
  return [...value].some(
    ([key, inner]) => !isTraining(key) && holdsStateDict(inner, weights, depth - 1, seen),
  );
}

/** Optimizers hold tensors too. */
function isTraining(key: PyValue): boolean {
  return /optim|sched|scaler|callback/i.test(String(key));
}

function find(root: PyValue, source: string, metadata: [string, string][], depth = MAX_DEPTH): Dict {
  if (!(root instanceof Map))
    throw new UserError(`${source}: expected a state dict (a dict of tensors), got ${describe(root)}`);
  // Only where no dict holds a matrix is one of vectors taken for a state dict.
  for (const weights of [true, false]) {
    const wrapper = WRAPPERS.find((key) => holdsStateDict(root.get(key), weights, depth));
    if (wrapper !== undefined) return descend(root, wrapper, source, metadata, depth);
    const inside = [...root.keys()].filter((key) => !isTraining(key));
    const direct = inside.filter((key) => isStateDict(root.get(key), weights));
    const nested = inside.filter((key) => holdsStateDict(root.get(key), weights, depth));
    const candidates = direct.length > 0 || nested.length > 1 ? direct : nested;
    if (isStateDict(root, weights)) return root;
    const [only, ...others] = candidates;
    if (only !== undefined && others.length === 0) return descend(root, only, source, metadata, depth);
    if (others.length > 0) return joined(root, candidates, source, metadata);
  }
  const object = [...root.values()].find((value) => value instanceof Opaque) as Opaque | undefined;
  const keys = [...root.keys()].slice(0, 8).map(String).join(', ');
  throw new UserError(
    `${source}: expected a state dict, got a dict without tensors (keys: ${keys || 'none'}${object ? `; holds a ${object.name}` : ''}); ` +
      'save model.state_dict()',
  );
}

function descend(
  root: Dict,
  inner: PyValue,
  source: string,
  metadata: [string, string][],
  depth: number,
): Dict {
  for (const [key, value] of root) if (key !== inner) addMetadata(metadata, String(key), value, source);
  const value = root.get(inner)!;
  return isStateDict(value, true) ? value : find(value, source, metadata, depth - 1);
}

/** Several state dicts as one. */
function joined(root: Dict, keys: readonly PyValue[], source: string, metadata: [string, string][]): Dict {
  for (const [key, value] of root) if (!keys.includes(key)) addMetadata(metadata, String(key), value, source);
  return new Map(
    keys.flatMap((key) =>
      [...(root.get(key) as Dict)].map(([name, value]): [PyValue, PyValue] => [
        `${String(key)}.${String(name)}`,
        value,
      ]),
    ),
  );
}

/** Beyond this a list is data, no setting. */
const MAX_SETTING = 4096;

/** Keeps strings, numbers and short lists of them, also as tensors and arrays; drops the rest (optimizer states, arguments, hooks). */
function addMetadata(metadata: [string, string][], key: string, value: PyValue, source: string): void {
  const plain = (entry: PyValue) =>
    typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean';
  if (typeof value === 'string') metadata.push([key, value]);
  else if (plain(value) || typeof value === 'bigint') metadata.push([key, String(value)]);
  else if (value instanceof TorchTensor) {
    if (value.shape.length === 0 || elementCount(value.shape) > MAX_SETTING) return;
    metadata.push([key, JSON.stringify([...materialise(key, value, source).toFloat32()])]);
  } else if (value instanceof Map) {
    // A normalisation among the arguments, or as a dict of its own.
    if (!value.has('mean') || !value.has('std')) return;
    for (const name of ['mean', 'std']) {
      const inner = value.get(name)!;
      if (!(inner instanceof Map) && !metadata.some(([known]) => known === name))
        addMetadata(metadata, name, inner, source);
    }
  } else {
    const items =
      value instanceof PyTuple
        ? value.items
        : value instanceof NumpyArray
          ? value.values()
          : Array.isArray(value)
            ? value
            : [];
    const single = items.length === 1 && value instanceof NumpyArray && value.isScalar;
    if (single) metadata.push([key, String(items[0])]);
    else if (items.length > 0 && items.every(plain)) metadata.push([key, JSON.stringify(items)]);
    else if (
      items.length > 0 &&
      items.length <= 16 &&
      items.every((item) => item instanceof NumpyArray && item.isScalar)
    )
      metadata.push([key, JSON.stringify(items.map((item) => (item as NumpyArray).values()[0]))]);
  }
}

function describe(value: PyValue): string {
  if (value instanceof Opaque)
    return `an object of the unsupported global "${value.name}" (a whole pickled module?); save model.state_dict()`;
  if (value instanceof TorchTensor) return `a single tensor [${value.shape}]`;
  if (Array.isArray(value)) return `a list of ${value.length} values`;
  if (value instanceof PyTuple) return `a tuple of ${value.items.length} values`;
  return value === null ? 'None' : `a ${typeof value}`;
}

function storageBytes(storage: Storage): Uint8Array | undefined {
  if (!(storage instanceof StorageSlice)) return storage.bytes;
  const size = BYTES_PER_ELEMENT[storage.dtype];
  const root = storageBytes(storage.root);
  const end = (storage.start + storage.numel) * size;
  return root && end <= root.length ? root.subarray(storage.start * size, end) : undefined;
}

function materialise(name: string, tensor: TorchTensor, source: string): HostTensor {
  const fail = (problem: string): never => {
    throw new UserError(`${source}: tensor "${name}": ${problem} (damaged file?)`);
  };
  const { storage, dtype, shape, strides, offset } = tensor;
  const bytes = storage && storageBytes(storage);
  if (!bytes || !dtype) return fail('its storage is missing');
  const size = BYTES_PER_ELEMENT[dtype];
  const available = Math.floor(bytes.length / size);
  const count = elementCount(shape);
  if (count > MAX_ELEMENTS || (count > available && count > MAX_EXPANDED_ELEMENTS))
    return fail(`shape [${shape}] is too large`);
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
