/**
 * Half-precision conversion and finiteness scans, written for files of 10 to 140 million values: a table for f16 to f32,
 * a shift for bf16, integer arithmetic with round-to-nearest-even back (IEEE 754-2019, 4.3.1).
 */

import type { FileTensor, HostTensor } from './tensors.js';

let halfTable: Uint32Array | undefined;

/** The f32 bit patterns of all 65,536 f16 values; made at first use. */
function halfToFloatTable(): Uint32Array {
  if (halfTable) return halfTable;
  const table = new Uint32Array(65536);
  for (let h = 0; h < 65536; h++) {
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 31;
    const mantissa = h & 0x3ff;
    if (exponent === 31) table[h] = sign | 0x7f800000 | (mantissa << 13);
    else if (exponent > 0) table[h] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else if (mantissa === 0) table[h] = sign;
    else {
      // A subnormal half is a normal float: shift the leading one up to bit 10.
      const shift = Math.clz32(mantissa) - 21;
      table[h] = sign | ((113 - shift) << 23) | ((mantissa << (13 + shift)) & 0x7fffff);
    }
  }
  halfTable = table;
  return table;
}

/** f16 bit patterns to f32 values, exact. */
export function halfToFloat(bits: Uint16Array): Float32Array {
  const table = halfToFloatTable();
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return new Float32Array(out.buffer);
}

/** bf16 bit patterns to f32 values, exact. */
export function bfloatToFloat(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/** f32 values to f16 bit patterns, to nearest, ties to even; beyond 65,504 becomes infinity, NaN stays NaN. */
export function floatToHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const u = bits[i]!;
    const sign = (u >>> 16) & 0x8000;
    const magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00;
    else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000) {
      out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    } else if (magnitude <= 0x33000000) out[i] = sign;
    else {
      // Below 2^-14 the half has no implicit one: its unit is 2^-24.
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      const shift = 126 - (magnitude >>> 23);
      const floor = mantissa >>> shift;
      const rest = mantissa & ((1 << shift) - 1);
      const half = 1 << (shift - 1);
      out[i] = sign | (rest > half || (rest === half && (floor & 1) === 1) ? floor + 1 : floor);
    }
  }
  return out;
}

/** f32 values to bf16 bit patterns, to nearest, ties to even; NaN stays NaN. */
export function floatToBfloat(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const u = bits[i]!;
    out[i] = (u & 0x7fffffff) > 0x7f800000 ? (u >>> 16) | 0x40 : (u + 0x7fff + ((u >>> 16) & 1)) >>> 16;
  }
  return out;
}

/**
 * The flat index of the first NaN or infinity of a float tensor, or -1. An f64 value beyond f32's range counts as infinite.
 * Looks at the top bytes of each value, so that unaligned data needs no copy.
 */
export function nonFiniteIndex(tensor: HostTensor): number {
  const raw = (tensor as Partial<FileTensor>).raw?.();
  if (!raw) return -1;
  switch (tensor.dtype) {
    case 'f32':
      for (let i = 3; i < raw.length; i += 4) {
        if ((raw[i]! & 0x7f) === 0x7f && raw[i - 1]! & 0x80) return i >> 2;
      }
      return -1;
    case 'f16':
      for (let i = 1; i < raw.length; i += 2) if ((raw[i]! & 0x7c) === 0x7c) return i >> 1;
      return -1;
    case 'bf16':
      for (let i = 1; i < raw.length; i += 2) {
        if ((raw[i]! & 0x7f) === 0x7f && raw[i - 1]! & 0x80) return i >> 1;
      }
      return -1;
    case 'f64':
      return tensor.toFloat32().findIndex((value) => !Number.isFinite(value));
    default:
      return -1;
  }
}
