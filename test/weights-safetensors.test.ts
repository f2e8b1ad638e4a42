/** safetensors: read, written, read back; malformed headers; half-precision rounding against PyTorch's. */

import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '../weights/floats.js';
import { encodeSafetensors, parseSafetensors, type TensorToWrite } from '../weights/safetensors.js';
import { parseStateDict } from '../weights/state-dict.js';
import { fixture, messageOf, outline, parseFixture } from './fixtures/weights/fixtures.js';

function file(header: unknown, data: number | Uint8Array = 0, declared?: number): Uint8Array {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const body = typeof data === 'number' ? new Uint8Array(data) : data;
  const out = new Uint8Array(8 + json.length + body.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(declared ?? json.length), true);
  out.set(new TextEncoder().encode(json), 8);
  out.set(body, 8 + json.length);
  return out;
}

const f32 = (shape: unknown, begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  it('writes what it reads, with metadata', () => {
    const tensors = new Map<string, TensorToWrite>([
      ['weight', { shape: [2, 3], dtype: 'f32', data: Float32Array.of(1, -2, 3.5, 0, 1e-40, -0) }],
      ['half', { shape: [3], dtype: 'f16', data: Float32Array.of(0.1, 65504, -6e-8) }],
      ['brain', { shape: [2, 1], dtype: 'bf16', data: Float32Array.of(0.1, 3e38) }],
      ['double', { shape: [], dtype: 'f64', data: Float64Array.of(0.1) }],
      ['long', { shape: [2], dtype: 'i64', data: Int32Array.of(-5, 7) }],
      ['labels', { shape: [4], dtype: 'u8', data: Uint8Array.of(0, 255, 3, 4) }],
      ['flags', { shape: [2], dtype: 'bool', data: Uint8Array.of(0, 2) }],
      ['none', { shape: [0, 5], dtype: 'i32', data: new Int32Array(0) }],
    ]);
    const bytes = encodeSafetensors(tensors, { architecture: 'resnet18', __proto__x: 'kept' });
    const got = parseStateDict(bytes, 'x.safetensors');
    expect(got.metadata).toEqual({ architecture: 'resnet18', __proto__x: 'kept' });
    expect(outline(got.tensors)).toEqual(outline(tensors));
    const values = (name: string) => [...got.tensors.get(name)!.toFloat32()];
    expect(values('weight')).toEqual([1, -2, 3.5, 0, Math.fround(1e-40), -0]);
    expect(values('half')).toEqual([0.0999755859375, 65504, -(2 ** -24)]);
    expect(values('brain')[0]).toBe(0.10009765625);
    expect(values('double')).toEqual([Math.fround(0.1)]);
    expect(values('long')).toEqual([-5, 7]);
    expect(values('labels')).toEqual([0, 255, 3, 4]);
    expect(values('flags')).toEqual([0, 1]);
    expect(got.tensors.get('weight')!.toFloat32().buffer, 'f32 is aligned: a view').toBe(bytes.buffer);
  });

  it('refuses to write what does not fit', () => {
    const write = (tensor: TensorToWrite) => () => encodeSafetensors(new Map([['t', tensor]]));
    expect(write({ shape: [2], dtype: 'f32', data: new Float32Array(3) })).toThrow(
      /shape \[2\] but 3 values/,
    );
    expect(write({ shape: [2], dtype: 'f16', data: Float32Array.of(1, 7e4) })).toThrow(
      /70000 at flat index 1, beyond f16's 65504/,
    );
    expect(write({ shape: [1], dtype: 'f16', data: Float32Array.of(Number.NaN) })).not.toThrow();
  });

  const malformed: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
    ['7 bytes', new Uint8Array(7), /at least 8 bytes, got 7/],
    ['a header beyond the end', file('{}', 0, 100), /header of 100 bytes, got a file of 10 bytes/],
    ['a huge header', file('{}', 0, 2 ** 40), /at most 100000000 bytes/],
    ['no JSON', file('{"a"'), /no valid JSON/],
    ['a list', file('[]'), /no JSON object/],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }), /entry "a" is no string/],
    ['an entry that is no object', file({ t: 3 }), /tensor "t" has no object/],
    [
      'an unknown dtype',
      file({ t: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, 1),
      /dtype "F8_E4M3", expected one of F64/,
    ],
    [
      'an inherited dtype',
      file({ t: { dtype: 'constructor', shape: [1], data_offsets: [0, 1] } }, 1),
      /dtype "constructor"/,
    ],
    ['a negative extent', file({ t: f32([-1], 0, 4) }, 4), /shape \[-1\]/],
    ['a fractional extent', file({ t: f32([0.5], 0, 2) }, 2), /shape \[0.5\]/],
    [
      'an overflowing shape',
      file({ t: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
      /expected a list of natural numbers/,
    ],
    ['offsets in the wrong order', file({ t: f32([1], 4, 0) }, 4), /expected begin <= end/],
    ['offsets that are none', file({ t: { dtype: 'F32', shape: [1] } }, 4), /data_offsets undefined/],
    [
      'a size that is not its shape',
      file({ t: f32([2], 0, 4) }, 4),
      /needs 8 bytes, its offsets \[0, 4\] give 4/,
    ],
    ['data cut short', file({ t: f32([2], 0, 8) }, 7), /ends at byte 8 of the data, the file holds 7/],
    ['trailing data', file({ t: f32([1], 0, 4) }, 5), /expected 4 bytes of data, got 5/],
    [
      'an overlap',
      file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8),
      /tensor "b" begins at byte 4, expected 8/,
    ],
    [
      'a hole',
      file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      /tensor "b" begins at byte 8, expected 4/,
    ],
  ];
  for (const [what, bytes, message] of malformed) {
    it(`refuses ${what}`, () => {
      expect(() => parseSafetensors(bytes, 'net.safetensors')).toThrow(UserError);
      expect(messageOf(() => parseSafetensors(bytes, 'net.safetensors'))).toMatch(message);
    });
  }

  it('names tensor and index of a NaN or infinity', () => {
    for (const dtype of ['f32', 'f16', 'bf16', 'f64']) {
      const name = `nan-${dtype}.safetensors`;
      expect(messageOf(() => parseFixture(name))).toMatch(
        new RegExp(
          `^${name}: tensor "layer.weight" \\(${dtype} \\[3,4\\]\\) holds NaN or infinity at flat index 7;`,
        ),
      );
    }
    const beyond = encodeSafetensors(
      new Map([['d', { shape: [2], dtype: 'f64', data: Float64Array.of(1, 1e300) }]]),
    );
    expect(messageOf(() => parseStateDict(beyond, 'x'))).toMatch(/flat index 1/);
  });

  it('whatever the length a file is cut to', () => {
    const bytes = fixture('every.safetensors');
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseStateDict(bytes.subarray(0, length), 'x'), `cut to ${length}`).toThrow(UserError);
    }
  });
});

describe('half precision', () => {
  const bits = (name: string) => {
    const values = parseSafetensors(fixture('rounding.safetensors'), 'rounding').tensors.get(name)!;
    return values.toFloat32();
  };

  it('rounds as PyTorch does, subnormals and ties included', () => {
    const raw = fixture('rounding.safetensors');
    const header = JSON.parse(
      new TextDecoder().decode(raw.subarray(8, 8 + new DataView(raw.buffer).getUint32(0, true))),
    );
    const start = 8 + new DataView(raw.buffer).getUint32(0, true) + header.f32_bits.data_offsets[0];
    const floats = new Float32Array(raw.slice(start, start + 4 * header.f32_bits.shape[0]).buffer);
    const unsigned = (values: Float32Array) => [...values].map((value) => value & 0xffff);
    expect([...floatToHalf(floats)]).toEqual(unsigned(bits('f16_bits')));
    expect([...floatToBfloat(floats)]).toEqual(unsigned(bits('bf16_bits')));
    expect(floats.length).toBeGreaterThan(3000);
  });

  it('goes from f16 and bf16 to f32 and back without loss, for all 65,536 patterns', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const isNan = (i: number, exponent: number, mantissa: number) =>
      (i & exponent) === exponent && (i & mantissa) !== 0;
    const numbers = all.filter((i) => !isNan(i, 0x7c00, 0x3ff));
    expect([...floatToHalf(halfToFloat(numbers))]).toEqual([...numbers]);
    expect(halfToFloat(all.filter((i) => isNan(i, 0x7c00, 0x3ff))).every(Number.isNaN)).toBe(true);
    const brains = all.filter((i) => !isNan(i, 0x7f80, 0x7f));
    expect([...floatToBfloat(bfloatToFloat(brains))]).toEqual([...brains]);
    expect([...floatToBfloat(Float32Array.of(Number.NaN))].map((i) => isNan(i, 0x7f80, 0x7f))).toEqual([
      true,
    ]);
  });
});
