/**
 * Reads and writes safetensors: a little-endian u64 header length, a JSON header (name to dtype, shape, byte range), then
 * the bytes of all tensors without holes. https://huggingface.co/docs/safetensors#format
 */

import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { floatToBfloat, floatToHalf } from './floats.js';
import { BYTES_PER_ELEMENT, elementCount, fileTensor } from './host-tensor.js';
import { checkKeys } from './json-keys.js';
import type { HostDType, HostTensor, StateDict } from './tensors.js';

const DTYPES: ReadonlyMap<string, HostDType> = new Map(
  Object.entries({
    F64: 'f64',
    F32: 'f32',
    F16: 'f16',
    BF16: 'bf16',
    I64: 'i64',
    I32: 'i32',
    I16: 'i16',
    I8: 'i8',
    U64: 'u64',
    U32: 'u32',
    U16: 'u16',
    U8: 'u8',
    BOOL: 'bool',
  } as const),
);

/** The reference implementation's limit on the header, against files that claim absurd ones. */
const MAX_HEADER_BYTES = 100_000_000;

/** The largest nets have some thousand tensors; a header of nothing but names takes seconds to read. */
const MAX_TENSORS = 2 ** 16;

/** The header's object, a tensor's, and the lists in it. */
const HEADER_DEPTH = 3;

/** Whether bytes begin as a safetensors file does: a plausible header length, then `{`. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 9 || bytes[8] !== 0x7b) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return view.getBigUint64(0, true) <= BigInt(MAX_HEADER_BYTES);
}

/**
 * Reads a safetensors file; tensors are views of `bytes`.
 * @throws UserError for a truncated file, a malformed header, an unsupported dtype, or byte ranges that overlap, leave
 *   holes or do not fit their shapes.
 */
export function parseSafetensors(bytes: Uint8Array, source: string): StateDict {
  const fail = (problem: string): never => {
    throw new UserError(`${source}: damaged safetensors file: ${problem}`);
  };
  if (bytes.length < 8) fail(`expected at least 8 bytes, got ${bytes.length}`);
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES)
    fail(`expected a header of at most ${MAX_HEADER_BYTES} bytes, got ${headerBytes}`);
  if (8 + headerBytes > bytes.length) {
    fail(`expected a header of ${headerBytes} bytes, got a file of ${bytes.length} bytes (truncated?)`);
  }
  const header = parseHeader(bytes.subarray(8, 8 + headerBytes), fail);
  const data = bytes.subarray(8 + headerBytes);

  const tensors = new Map<string, HostTensor>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of header) {
    if (name === '__metadata__') {
      metadata = parseMetadata(entry, fail);
      continue;
    }
    const { dtype, shape, begin, end } = parseEntry(name, entry, fail);
    const expected = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
    if (end - begin !== expected) {
      fail(
        `tensor "${printable(name)}" (${dtype} [${shape}]) needs ${expected} bytes, its offsets [${begin}, ${end}] give ${end - begin}`,
      );
    }
    if (end > data.length) {
      fail(
        `tensor "${printable(name)}" ends at byte ${end} of the data, the file holds ${data.length} (truncated?)`,
      );
    }
    ranges.push({ name, begin, end });
    tensors.set(
      name,
      fileTensor(dtype, shape, () => data.subarray(begin, end)),
    );
  }
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of ranges) {
    if (begin !== position) {
      fail(
        `tensor "${printable(name)}" begins at byte ${begin}, expected ${position} (ranges must neither overlap nor leave holes)`,
      );
    }
    position = end;
  }
  if (position !== data.length) fail(`expected ${position} bytes of data, got ${data.length}`);
  return { tensors, metadata, source };
}

type Fail = (problem: string) => never;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseHeader(bytes: Uint8Array, fail: Fail): [string, unknown][] {
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    checkKeys(text, HEADER_DEPTH, MAX_TENSORS);
    header = JSON.parse(text);
  } catch (error) {
    return fail(`the header is no valid JSON (${printable((error as Error).message, 200)})`);
  }
  return isObject(header) ? Object.entries(header) : fail('the header is no JSON object');
}

function parseMetadata(entry: unknown, fail: Fail): Record<string, string> {
  // As the reference implementation.
  if (entry === null) return {};
  if (!isObject(entry)) return fail('__metadata__ is no object');
  const pairs = Object.entries(entry).map(([key, value]): [string, string] =>
    typeof value === 'string' ? [key, value] : fail(`__metadata__ entry "${printable(key)}" is no string`),
  );
  return Object.fromEntries(pairs);
}

const quoted = (value: unknown): string => printable(String(JSON.stringify(value)));

interface Entry {
  dtype: HostDType;
  shape: number[];
  begin: number;
  end: number;
}

function parseEntry(name: string, entry: unknown, fail: Fail): Entry {
  if (!isObject(entry)) return fail(`tensor "${printable(name)}" has no object in the header`);
  const natural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  const dtype = typeof entry.dtype === 'string' ? DTYPES.get(entry.dtype) : undefined;
  if (!dtype) {
    return fail(
      `tensor "${printable(name)}" has dtype ${quoted(entry.dtype)}, expected one of ${[...DTYPES.keys()].join(', ')}`,
    );
  }
  const { shape, data_offsets: offsets } = entry;
  if (!Array.isArray(shape) || !shape.every(natural) || !natural(elementCount(shape))) {
    return fail(`tensor "${printable(name)}" has shape ${quoted(shape)}, expected a list of natural numbers`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(natural)) {
    return fail(`tensor "${printable(name)}" has data_offsets ${quoted(offsets)}, expected [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end)
    return fail(`tensor "${printable(name)}" has data_offsets [${begin}, ${end}], expected begin <= end`);
  return { dtype, shape, begin, end };
}

/** A tensor to write: values (not bit patterns), converted to `dtype` on the way. */
export interface TensorToWrite {
  /** C-contiguous. */
  readonly shape: readonly number[];
  /** Of the file's elements. */
  readonly dtype: HostDType;
  /** Values, as many as the shape has. */
  readonly data:
    | Float32Array
    | Float64Array
    | Int32Array
    | Uint32Array
    | Int16Array
    | Uint16Array
    | Int8Array
    | Uint8Array;
}

/**
 * Writes a safetensors file, ordered by falling element size and then by name, as the reference implementation does, so that
 * every tensor is aligned.
 * @throws Error where data and shape disagree, or where a finite value becomes infinite in f16.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const names = [...tensors.keys()].sort((a, b) => {
    const bySize = BYTES_PER_ELEMENT[tensors.get(b)!.dtype] - BYTES_PER_ELEMENT[tensors.get(a)!.dtype];
    return bySize || (a < b ? -1 : 1);
  });
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let size = 0;
  for (const name of names) {
    const { shape, dtype, data } = tensors.get(name)!;
    if (name === '__metadata__') throw new Error('safetensors: "__metadata__" is no possible tensor name');
    if (elementCount(shape) !== data.length) {
      throw new Error(
        `safetensors: tensor "${printable(name)}" has shape [${shape}] but ${data.length} values`,
      );
    }
    const end = size + data.length * BYTES_PER_ELEMENT[dtype];
    entries.push([name, { dtype: dtype.toUpperCase(), shape, data_offsets: [size, end] }]);
    size = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + size);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.fill(0x20, 8, 8 + headerBytes).set(json, 8);
  let position = 8 + headerBytes;
  for (const name of names) {
    const bytes = toBytes(name, tensors.get(name)!);
    out.set(bytes, position);
    position += bytes.length;
  }
  return out;
}

function toBytes(name: string, { dtype, data }: TensorToWrite): Uint8Array {
  const values = convert(dtype, data);
  if (dtype === 'f16') {
    const index = (values as Uint16Array).findIndex(
      (bits, i) => (bits & 0x7fff) === 0x7c00 && Number.isFinite(data[i]!),
    );
    if (index >= 0) {
      throw new Error(
        `safetensors: tensor "${printable(name)}" holds ${data[index]} at flat index ${index}, beyond f16's 65504; write it as f32`,
      );
    }
  }
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function convert(dtype: HostDType, data: TensorToWrite['data']) {
  const floats = () => (data instanceof Float32Array ? data : Float32Array.from(data));
  switch (dtype) {
    case 'f64':
      return Float64Array.from(data);
    case 'f32':
      return floats();
    case 'f16':
      return floatToHalf(floats());
    case 'bf16':
      return floatToBfloat(floats());
    case 'i64':
      return BigInt64Array.from(data, BigInt);
    case 'u64':
      return BigUint64Array.from(data, BigInt);
    case 'i32':
      return Int32Array.from(data);
    case 'u32':
      return Uint32Array.from(data);
    case 'i16':
      return Int16Array.from(data);
    case 'u16':
      return Uint16Array.from(data);
    case 'i8':
      return Int8Array.from(data);
    case 'u8':
      return data instanceof Uint8Array ? data : Uint8Array.from(data);
    case 'bool':
      return Uint8Array.from(data, (value) => (value ? 1 : 0));
  }
}
