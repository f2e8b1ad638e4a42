/** The comparator must reject what a careless one lets pass: NaN, infinities, wrong shapes, nothing at all. */
import { describe, expect, it } from 'vitest';
import { compare, expectClose, nmse } from './support/compare.js';
import { Random } from './support/random.js';

const LOOSE = { atol: 1e30, rtol: 1e30 };
const f32 = (...values: number[]) => Float32Array.from(values);

describe('compare', () => {
  it('accepts what lies within atol + rtol * |expected|, edge included', () => {
    expect(compare([1.5, -3], [1, -2], { atol: 0.5, rtol: 0.25 }).ok).toBe(true);
    expect(compare([1.5], [1], { atol: 0.5 }).ok).toBe(true);
    expect(compare([1.5 + 1e-9], [1], { atol: 0.5 }).ok).toBe(false);
    expect(compare([-2.1], [-2], { rtol: 0.04 }).ok).toBe(false);
    expect(compare(f32(1, 2), new Float64Array([1, 2])).ok).toBe(true);
  });

  it('is exact without a tolerance', () => {
    expect(compare([1], [1 + Number.EPSILON]).ok).toBe(false);
    expect(compare([0], [-0]).ok).toBe(true);
  });

  it('scales the tolerance by the expected value, not by the actual one', () => {
    expect(compare([1000], [1], { rtol: 1 }).ok).toBe(false);
    expect(compare([1], [1000], { rtol: 1 }).ok).toBe(true);
  });

  it.each([
    ['NaN for a number', [Number.NaN], [1]],
    ['a number for NaN', [1], [Number.NaN]],
    ['NaN for NaN', [Number.NaN], [Number.NaN]],
    ['infinity for a number', [Number.POSITIVE_INFINITY], [1]],
    ['a number for infinity', [1], [Number.POSITIVE_INFINITY]],
    ['the other infinity', [Number.NEGATIVE_INFINITY], [Number.POSITIVE_INFINITY]],
    ['NaN for infinity', [Number.NaN], [Number.POSITIVE_INFINITY]],
    ['infinity for NaN', [Number.POSITIVE_INFINITY], [Number.NaN]],
    ['NaN in the last place', [0, 0, Number.NaN], [0, 0, 0]],
  ])('rejects %s at any tolerance', (_, actual, expected) => {
    for (const tolerance of [LOOSE, { nmse: 1e30 }, { ...LOOSE, nmse: 1e30 }, {}]) {
      expect(compare(actual, expected, tolerance).ok).toBe(false);
    }
  });

  it('accepts equal infinities, and NaN for NaN only when told', () => {
    const infinities = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1];
    for (const tolerance of [{}, { atol: 0 }, { rtol: 1e-3 }, { nmse: 1e-6 }]) {
      expect(compare(infinities, infinities, tolerance).ok).toBe(true);
    }
    expect(compare([Number.NaN, 1], [Number.NaN, 1], { allowNaN: true }).ok).toBe(true);
    expect(compare([Number.NaN, 1], [1, 1], { allowNaN: true, ...LOOSE }).ok).toBe(false);
    expect(compare([1, 1], [Number.NaN, 1], { allowNaN: true, ...LOOSE }).ok).toBe(false);
  });

  it('rejects empty input and wrong lengths', () => {
    expect(compare([], [], LOOSE).message).toContain('got none');
    expect(compare([1], [1, 1], LOOSE).message).toContain('expected 2 values, got 1');
    expect(compare([1, 1], [1], LOOSE).ok).toBe(false);
    expect(compare({ data: [], shape: [0] }, { data: [], shape: [0] }, LOOSE).ok).toBe(false);
  });

  it('rejects wrong shapes before it looks at values', () => {
    const data = [1, 2, 3, 4, 5, 6];
    const message = compare({ data, shape: [2, 3] }, { data, shape: [3, 2] }, LOOSE).message;
    expect(message).toBe('compare: expected shape [3, 2], got [2, 3]');
    expect(compare({ data, shape: [6] }, { data, shape: [6, 1] }, LOOSE).ok).toBe(false);
    expect(compare({ data, shape: [7] }, { data, shape: [7] }, LOOSE).ok).toBe(false);
    expect(compare({ data, shape: [2, 3] }, data, LOOSE).ok).toBe(true);
  });

  it('rejects tolerances that would accept everything', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      expect(() => compare([1], [1], { atol: bad })).toThrow('atol');
      expect(() => compare([1], [1], { rtol: bad })).toThrow('rtol');
      expect(() => compare([1], [1], { nmse: bad })).toThrow('nmse');
    }
  });

  it('bounds the error of the whole by NMSE, alone or beside the elementwise limit', () => {
    const expected = new Random(1).normalArray(1000);
    const actual = expected.map((value) => value * 1.01);
    expect(compare(actual, expected, { nmse: 1.1e-4 }).ok).toBe(true);
    expect(compare(actual, expected, { nmse: 0.9e-4 }).ok).toBe(false);
    expect(compare(actual, expected, { atol: 1, nmse: 0.9e-4 }).ok).toBe(false);
    expect(compare(actual, expected, { atol: 1e-6, nmse: 1 }).ok).toBe(false);
    expect(compare([0, 0], [0, 0], { nmse: 0 }).ok).toBe(true);
    expect(compare([0, 1e-9], [0, 0], { nmse: 1 }).ok).toBe(false);
  });
});

describe('nmse', () => {
  it('is the share of the error in the signal', () => {
    expect(nmse([2, 0], [0, 2])).toBe(2);
    expect(nmse([3, 4], [3, 4])).toBe(0);
    expect(nmse([0], [0])).toBe(0);
    expect(nmse([1], [0])).toBe(Number.POSITIVE_INFINITY);
    expect(nmse([Number.NaN], [1])).toBeNaN();
    expect(() => nmse([1], [1, 2])).toThrow('expected 2 values, got 1');
  });
});

describe('expectClose', () => {
  it('prints label, index, coordinates, both values, max-abs and NMSE', () => {
    const expected = { data: f32(1, 2, 3, 4), shape: [2, 2] };
    const actual = { data: f32(1, 2.5, 3, 8), shape: [2, 2] };
    expect(() => expectClose(actual, expected, { atol: 0.25, rtol: 0, nmse: 1, label: 'conv2d' })).toThrow(
      'conv2d: 2 of 4 values differ; first index 1 [0, 1]: expected 2, got 2.5; ' +
        'worst index 3 [1, 1]: expected 4, got 8; max-abs 4, NMSE 0.5416666666666666; ' +
        'allowed atol 0.25 + rtol 0 * |expected|, NMSE 1',
    );
    expect(() => expectClose([1], [1])).not.toThrow();
  });

  it('names a NaN and where it is', () => {
    expect(() => expectClose([0, Number.NaN], [0, 0], LOOSE)).toThrow('first index 1: expected 0, got NaN');
  });
});

describe('Random', () => {
  it('repeats itself by seed and differs between seeds', () => {
    expect([...new Random(7).normalArray(4)]).toEqual([...new Random(7).normalArray(4)]);
    expect([...new Random(7).normalArray(4)]).not.toEqual([...new Random(8).normalArray(4)]);
  });

  it('has the moments it claims', () => {
    const moments = (values: ArrayLike<number>) => {
      const list = Array.from(values);
      const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
      return [mean, list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length] as const;
    };
    const [mean, variance] = moments(new Random(3).normalArray(50_000, 2));
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 4)).toBeLessThan(0.1);
    const [uniformMean, uniformVariance] = moments(new Random(4).uniformDoubles(50_000, -1, 1));
    expect(Math.abs(uniformMean)).toBeLessThan(0.01);
    expect(Math.abs(uniformVariance - 1 / 3)).toBeLessThan(0.01);
    expect(new Set(new Random(5).labels(500, 10)).size).toBe(10);
  });
});
