/** What the comparison with other engines rests on: a comparator that fails closed, and ONNX bytes as the format has them. */
import { expect, test } from 'vitest';

const load = (file: string) => import(new URL(`../bench/peers/${file}`, import.meta.url).href);

test('the peers’ comparator gives error over signal, and no number where something is none', async () => {
  const { nmseOf } = (await load('compare.mjs')) as {
    nmseOf(actual: Float32Array, expected: Float32Array): number;
  };
  expect(nmseOf(Float32Array.of(1, 2), Float32Array.of(1, 2))).toBe(0);
  expect(nmseOf(Float32Array.of(1, 3), Float32Array.of(1, 2))).toBeCloseTo(0.2);
  expect(nmseOf(Float32Array.of(1, Number.NaN), Float32Array.of(1, 2))).toBeNaN();
  expect(nmseOf(Float32Array.of(1), Float32Array.of(1, 2))).toBeNaN();
  expect(nmseOf(Float32Array.of(0, 0), Float32Array.of(0, 0))).toBeNaN();
});

test('protobuf fields: varints of 7 bits, text with its length', async () => {
  const { field } = (await load('onnx.mjs')) as { field(number: number, value: number | string): Uint8Array };
  // The examples of protobuf's own description of its encoding.
  expect([...field(1, 150)]).toEqual([0x08, 0x96, 0x01]);
  expect([...field(2, 'testing')]).toEqual([0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
  expect([...field(3, 2 ** 40)]).toEqual([0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
});
