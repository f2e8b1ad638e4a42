import { expect, test } from 'vitest';
import { printable } from '../base/printable.js';

test.each([
  ['plain, ümläut, 猫 and 🐈', 'plain, ümläut, 猫 and 🐈'],
  ['a\x1b[31mb\x07', 'a\\x1b[31mb\\x07'],
  ['a\nb\r\tc\0', 'a\\nb\\r\\tc\\x00'],
  ['\x7f\x9b2J', '\\x7f\\x9b2J'],
  ['gnp\u202e.exe\u2069\u2028', 'gnp\\u202e.exe\\u2069\\u2028'],
  ['half \ud83d', 'half \\ud83d'],
  ['C:\\new', 'C:\\new'],
])('%j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('a long text is cut, and says so', () => {
  expect(printable('x'.repeat(15), 10)).toBe(`${'x'.repeat(10)}… (5 more characters)`);
  expect(printable('x'.repeat(10), 10)).toBe('x'.repeat(10));
  expect(printable('x'.repeat(1e6)).length).toBeLessThan(4100);
});
