/** Tensors as slices of a file's bytes: contiguous views where the file allows, gathered copies where strides demand it. */

import { bfloatToFloat, halfToFloat } from './floats.js';
import type { FileTensor, HostDType } from './tensors.js';

export const BYTES_PER_ELEMENT: Readonly<Record<HostDType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u64: 8,
  u32: 4,
  u16: 2,
  u8: 1,
  bool: 1,
};

/** The number of elements of a shape; 1 for a scalar's []. Infinity where it is beyond all numbers, unless an extent is 0. */
export function elementCount(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, extent) => product * extent, 1);
}

/** Makes a tensor of contiguous little-endian bytes; `raw` is called at each use and must always give the same bytes. */
export function fileTensor(dtype: HostDType, shape: readonly number[], raw: () => Uint8Array): FileTensor {
  return { dtype, shape, raw, toFloat32: () => toFloat32(dtype, raw()) };
}

/**
 * `bytes` at an offset fit for typed arrays of `size`-byte elements: themselves, or a copy. (No `slice`: a Node Buffer's
 * does not copy.)
 */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
}

function toFloat32(dtype: HostDType, raw: Uint8Array): Float32Array {
  const size = BYTES_PER_ELEMENT[dtype];
  const { buffer, byteOffset } = aligned(raw, size);
  const length = raw.length / size;
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer as ArrayBuffer, byteOffset, length);
    case 'f64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, length));
    case 'f16':
      return halfToFloat(new Uint16Array(buffer, byteOffset, length));
    case 'bf16':
      return bfloatToFloat(new Uint16Array(buffer, byteOffset, length));
    case 'i64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, length), Number);
    case 'u64':
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, length), Number);
    case 'i32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, length));
    case 'u32':
      return Float32Array.from(new Uint32Array(buffer, byteOffset, length));
    case 'i16':
      return Float32Array.from(new Int16Array(buffer, byteOffset, length));
    case 'u16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, length));
    case 'i8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, length));
    case 'u8':
    case 'bool':
      return Float32Array.from(raw);
  }
}

/**
 * Copies a strided view into C order. `strides` and `offset` count elements of `size` bytes in `storage`; the caller has
 * checked that the view lies inside the storage.
 */
export function gather(
  storage: Uint8Array,
  size: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const count = elementCount(shape);
  const out = new Uint8Array(count * size);
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let i = 0; i < count; i++) {
    for (let b = 0; b < size; b++) out[i * size + b] = storage[from * size + b]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Whether a view is C-contiguous: the strides of axes of extent 1 do not matter. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}
