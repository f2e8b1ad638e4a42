/** What is computed of results, against values worked out by hand or by another program. */
import { describe, expect, it } from 'vitest';
import { methodNamed } from '../attack/methods/index.js';
import { gridOf } from '../experiments/grid.js';
import { paperFigures, robustTraining } from '../experiments/paper.js';
import { cutImage, summariseRegions } from '../experiments/regions.js';
import { pairOf, scaledTo } from '../experiments/transfer.js';
import { type JudgedCell, warningsOf } from '../experiments/warnings.js';
import type { ImageResult } from '../report/run-files.js';
import {
  area,
  leastOf,
  meanInterval,
  optimality,
  reach,
  robustnessCurve,
  shownReach,
  sizesOf,
  wilson,
} from '../report/statistics.js';

const never = Number.POSITIVE_INFINITY;

describe('intervals', () => {
  it('of a mean do not leave what its values can be', () => {
    const values = [1, 1, 1, 0.9];
    const { low, high } = meanInterval(values, [-1, 1])!;
    expect(high).toBe(1);
    expect(meanInterval(values, [-9, 9])!.high).toBeGreaterThan(1);
    expect(low).toBe(meanInterval(values, [-9, 9])!.low);
    expect(meanInterval([0, 0, 0, 1], [0, 1])!.low).toBe(0);
  });

  // The closed form in Python's f64.
  it.each([
    [8, 10, 0.4901624715366418, 0.9433178485456248],
    [222, 222, 0.9829904622439406, 1],
    [0, 12, 0, 0.24249400665524085],
  ])('of %i of %i', (k, n, low, high) => {
    const interval = wilson(k, n)!;
    expect(interval.low).toBeCloseTo(low, 12);
    expect(interval.high).toBeCloseTo(high, 12);
    // What defines its ends: the rate lies 1.96 deviations of the end's own away.
    for (const end of [interval.low, interval.high].filter((rate) => rate > 0 && rate < 1))
      expect(Math.abs(k / n - end) / Math.sqrt((end * (1 - end)) / n)).toBeCloseTo(1.959963984540054, 9);
  });

  it('of nothing there is none', () => {
    expect(wilson(0, 0)).toBeNull();
  });
});

describe('curves and areas', () => {
  it('a failure has no size', () => {
    const results = [
      { success: true, l0: 3, l1: 1, l2: 0.5, linf: 0.1 },
      { success: false, l0: 0, l1: 0, l2: 0, linf: 0 },
    ];
    expect(sizesOf(results, 'l2')).toEqual([0.5, never]);
    expect(sizesOf(results, 'l0')).toEqual([3, never]);
  });

  it('the curve falls where an image does, once for equal ones', () => {
    expect(robustnessCurve([2, 1, 2, never], 4)).toEqual([
      { x: 0, y: 1 },
      { x: 1, y: 1 },
      { x: 1, y: 0.75 },
      { x: 2, y: 0.75 },
      { x: 2, y: 0.25 },
      { x: 4, y: 0.25 },
    ]);
    expect(robustnessCurve([5], 4)).toEqual([
      { x: 0, y: 1 },
      { x: 4, y: 1 },
    ]);
  });

  it('the area under it is that of its steps', () => {
    // 1 * 1 + .75 * 1 + .25 * 2
    expect(area([2, 1, 2, never], 4)).toBeCloseTo(2.25, 12);
    const points = robustnessCurve([2, 1, 2, never], 4);
    const under = points.slice(1).reduce((sum, { x, y }, i) => sum + (x - points[i]!.x) * y, 0);
    expect(under).toBeCloseTo(2.25, 12);
  });

  it('areas reach to where the best fools all, else to the largest size seen', () => {
    expect(
      reach([
        [1, never],
        [9, 3],
      ]),
    ).toBe(3);
    expect(
      reach([
        [1, never],
        [9, never],
      ]),
    ).toBe(9);
    expect(reach([[never], [never]])).toBeNull();
  });

  it('optimality', () => {
    const runs = [
      [1, 4],
      [2, 2],
      [never, never],
    ];
    expect(leastOf(runs)).toEqual([1, 2]);
    // r = 2, A* = 1.5; A = (1 + 2) / 2, (2 + 2) / 2, 2.
    expect(optimality(runs)).toEqual([1, 0, 0]);
    // r = 4, A* = (1 + 4) / 2; A = 2.5, (2 + 4) / 2.
    expect(
      optimality([
        [1, 4],
        [2, 5],
      ]),
    ).toEqual([1, 1 - 0.5 / 1.5]);
    // Three times .1 is more than .3: what nothing fools is 0 all the same, not a little less.
    expect(optimality([new Array(3).fill(never), [0.1, 0.1, 0.05]])).toEqual([0, 1]);
    expect(optimality([[never], [never]])).toEqual([null, null]);
    expect(optimality([[2, 2]])).toEqual([null]);
  });

  it('a chart does not go to the last image of the worst run', () => {
    expect(
      shownReach([
        [1, 1],
        [100, 100],
      ]),
    ).toBeCloseTo(4.2, 12);
    expect(shownReach([[never]])).toBe(1);
  });
});

const result = (change: Partial<ImageResult>): ImageResult => ({
  index: 0,
  source: '',
  label: 0,
  clean: { class: 0, confidence: 1 },
  adversarial: { class: 1, confidence: 1 },
  correct: true,
  success: true,
  l0: 1,
  l1: 1,
  l2: 0.4,
  linf: 0.1,
  ssim: 1,
  iterations: 1,
  forwards: 1,
  backwards: 1,
  found: 1,
  float: null,
  regionPixels: 1024,
  sha256: '',
  cfr: 'ok',
  cfrPixels: 1,
  ...change,
});

describe('signs of an evaluation that cannot be trusted', () => {
  const net = { inputSize: 32, classes: 10 };
  function cell(
    name: string,
    options: Readonly<Record<string, unknown>>,
    successes: number,
    change: Partial<ImageResult> = {},
  ): JudgedCell {
    const method = methodNamed(name);
    const settings = method.settings(options, net);
    return {
      name: `${name} ${JSON.stringify(options)}`,
      title: name,
      net: 'net',
      method: name,
      blackBox: method.blackBox,
      kind: method.kind(settings),
      norm: method.norm(settings),
      settings,
      results: Array.from({ length: 20 }, (_, i) => result({ success: i < successes, ...change })),
    };
  }
  const signs = (...cells: JudgedCell[]) => warningsOf(cells).map(({ sign }) => sign);
  const l2 = { norm: 'l2' };

  it('a black-box method that beats those with gradients', () => {
    const square = cell('square', l2, 12);
    expect(signs(square, cell('pgd', l2, 5), cell('ddn', {}, 10))).toEqual(['black-box beats white-box']);
    expect(signs(square, cell('pgd', l2, 5), cell('ddn', {}, 11))).toEqual([]);
    // What is larger than it may be itself says nothing.
    expect(signs(square, cell('ddn', {}, 20, { l2: 3 }))).toEqual(['black-box beats white-box']);
    // Another norm, or another region, is another question.
    expect(signs(square, cell('pgd', {}, 5))).toEqual([]);
    expect(signs(square, cell('pgd', { ...l2, region: 'cfr' }, 5))).toEqual([]);
    expect(signs(square)).toEqual([]);
  });

  it('more steps that fool fewer', () => {
    const few = cell('pgd', { iterations: 10 }, 15);
    const [warning] = warningsOf([few, cell('pgd', { iterations: 40 }, 10)]);
    expect(warning).toMatchObject({ sign: 'more steps fool fewer' });
    expect(warning!.text).toMatch(/fools 15 images with iterations 10 and 10 with 40/);
    expect(signs(few, cell('pgd', { iterations: 40 }, 14))).toEqual([]);
    expect(signs(few, cell('pgd', { iterations: 5 }, 10))).toEqual([]);
    // Its alpha follows from the steps.
    expect(signs(cell('mifgsm', { iterations: 4 }, 9), cell('mifgsm', { iterations: 8 }, 5))).toHaveLength(1);
    expect(signs(few, cell('pgd', { iterations: 40, epsilon: 0.01 }, 10))).toEqual([]);
  });

  it('success that is lost by rounding', () => {
    const float = { l0: 1, l1: 1, l2: 1, linf: 1 };
    expect(signs(cell('ddn', { rounding: 'end' }, 10, { float }))).toEqual(['lost by rounding']);
    expect(signs(cell('ddn', { rounding: 'end' }, 19, { float }))).toEqual([]);
    expect(signs(cell('ddn', {}, 10))).toEqual([]);
  });

  it('images that a budget attack left as they are', () => {
    expect(signs(cell('pgd', {}, 0, { l0: 0 }))).toEqual(['unchanged images']);
    // Outside of an empty region nothing may change; a minimal attack that failed gives the image back.
    expect(signs(cell('pgd', {}, 0, { l0: 0, regionPixels: 0 }))).toEqual([]);
    expect(signs(cell('ddn', {}, 0, { l0: 0 }))).toEqual([]);
  });
});

describe('the paper', () => {
  it('reports of its nets, by data and training', () => {
    const resnet18 = { name: 'resnet18-cifar10', arch: 'resnet18', classes: 10 };
    expect(paperFigures(resnet18, 'cfr')).toEqual({
      asr: 100,
      ssim: 0.99,
      l0: 2333,
      l1: 77.03,
      l2: 1.56,
      linf: 0.07,
    });
    expect(paperFigures({ ...resnet18, classes: 1000 }, 'cfr')).toBeUndefined();
    expect(paperFigures({ name: 'vgg19', arch: 'vgg19_bn', classes: 1000 }, 'lavan')?.l0).toBe(7500);
    expect(paperFigures(resnet18, 'ddn')).toBeUndefined();
    expect(paperFigures({ ...resnet18, name: 'resnet18-pgdat-cifar10' }, 'cw-l2')?.asr).toBe(65.71);
    expect(robustTraining('resnet18-fastat-cifar10')).toBe('fastat');
    expect(robustTraining('resnet18-cifar10')).toBeUndefined();
  });
});

describe('regions', () => {
  const x = Float32Array.from({ length: 12 }, (_, i) => (i + 1) / 12);
  const inside = [true, false, false, true];
  const zeros = (image: Float32Array) => [...image].map((value) => value === 0);

  it('sets in every channel what it cuts to 0, and nothing else', () => {
    expect(cutImage(x, inside, 'clean', 0, 0)).toEqual(x);
    const three = (pixels: boolean[]) => [...pixels, ...pixels, ...pixels];
    expect(zeros(cutImage(x, inside, 'cfr', 0, 0))).toEqual(three(inside));
    expect(zeros(cutImage(x, inside, 'non-cfr', 0, 0))).toEqual(three(inside.map((is) => !is)));
    for (let index = 0; index < 20; index++) {
      const cut = zeros(cutImage(x, inside, 'random', 7, index));
      expect(cut.filter(Boolean)).toHaveLength(6);
      expect(cut).toEqual(three(cut.slice(0, 4)));
    }
    expect(x[0]).toBeCloseTo(1 / 12);
  });

  it('counts', () => {
    const line = { index: 0, label: 1, pixels: 5, clean: 1, cfr: 0, 'non-cfr': 1, random: 1 };
    const said = summariseRegions([line, { ...line, pixels: 0, clean: 2, random: 0 }], 10);
    expect(said).toMatchObject({ n: 2, empty: 1, share: 0.25 });
    expect(said.accuracy.clean).toMatchObject({ correct: 1, rate: 0.5 });
    expect(said.accuracy.cfr).toMatchObject({ correct: 0, rate: 0 });
    expect(said.accuracy['non-cfr']).toMatchObject({ correct: 2 });
    expect(said.accuracy.random).toMatchObject({ correct: 1 });
    expect(summariseRegions([], 10)).toMatchObject({ n: 0, share: null, accuracy: { clean: null } });
  });
});

describe('transfer', () => {
  const picture = (bytes: readonly number[]) => ({ width: 2, height: 2, data: Uint8Array.from(bytes) });
  const clean = picture([100, 100, 100, 100, 100, 100, 100, 100, 100, 250, 0, 100]);
  const adversarial = picture([101, 99, 100, 100, 100, 100, 100, 100, 100, 251, 0, 100]);
  const l2 = (image: { data: Uint8Array }) =>
    Math.hypot(...[...image.data].map((value, i) => (value - clean.data[i]!) / 255));

  it('moves an image along its perturbation to a size, within 8 bits and the box', () => {
    for (const size of [0.05, 0.2, 0.3]) {
      const scaled = scaledTo(clean, adversarial, size);
      expect(Math.abs(l2(scaled) - size)).toBeLessThan(2 / 255);
      expect(scaled.data[2]).toBe(100);
      expect(scaled.data[0]! - 100).toBe(100 - scaled.data[1]!);
    }
    expect(scaledTo(clean, adversarial, 0.3).data[9]).toBe(255);
    expect(scaledTo(clean, clean, 1)).toEqual(clean);
    // All that the box allows is less than asked.
    expect(scaledTo(clean, adversarial, 100).data.slice(0, 2)).toEqual(Uint8Array.of(255, 0));
  });

  it('counts what the target still sees', () => {
    const line = { index: 0, label: 1, class: 1, classAtL2: 0, l2: 0.2, scaledL2: 1 };
    const names = { substitute: 'a', target: 'b', method: 'cfr', cell: 'c', lines: 'l' };
    const pair = pairOf(names, [line, { ...line, class: 0, l2: 0.4 }]);
    expect(pair).toMatchObject({
      n: 2,
      correct: 1,
      correctAtL2: 0,
      accuracy: 0.5,
      accuracyAtL2: 0,
      scaledL2: 1,
    });
    expect(pair.l2).toBeCloseTo(0.3, 12);
  });
});

it('a grid has all combinations, the last setting fastest', () => {
  expect(
    gridOf([
      { setting: 'a', values: [1, 2] },
      { setting: 'b', values: ['x', 'y'] },
    ]),
  ).toEqual([
    { a: 1, b: 'x' },
    { a: 1, b: 'y' },
    { a: 2, b: 'x' },
    { a: 2, b: 'y' },
  ]);
});
