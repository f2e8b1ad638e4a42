/**
 * CIFAR's Python version: a pickle of a dict with `data`, a NumPy array [n, 3072] of planes R, G, B, and a list of labels. The
 * restricted unpickler reads it; of NumPy it knows an array of bytes, and nothing is executed.
 */

import { UserError } from '../base/errors.js';
import { type PickleHost, unpickle } from '../base/pickle.js';
import { Opaque, PickleError, PyGlobal, PyObject, PyTuple, type PyValue } from '../base/pickle-values.js';
import { PLANE, RECORD_BYTES } from './cifar10-format.js';

class NumpyArray extends PyObject {
  shape: readonly PyValue[] = [];
  type = '';
  bytes: Uint8Array = new Uint8Array(0);

  /** (version, shape, dtype, Fortran order, bytes) */
  override setState(state: PyValue): void {
    const [, shape, type, fortran, bytes] = state instanceof PyTuple ? state.items : [];
    if (
      !(shape instanceof PyTuple && type instanceof NumpyType && bytes instanceof Uint8Array) ||
      fortran === true
    )
      throw new PickleError('a NumPy array is no plain array of bytes');
    this.shape = shape.items;
    this.type = type.code;
    this.bytes = bytes;
  }
}

class NumpyType extends PyObject {
  constructor(readonly code: string) {
    super();
  }
}

const text = (value: PyValue | undefined): string =>
  value instanceof Uint8Array
    ? new TextDecoder('latin1').decode(value)
    : typeof value === 'string'
      ? value
      : '';

const GLOBALS: ReadonlyMap<string, PyGlobal | Opaque> = new Map<string, PyGlobal | Opaque>([
  // How Python 3 writes bytes under protocol 2.
  [
    '_codecs.encode',
    new PyGlobal('encode', ([value]) => Uint8Array.from(text(value), (character) => character.charCodeAt(0))),
  ],
  ['numpy.core.multiarray._reconstruct', new PyGlobal('array', () => new NumpyArray())],
  ['numpy._core.multiarray._reconstruct', new PyGlobal('array', () => new NumpyArray())],
  ['numpy.ndarray', new Opaque('numpy.ndarray')],
  ['numpy.dtype', new PyGlobal('dtype', ([code]) => new NumpyType(text(code)))],
]);

const host: PickleHost = {
  keepsBytes: true,
  global(name) {
    const known = GLOBALS.get(name);
    if (!known)
      throw new PickleError(`it names the global "${name}", which CIFAR does not; nothing was executed`);
    return known;
  },
  persistent() {
    throw new PickleError('it has a persistent id');
  },
};

function readDict(bytes: Uint8Array, source: string): Map<string, PyValue> {
  try {
    const { value } = unpickle(bytes, 0, host);
    if (!(value instanceof Map)) throw new PickleError('it holds no dict');
    return new Map([...value].map(([key, entry]) => [text(key), entry]));
  } catch (error) {
    if (error instanceof PickleError)
      throw new UserError(`${source}: expected a batch of CIFAR's Python version: ${error.message}`);
    throw error;
  }
}

/** Reads a batch into records: a label byte and 3072 of pixels. `key` names its labels, which are below `classes`. */
export function readPythonBatch(bytes: Uint8Array, source: string, key: string, classes: number): Uint8Array {
  const dict = readDict(bytes, source);
  const data = dict.get('data');
  const labels = dict.get(key);
  const fail = (problem: string): never => {
    throw new UserError(`${source}: expected a batch of CIFAR's Python version, got ${problem}`);
  };
  if (!(data instanceof NumpyArray) || !/^\|?u1$/.test(data.type)) return fail('no array of bytes as "data"');
  if (!Array.isArray(labels)) return fail(`no list as "${key}"`);
  const [count, width] = data.shape;
  if (width !== 3 * PLANE || count !== labels.length || data.bytes.length !== labels.length * 3 * PLANE)
    return fail(
      `an array [${data.shape.map(String)}] of ${data.bytes.length} bytes with ${labels.length} labels`,
    );
  const records = new Uint8Array(labels.length * RECORD_BYTES);
  labels.forEach((label, i) => {
    if (!Number.isInteger(label) || (label as number) < 0 || (label as number) >= classes)
      fail(`a label beside 0 to ${classes - 1} at ${i}`);
    records[i * RECORD_BYTES] = label as number;
    records.set(data.bytes.subarray(i * 3 * PLANE, (i + 1) * 3 * PLANE), i * RECORD_BYTES + 1);
  });
  return records;
}

/** The list of names under `key` in a `meta` file. */
export function readPythonNames(bytes: Uint8Array, source: string, key: string): string[] {
  const names = readDict(bytes, source).get(key);
  if (!Array.isArray(names)) throw new UserError(`${source}: expected a list as "${key}", got none`);
  return names.map(text);
}
