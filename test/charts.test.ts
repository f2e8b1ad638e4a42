/** Charts: that each mark stands for its number, axes name quantity and unit, and nothing is cut, lost or made up. */
import { createHash } from 'node:crypto';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import type { Image } from '../data/rgb.js';
import { bins } from '../report/charts/bins.js';
import {
  barChart,
  chartPng,
  heatmapChart,
  histogramChart,
  imageGrid,
  lineChart,
  scatterChart,
} from '../report/charts.js';
import { textWidth } from '../report/typeface.js';

/** The attributes of all elements of a name (and class) in the order of their drawing. */
const elements = (svg: string, name: string, kind?: string): Record<string, string>[] =>
  [...svg.matchAll(new RegExp(`<${name}((?: [\\w-]+="[^"]*")*)/?>`, 'g'))]
    .map(([, all]) =>
      Object.fromEntries([...all!.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])),
    )
    .filter((attributes) => kind === undefined || attributes.class === kind);
const texts = (svg: string) =>
  [...svg.matchAll(/<text [^>]*>(?:<title>[^<]*<\/title>)?([^<]*)<\/text>/g)].map((match) => match[1]!);
const tooltips = (svg: string) => [...svg.matchAll(/<title>([^<]*)<\/title>/g)].map((match) => match[1]!);
const place = (transform: string) =>
  transform
    .match(/translate\(([\d.-]+) ([\d.-]+)\)/)!
    .slice(1)
    .map(Number);
const of = 'images';
const x = { label: 'l2' };
const y = { label: 'confidence', unit: '%' };

describe('histogram', () => {
  it('counts every value once, in bins with round edges', () => {
    const got = bins([0.1, 0.11, 0.19, 0.2, 0.35, 0.5], 8);
    expect(got.map(({ count }) => count)).toEqual([2, 1, 1, 0, 0, 1, 0, 1]);
    for (const [i, { from, to }] of got.entries()) {
      expect(from).toBeCloseTo(0.1 + 0.05 * i, 12);
      expect(to).toBeCloseTo(0.15 + 0.05 * i, 12);
    }
  });

  it('manages one value, equal values and negative ones', () => {
    for (const values of [[0.3], [1, 1, 1], [-0.5, 0, 0.5], [0, 0], [1e-9, 1e-9]]) {
      const got = bins(values, 12);
      expect(
        got.reduce((sum, { count }) => sum + count, 0),
        String(values),
      ).toBe(values.length);
      expect(got.every(({ from, to }) => to > from)).toBe(true);
    }
  });

  it('draws bars as high as their counts, on the axes that it names, and marks the mean', () => {
    const figure = (value: number) => value.toFixed(3);
    const svg = histogramChart({
      values: [0.1, 0.1, 0.1, 0.2],
      x: { label: 'time', unit: 'ms' },
      of,
      figure,
    });
    const bars = elements(svg, 'rect', 'mark');
    expect(bars).toHaveLength(2);
    expect(Number(bars[0]!.height) / Number(bars[1]!.height)).toBeCloseTo(3, 2);
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'n = 4 images',
        'time (ms)',
        'number of images',
        '0',
        '3',
        'mean time (ms) 0.125',
      ]),
    );
    expect(tooltips(svg)[0]).toBe('0.100 to 0.110: 3');
    // A quarter of the way between the edges .1 and .2.
    const [mean] = elements(svg, 'line', 'mean');
    const edge = (bar: Record<string, string>) => Number(bar.x);
    const width = Number(bars[0]!.width);
    expect((Number(mean!.x1) - edge(bars[0]!)) / (edge(bars[1]!) + width - edge(bars[0]!))).toBeCloseTo(
      0.25,
      1,
    );
  });

  it('takes more values than a call takes arguments', () => {
    const values = Array.from({ length: 300_000 }, (_, i) => i % 10);
    expect(tooltips(histogramChart({ values, x, of }))).toContain('0 to 0.2: 30000');
  });

  it('says that there is nothing to show', () => {
    const svg = histogramChart({ values: [], x, of, empty: 'no image was fooled' });
    expect(elements(svg, 'rect', 'mark')).toHaveLength(0);
    expect(texts(svg)).toEqual(expect.arrayContaining(['n = 0 images', 'no image was fooled']));
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('lines', () => {
  const series = [
    {
      name: 'cfr',
      points: [
        { x: 0, y: 90, low: 80, high: 95 },
        { x: 4, y: 50, low: 40, high: 60 },
        { x: 8, y: 10, low: 5, high: 20 },
      ],
    },
    { name: 'pgd & co', n: 7, points: [{ x: 2, y: 70 }] },
  ];
  const chart = lineChart({ series, n: 222, of, note: 'bands: 95 %', x: { label: 'ε', unit: '1/255' }, y });

  it('has a curve, a band and a marker a point, and says what they are', () => {
    expect(elements(chart, 'path', 'curve')).toHaveLength(2);
    expect(elements(chart, 'path', 'band')).toHaveLength(1);
    // Two of the markers are the legend's.
    expect(elements(chart, 'path', 'mark')).toHaveLength(4 + 2);
    expect(texts(chart)).toEqual(
      expect.arrayContaining([
        'n = 222 images; bands: 95 %',
        'cfr',
        'pgd &amp; co (n = 7)',
        'ε (1/255)',
        'confidence (%)',
      ]),
    );
    const [first, second] = elements(chart, 'path', 'curve');
    expect(first!.stroke).not.toBe(second!.stroke);
    expect(first!['stroke-dasharray']).not.toBe(second!['stroke-dasharray']);
  });

  it('puts points where their numbers are', () => {
    const [start, middle, end, other] = elements(chart, 'path', 'mark')
      .slice(2)
      .map(({ transform }) => place(transform!));
    expect(middle![0]! - start![0]!).toBeCloseTo((end![0]! - start![0]!) / 2, 1);
    expect(other![0]! - start![0]!).toBeCloseTo((end![0]! - start![0]!) / 4, 1);
    expect(middle![1]! - start![1]!).toBeCloseTo((end![1]! - start![1]!) / 2, 1);
    expect(end![1]!).toBeGreaterThan(start![1]!);
  });

  it('spaces a logarithmic axis by factors', () => {
    const points = [0.001, 0.01, 1].map((at) => ({ x: at, y: 1 }));
    const svg = lineChart({ series: [{ name: 'a', points }], n: 1, of, x: { label: 'step', log: true }, y });
    const [a, b, c] = elements(svg, 'path', 'mark')
      .slice(1)
      .map(({ transform }) => place(transform!)[0]!);
    expect((c! - a!) / (b! - a!)).toBeCloseTo(3, 1);
    expect(texts(svg)).toEqual(expect.arrayContaining(['0.001', '0.01', '0.1', '1']));
    expect(() =>
      lineChart({
        series: [{ name: 'a', points: [{ x: 0, y: 1 }] }],
        n: 1,
        of,
        x: { label: 'step', log: true },
        y,
      }),
    ).toThrow(/values above 0 on the logarithmic axis step, got 0/);
  });

  it('shows one point with its interval, and none', () => {
    const one = lineChart({
      series: [{ name: 'a', points: [{ x: 3, y: 5, low: 4, high: 6 }] }],
      n: 1,
      of,
      x,
      y,
    });
    const [whisker] = elements(one, 'line', 'band');
    expect(Number(whisker!.y1)).toBeGreaterThan(Number(whisker!.y2));
    const none = lineChart({ series: [], n: 0, of, x, y });
    expect(texts(none)).toEqual(expect.arrayContaining(['no data', 'l2', 'confidence (%)']));
    for (const svg of [one, none]) expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('refuses what it cannot draw truly', () => {
    const draw = (points: { x: number; y: number; low?: number; high?: number }[], more = {}) =>
      lineChart({ series: [{ name: 'a', points }], n: 1, of, x, y, ...more });
    expect(() => draw([{ x: 0, y: Number.NaN }])).toThrow(/finite numbers in the series "a", got NaN/);
    expect(() => draw([{ x: Number.POSITIVE_INFINITY, y: 0 }])).toThrow(/got Infinity/);
    expect(() => draw([{ x: 0, y: 1, low: 2, high: 3 }])).toThrow(/an interval around y = 1 .* got 2 to 3/);
    expect(() => draw([{ x: 0, y: 1, low: 0 }])).toThrow(/give both ends or none/);
    expect(() =>
      draw([
        { x: 1, y: 1 },
        { x: 0, y: 1 },
      ]),
    ).toThrow(/from left to right, got x = 0 after 1/);
    expect(() => draw([{ x: 0, y: 101 }], { y: { ...y, domain: [0, 100] } })).toThrow(
      /values from 0 to 100 on the axis confidence, got 101 to 101; widen/,
    );
    expect(() => draw([{ x: 0, y: 1 }], { y: { ...y, domain: [0, Number.NaN] } })).toThrow(
      /the domain of confidence, got NaN/,
    );
    expect(() => draw([{ x: 0, y: 1 }], { height: 80 })).toThrow(/room for a plot .* got 560x80 pixels/);
  });
});

describe('bars', () => {
  const series = [
    { name: 'cfr', bars: [{ value: 80, low: 70, high: 85 }, { value: 40 }] },
    { name: 'pgd', bars: [null, { value: -20, low: -25, high: -10 }] },
  ];
  const chart = barChart({ names: ['resnet18', 'vgg11'], series, n: 9, of, x: { label: 'net' }, y });

  it('has a bar a value from zero on, a whisker an interval, a dash where there is none', () => {
    const [first, second, third] = elements(chart, 'rect', 'mark');
    expect(elements(chart, 'rect', 'mark')).toHaveLength(3);
    expect(Number(first!.height) / Number(second!.height)).toBeCloseTo(2, 2);
    expect(Number(first!.y) + Number(first!.height)).toBeCloseTo(Number(third!.y), 1);
    expect(elements(chart, 'line', 'whisker')).toHaveLength(2 * 3);
    expect(texts(chart).filter((word) => word === '–')).toHaveLength(1);
    expect(texts(chart)).toEqual(
      expect.arrayContaining([
        'n = 9 images',
        'resnet18',
        'vgg11',
        'net',
        'confidence (%)',
        'cfr',
        'pgd',
        '−20',
      ]),
    );
    expect(tooltips(chart)).toContain('resnet18, cfr: 80 (70 to 85)');
  });

  it('slants and shortens names that have no room, none of them outside', () => {
    const names = Array.from({ length: 12 }, (_, i) => `a very long name of a network number ${i}`);
    const bars = names.map((_, i) => ({ value: i }));
    const svg = barChart({ names, series: [{ name: 'a', bars }], n: 1, of, x: { label: 'net' }, y });
    const slanted = elements(svg, 'text', 'ink').filter(({ transform }) =>
      transform?.startsWith('rotate(-35'),
    );
    expect(slanted).toHaveLength(12);
    const shown = texts(svg).filter((word) => word.startsWith('a v'));
    for (const [i, word] of shown.entries())
      expect(
        Number(slanted[i]!.x) - Math.cos((35 * Math.PI) / 180) * textWidth(word, 11),
      ).toBeGreaterThanOrEqual(0);
    expect(tooltips(svg)).toContain(names[0]);
  });

  it('shows no bars, and refuses what it cannot draw truly', () => {
    const draw = (bars: readonly ({ value: number; low?: number; high?: number } | null)[], names = ['a']) =>
      barChart({ names, series: [{ name: 's', bars }], n: 1, of, x: { label: 'net' }, y });
    expect(texts(draw([], []))).toContain('no data');
    expect(draw([], [])).not.toMatch(/NaN|undefined|Infinity/);
    expect(texts(draw([null]))).toContain('no data');
    expect(() => draw([{ value: Number.NaN }])).toThrow(/finite numbers in the series "s", got NaN/);
    expect(() => draw([])).toThrow(/expected 1 bars in the series "s", got 0; give null/);
    expect(() => draw([{ value: 1, high: 2 }])).toThrow(/give both ends or none/);
  });
});

describe('scatter', () => {
  it('has a marker a point, where its numbers are, and counts each series', () => {
    const svg = scatterChart({
      of,
      x,
      y,
      series: [
        {
          name: 'cfr',
          points: [
            { x: 0, y: 0 },
            { x: 1, y: 10, name: '#7' },
          ],
        },
        { name: 'pgd', points: [{ x: 0.5, y: 10 }] },
      ],
    });
    const [a, b, c] = elements(svg, 'path', 'mark')
      .slice(2)
      .map(({ transform }) => place(transform!));
    expect(elements(svg, 'path', 'mark')).toHaveLength(3 + 2);
    expect(c![0]!).toBeCloseTo((a![0]! + b![0]!) / 2, 1);
    expect(c![1]!).toBe(b![1]!);
    expect(c![1]!).toBeLessThan(a![1]! - 100);
    expect(texts(svg)).toEqual(expect.arrayContaining(['n = 3 images', 'cfr (n = 2)', 'pgd (n = 1)', 'l2']));
    expect(tooltips(svg)).toContain('#7: l2 1, confidence (%) 10');
  });

  it('shows one point and none, and refuses NaN', () => {
    const draw = (points: { x: number; y: number }[]) =>
      scatterChart({ of, x, y, series: [{ name: 'a', points }] });
    expect(elements(draw([{ x: 0, y: 0 }]), 'path', 'mark')).toHaveLength(2);
    expect(texts(draw([]))).toContain('no data');
    for (const svg of [draw([{ x: 0, y: 0 }]), draw([])]) expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(() => draw([{ x: Number.NaN, y: 0 }])).toThrow(/got NaN/);
  });
});

describe('heat map', () => {
  const value = {
    label: 'success',
    unit: '%',
    domain: [0, 100],
    format: (v: number) => v.toFixed(0),
  } as const;
  const draw = (values: (number | null)[][], rows: string[], columns: string[]) =>
    heatmapChart({
      rows,
      columns,
      values,
      x: { label: 'attacked' },
      y: { label: 'source' },
      value,
      n: 5,
      of,
    });

  it('has a cell a pair in viridis with its value, readable on its colour', () => {
    const svg = draw(
      [
        [0, 100],
        [null, 50],
      ],
      ['a', 'b'],
      ['c', 'd'],
    );
    const fills = elements(svg, 'rect', 'cell').map(({ fill }) => fill);
    // matplotlib's viridis at 0, 255 and 128.
    expect(fills).toEqual(['#440154', '#fde725', '#f0f0f0', '#21918c']);
    const cells = [...svg.matchAll(/<text [^>]*fill="(#\w+)">(0|100|50|–)<\/text>/g)].map(
      ([, fill, word]) => [word, fill],
    );
    expect(cells.slice(0, 4)).toEqual([
      ['0', '#ffffff'],
      ['100', '#000000'],
      ['–', '#5b626d'],
      ['50', '#000000'],
    ]);
    expect(texts(svg)).toEqual(
      expect.arrayContaining(['n = 5 images', 'attacked', 'source', 'success (%)', 'a', 'd']),
    );
    expect(tooltips(svg)).toContain('a → d: 100');
  });

  it('shows one cell and none, and refuses NaN and ragged rows', () => {
    expect(elements(draw([[7]], ['a'], ['b']), 'rect', 'cell')).toHaveLength(1);
    expect(texts(draw([], [], []))).toContain('no data');
    for (const svg of [draw([[7]], ['a'], ['b']), draw([], [], [])])
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(() => draw([[Number.NaN]], ['a'], ['b'])).toThrow(/finite numbers in the row "a", got NaN/);
    expect(() => draw([[1, 2], [3]], ['a', 'b'], ['c', 'd'])).toThrow(
      /expected 2 rows of 2 values, got 2 of 2, 1/,
    );
    expect(() => draw([[101]], ['a'], ['b'])).toThrow(/widen its domain/);
  });
});

describe('image grid', () => {
  const image = (side: number, level: number): Image => ({
    width: side,
    height: side,
    data: new Uint8Array(3 * side * side).fill(level),
  });

  it('shows each image with its caption under its column, enlarged in whole steps', () => {
    const svg = imageGrid({
      of,
      title: 'By attack',
      columns: ['clean', 'cfr'],
      rows: [
        { name: 'cat', cells: [{ image: image(32, 9) }, { image: image(32, 8), caption: 'dog 50 %' }] },
        { name: 'ship', cells: [{ image: image(32, 7) }, null] },
      ],
    });
    const images = elements(svg, 'image');
    expect(images.map(({ width, height }) => [width, height])).toEqual(
      Array.from({ length: 3 }, () => ['128', '128']),
    );
    expect(images[2]!.x).toBe(images[0]!.x);
    expect(images[1]!.y).toBe(images[0]!.y);
    expect(texts(svg)).toEqual(['By attack', 'n = 2 images', 'clean', 'cfr', 'cat', 'dog 50 %', 'ship', '–']);
  });

  it('shows nothing for none, and refuses ragged rows and images of two sizes', () => {
    expect(texts(imageGrid({ of, columns: [], rows: [] }))).toContain('no data');
    expect(() => imageGrid({ of, columns: ['a'], rows: [{ cells: [] }] })).toThrow(
      /expected 1 cells in row 0, got 0/,
    );
    const cells = [{ image: image(32, 1) }, { image: image(16, 1) }];
    expect(() => imageGrid({ of, columns: ['a', 'b'], rows: [{ cells }] })).toThrow(/got 32x32 and 16x16/);
  });
});

describe('every chart', () => {
  const charts = () => [
    histogramChart({ title: 'T', values: [1, 2, 2], x, of }),
    lineChart({
      title: 'T',
      series: [
        {
          name: 'a',
          points: [
            { x: 0, y: 0 },
            { x: 1, y: 2 },
          ],
        },
      ],
      n: 1,
      of,
      x,
      y,
    }),
    barChart({ title: 'T', names: ['a'], series: [{ name: 's', bars: [{ value: 1 }] }], n: 1, of, x, y }),
    scatterChart({ title: 'T', series: [{ name: 'a', points: [{ x: 0, y: 0 }] }], of, x, y }),
    heatmapChart({ title: 'T', rows: ['a'], columns: ['b'], values: [[1]], x, y, value: y, n: 1, of }),
    imageGrid({ title: 'T', of, columns: [], rows: [] }),
  ];

  it('is the same bytes again, as SVG and as PNG, twice as large by default and on white', async () => {
    const [again, first] = [charts(), charts()];
    expect(again).toEqual(first);
    for (const svg of first) {
      expect(svg).toMatch(
        /^<svg xmlns="[^"]+" width="[\d.]+" height="[\d.]+" .* role="img" aria-label="T\. n = \d images"/,
      );
      const bytes = await chartPng(svg);
      expect(Buffer.compare(bytes, await chartPng(svg))).toBe(0);
      const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
      const [wide, high] = svg
        .match(/width="([\d.]+)" height="([\d.]+)"/)!
        .slice(1)
        .map(Number);
      expect(Math.abs(width - 2 * wide!)).toBeLessThan(1);
      expect(Math.abs(height - 2 * high!)).toBeLessThan(1);
      expect([...data.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
      expect(data.some((level, i) => i % 4 === 0 && level < 100)).toBe(true);
    }
  });

  it('is the same bytes on every machine', async () => {
    const points = [
      { x: 0.01, y: 1, low: 0, high: 2 },
      { x: 1, y: 3, low: 2, high: 5 },
    ];
    const svg = lineChart({
      title: 'Größe → кот γάτα',
      series: [{ name: 'a', points }],
      n: 3,
      of,
      x: { label: 'step', log: true },
      y: { label: 'loss' },
    });
    const png = await chartPng(svg);
    // What resvg's native build (@resvg/resvg-js 2.6.2, Linux x64) makes of this SVG with the same two font files.
    expect(createHash('sha256').update(png).digest('hex')).toBe(
      '379c38ce123eeeba6fc76372a0c447fb5cee2849e13a248d59266f9a4c0c5bab',
    );
  });

  it('draws nothing outside of its picture', async () => {
    for (const svg of charts()) {
      const { width, height, data } = PNG.sync.read(Buffer.from(await chartPng(svg)));
      let inked = 0;
      const check = (px: number, py: number) => {
        if (data[4 * (py * width + px)] !== 255) inked++;
      };
      for (let px = 0; px < width; px++) for (const py of [0, 1, height - 2, height - 1]) check(px, py);
      for (let py = 0; py < height; py++) for (const px of [0, 1, width - 2, width - 1]) check(px, py);
      expect(inked, svg.slice(0, 200)).toBe(0);
    }
  });

  it('lets no text become markup', () => {
    const evil = '<script>"&';
    const svg = lineChart({
      title: evil,
      of: evil,
      note: evil,
      n: 1,
      x: { label: evil, unit: evil },
      y: { label: evil },
      series: [{ name: evil, points: [{ x: 0, y: 0 }] }],
    });
    expect(svg).not.toContain('<script');
  });
});
