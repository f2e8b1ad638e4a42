/** The preprocessor of the kernel files. */
import { describe, expect, test } from 'vitest';
import { expandShader, F32 } from '../engine/template.js';

describe('expandShader', () => {
  test('declares constants by type', () => {
    const text = expandShader('fn f() {}', { N: 3, SCALE: 0.5, ONE: new F32(1), ON: true, NEGATIVE: -2 });
    expect(text.split('\n')).toEqual([
      'const N: i32 = 3;',
      'const SCALE: f32 = 5e-1f;',
      'const ONE: f32 = 1.0f;',
      'const ON: bool = true;',
      'const NEGATIVE: i32 = -2;',
      'fn f() {}',
    ]);
  });

  test('keeps one branch of nested conditions', () => {
    const text = 'a\n//#if N > 1\nb\n//#if ON\nc\n//#else\nd\n//#endif\n//#else\ne\n//#endif\nf';
    const body = (n: number, on: boolean) =>
      expandShader(text, { N: n, ON: on }).split('\n').slice(2).join('');
    expect(body(2, true)).toBe('abcf');
    expect(body(2, false)).toBe('abdf');
    expect(body(1, true)).toBe('aef');
  });

  test('repeats loop bodies and substitutes expressions of loop variables only', () => {
    const text = '//#for I in 0..2\n//#for J in I..2\nx{I}_{I * 2 + J} { N };\n//#end\n//#end';
    expect(expandShader(text, { N: 7 }).split('\n').slice(1)).toEqual([
      'x0_0 { N };',
      'x0_1 { N };',
      'x1_3 { N };',
    ]);
  });

  test('hoists enable directives above the declarations', () => {
    expect(expandShader('// about\nenable f16;\nfn f() {}', { N: 1 })).toBe(
      'enable f16;\nconst N: i32 = 1;\n// about\nfn f() {}',
    );
  });

  test.each([
    ['1 + 2 * 3 - 4 / 2 % 3', 5],
    ['(1 + 2) * -N', -9],
    ['N > 2 && !ON || N == 1 ? 10 : N >= 3 ? 20 : 30', 20],
    ['8 - 2 - 1', 5],
  ])('evaluates %s', (text, value) => {
    expect(
      expandShader(`//#for I in ${text}..${value} + 1\nx{I}\n//#end`, { N: 3, ON: true }).split('\n')[2],
    ).toBe(`x${value}`);
  });

  test.each([
    ['//#if N', {}, 'names "N"'],
    ['//#if true\nx', {}, 'has no "//#endif"'],
    ['//#for I in 0..2\nx', {}, 'has no "//#end"'],
    ['//#for I of 3\n//#end', {}, 'expected "//#for I in A..B"'],
    ['//#endif', {}, 'got "//#endif"'],
    ['//#unroll 3', {}, 'got "//#unroll"'],
    ['x', { N: Number.NaN }, 'expected a finite constant'],
    ['//#if globalThis.process\n//#endif', {}, 'expected an arithmetic expression'],
    ['//#if globalThis\n//#endif', {}, 'names "globalThis"'],
  ])('refuses %j', (text, constants, message) => {
    expect(() => expandShader(text, constants)).toThrow(message);
  });
});
