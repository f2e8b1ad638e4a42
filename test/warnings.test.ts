/** What a run says against itself, in words. */
import { expect, test } from 'vitest';
import { attackSettings } from '../attack/driver.js';
import { makeSpec } from '../nets/spec.js';
import type { ImageResult } from '../report/run-files.js';
import type { AttackDocument } from '../run/summary.js';
import { warningsOf } from '../run/warnings.js';

const float = { l0: 1, l1: 1, l2: 1, linf: 1 };
const good = {
  correct: true,
  success: true,
  float: null,
  l0: 9,
  regionPixels: 500,
  cfr: 'ok',
  cfrPixels: 972,
};
const bad = (part: Partial<ImageResult>) => ({ ...good, ...part }) as ImageResult;

function told(results: readonly ImageResult[], options: Parameters<typeof attackSettings>[0]): string[] {
  const { method, settings } = attackSettings(options, makeSpec('resnet20', { classes: 10 }));
  const document = { method: method.name, settings, net: { inputSize: [32, 32] } };
  return warningsOf(document as unknown as AttackDocument, results);
}

const wrong = { correct: false, success: false };

test.each([
  [
    'rounding',
    { success: false, float },
    { method: 'ddn' },
    /^1 of 2 images were fooled before rounding.*--rounding loop/,
  ],
  ['rounding, no such setting', { success: false, float }, { method: 'pgd' }, /before rounding .*method$/],
  [
    'region',
    { success: false, regionPixels: 0, l0: 0 },
    { method: 'pgd', region: 'outside-cfr' },
    /^1 of 2 images have an empty region \(outside-cfr\)/,
  ],
  ['gradients', { success: false, l0: 0 }, { method: 'pgd' }, /^1 of 2 images came back unchanged/],
  ['CFR', { cfrPixels: 973 }, {}, /^1 of 2 images have a CFR of more than 95 % of the image/],
])('%s', (_, part, options, text) => {
  const lines = told([bad({}), bad(part as Partial<ImageResult>)], options);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(text);
});

test('nothing to say of a good run, of images that were wrong before, of what no gradient was asked for', () => {
  expect(told([bad({}), bad({ float })], { method: 'ddn' })).toEqual([]);
  expect(told([bad({}), bad({ ...wrong, l0: 0, regionPixels: 0, float })], { method: 'pgd' })).toEqual([]);
  expect(told([bad({ success: false, l0: 0 })], { method: 'square' })).toEqual([]);
  expect(told([bad({ success: false, l0: 0 })], { method: 'ddn' })).toEqual([]);
  expect(told([bad({ cfr: 'empty', cfrPixels: 1024 })], {})).toEqual([]);
});
