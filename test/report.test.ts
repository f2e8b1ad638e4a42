/** What a run's page is given, the page around it, and the text tables. */
import { describe, expect, it } from 'vitest';
import { TerminalConsole } from '../cli/console.js';
import { resultsTable } from '../cli/run-table.js';
import { escapeHtml } from '../report/html.js';
import { buildPage } from '../report/page.js';
import { type PageImage, rowsOf } from '../report/page-data.js';
import type { ImageResult } from '../report/run-files.js';
import { type RunPageInput, runPage } from '../report/run-page.js';
import {
  type Column,
  displayWidth,
  fixed,
  formatCsv,
  formatLatex,
  formatMarkdown,
  formatTable,
  percent,
} from '../report/table.js';
import { byClass, filtered, NO_FILTER, sorted, transitions } from '../report/ui/run/images.js';

const result = (index: number, change: Partial<ImageResult> = {}): ImageResult => ({
  index,
  source: `cifar10/${index}`,
  label: 0,
  clean: {
    class: 0,
    confidence: 0.982,
    top: [
      [0, 0.982],
      [1, 0.018],
    ],
  },
  adversarial: { class: 1, confidence: 0.511 },
  correct: true,
  success: true,
  l0: 400 + index,
  l1: 3.25,
  l2: 0.1 + index / 100,
  linf: 0.0275,
  ssim: 0.999,
  iterations: 30,
  forwards: 31,
  backwards: 30,
  found: 12,
  float: null,
  regionPixels: 214,
  sha256: 'ab',
  cfr: 'ok',
  cfrPixels: 214,
  trace: { every: 1, loss: [2, 1, null], l2: [0, 0.1, 0.2] },
  ...change,
});

const facts: RunPageInput['facts'] = {
  method: 'cfr',
  model: 'resnet18-cifar10',
  adapter: 'llvmpipe',
  seed: 7,
  alreadyTarget: 0,
  labelled: true,
  warnings: [],
  norm: 'l2',
  weights: 'f00d',
  images: 'cifar10 sha256:beef',
  batch: 8,
  net: { arch: 'resnet18', assumptions: [] },
  settings: { mode: 'minimal', tau: 0.2, seed: 7, minimal: { decay: 0.1 }, target: undefined },
  sessions: [
    { command: 'cfr attack --limit 2', version: '1.2.3', started: '2026-11-25T16:04:05.000Z', seconds: 61 },
    { command: 'cfr attack --limit 2', version: '1.2.3', started: '2026-11-26T06:04:05.000Z', seconds: null },
  ],
};

const pageOf = (results: readonly ImageResult[], change: Partial<RunPageInput> = {}) =>
  runPage({
    facts,
    results,
    classes: ['cat', 'dog'],
    inputSize: [32, 32],
    files: [{ name: 'run.json', href: 'run.json', what: 'what was asked' }],
    pictures: ({ index }) => ({ clean: `clean/${index}.png`, adversarial: `adversarial/${index}.png` }),
    ...change,
  });

const four = [
  result(0),
  result(1, { success: false }),
  result(2, { correct: false, label: 1, clean: { class: 0, confidence: 0.6 } }),
  result(3, { cfr: 'empty', cfrPixels: 0 }),
];

describe("a run's page", () => {
  const page = pageOf(four);
  const figure = (name: string, of = page) => of.figures.find((each) => each.name === name)!;

  it('has rates over the right images and means over the fooled ones, with their intervals', () => {
    expect(figure('Attack success rate')).toMatchObject({ value: 2 / 3, hint: '2 of 3 right when clean' });
    // Wilson's of 2 of 3.
    expect(figure('Attack success rate').interval!.low).toBeCloseTo(0.2077, 3);
    expect(figure('Attack success rate').interval!.high).toBeCloseTo(0.9385, 3);
    // Images 0 and 3: l2 (.1 + .13) / 2, l0 (400 + 403) / 2; two values make no interval.
    expect(figure('Mean l2').value).toBeCloseTo(0.115, 12);
    expect(figure('Mean l2').interval).toBeNull();
    expect(figure('Mean l0').value).toBe(401.5);
    expect(figure('Images')).toMatchObject({ value: 4, hint: '1 wrong when clean' });
    const many = pageOf([0, 1, 2, 3].map((i) => result(i)));
    // Mean .115, deviation .01291, t(3) 3.182: half a width of .02054.
    expect(figure('Mean l2', many).interval!.high - 0.115).toBeCloseTo(0.0205, 3);
  });

  it('says where it comes from', () => {
    const [provenance, net, settings] = page.facts;
    expect(Object.fromEntries(provenance!.facts)).toEqual({
      Command: 'cfr attack --limit 2',
      Program: 'cfr-attack 1.2.3',
      Started: '2026-11-25 16:04 UTC; 2026-11-26 06:04 UTC',
      Duration: '1 min 01 s, and what was stopped',
      Adapter: 'llvmpipe',
      Images: 'cifar10 sha256:beef',
      Weights: 'sha256 f00d',
      'Images at a time': '8',
      Seed: '7',
    });
    expect(net!.facts).toEqual([
      ['name', 'resnet18-cifar10'],
      ['arch', 'resnet18'],
    ]);
    expect(settings!.facts).toEqual([
      ['method', 'cfr'],
      ['mode', 'minimal'],
      ['tau', '0.2'],
      ['minimal.decay', '0.1'],
    ]);
  });

  it('has all images with their predictions, traces and pictures, as columns', () => {
    const images = rowsOf<PageImage>(page.images);
    expect(images).toHaveLength(4);
    expect(images[3]).toMatchObject({
      index: 3,
      cfr: 'empty',
      clean: {
        top: [
          [0, 0.982],
          [1, 0.018],
        ],
      },
      trace: { loss: [2, 1, null] },
      pictures: { clean: 'clean/3.png', adversarial: 'adversarial/3.png' },
    });
    expect(page.images).not.toHaveProperty('sha256');
  });

  it('says why there are no images, and nothing of the classes where there were no labels', () => {
    expect(pageOf([]).empty).toBe('No image is finished yet.');
    expect(pageOf([], { facts: { ...facts, alreadyTarget: 3 } }).empty).toBe(
      'No image was attacked: 3 are of the target class already.',
    );
    expect(figure('Attack success rate', pageOf([])).value).toBeNull();
    const open = pageOf(four, { facts: { ...facts, labelled: false, alreadyTarget: 1 } });
    expect(figure('Predictions changed', open).hint).toBe('2 of 3 (no labels given)');
    expect(figure('Images', open).hint).toBe('1 more of the target class already');
  });
});

describe('the page as a file', () => {
  const page = pageOf(four);
  const html = buildPage(page);
  const data = (text: string) =>
    JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(text)![1]!) as unknown;

  it('holds the data, the script and the style, and asks nothing of a network', () => {
    expect(data(html)).toEqual(JSON.parse(JSON.stringify(page)));
    expect(html.includes('<title>cfr on resnet18-cifar10</title>')).toBe(true);
    expect(html.match(/<script/g)!.length).toBe(2);
    expect(html.match(/<\/script>/g)!.length).toBe(2);
    // The names of XML dialects are no addresses.
    const addresses = [...html.matchAll(/(?:https?:)?\/\/[a-z][\w.]+\.[a-z]+/gi)].map(([address]) => address);
    expect(addresses.filter((address) => !address.includes('www.w3.org'))).toEqual([]);
    expect(/@import|<link|<iframe|fetch\(|XMLHttpRequest|WebSocket|import\(/.exec(html)).toBeNull();
    expect(html.length).toBeLessThan(250_000);
  });

  it('is the same for the same run', () => {
    expect(buildPage(pageOf(four)) === html).toBe(true);
  });

  it('lets no text become markup', () => {
    const evil = '</script><img src=x onerror=alert(1)>"\'&\u2028';
    const text = buildPage({
      ...pageOf([result(0, { source: evil })], { classes: [evil] }),
      title: evil,
      files: [{ name: evil, href: evil, what: evil }],
    });
    // No expect of the whole: its message would be the page.
    expect(text.includes('<img src=x')).toBe(false);
    expect(text.match(/<\/script>/g)!.length).toBe(2);
    expect(/id="data">[^\n]*\u2028/.test(text)).toBe(false);
    expect(data(text)).toMatchObject({ title: evil, classes: [evil] });
    expect(escapeHtml('<a href="x">&\'')).toBe('&lt;a href=&quot;x&quot;&gt;&amp;&#39;');
  });
});

describe('which images are shown', () => {
  const images = rowsOf<PageImage>(pageOf(four).images);
  const classes = ['cat', 'dog'];
  const shown = (filter: Partial<typeof NO_FILTER>) =>
    filtered(images, { ...NO_FILTER, ...filter }, classes).map(({ index }) => index);

  it('filters by outcome, class, measure and text', () => {
    expect(shown({})).toEqual([0, 1, 2, 3]);
    expect(shown({ outcome: 'fooled' })).toEqual([0, 3]);
    expect(shown({ outcome: 'held' })).toEqual([1]);
    expect(shown({ outcome: 'wrong' })).toEqual([2]);
    expect(shown({ label: 1 })).toEqual([2]);
    expect(shown({ label: 0, to: 0 })).toEqual([]);
    expect(shown({ text: 'CIFAR10/3 dog' })).toEqual([3]);
    // From .1 to below .13: image 3 is at the edge, 1 and 2 were not fooled.
    expect(shown({ ranges: { l2: [0.1, 0.13] } })).toEqual([0]);
    expect(shown({ ranges: { l2: [0.1, Number.POSITIVE_INFINITY] } })).toEqual([0, 3]);
  });

  it('sorts by numbers as numbers and by texts as texts, equals by their place', () => {
    const order = (value: (image: PageImage) => number | string, falling: boolean) =>
      sorted(images, value, falling).map(({ index }) => index);
    expect(order(({ l0 }) => l0, true)).toEqual([3, 2, 1, 0]);
    expect(order(({ source }) => source, false)).toEqual([0, 1, 2, 3]);
    expect(order(({ linf }) => linf, true)).toEqual([0, 1, 2, 3]);
  });

  it('counts from class to class and by class', () => {
    expect(transitions(images, 10)).toEqual({ rows: [0], columns: [1], counts: [[2]], left: 0 });
    const more = [...images, { ...images[0]!, label: 1, adversarial: { class: 0, confidence: 1 } }];
    expect(transitions(more, 1)).toEqual({ rows: [0], columns: [1], counts: [[2]], left: 1 });
    expect(byClass(images)).toEqual([{ label: 0, count: 2, of: 3 }]);
  });
});

describe('tables', () => {
  const columns: Column[] = [
    { key: 'method' },
    { key: 'asr', header: 'ASR', format: percent(1) },
    { key: 'l2', format: fixed(3) },
    { key: 'correct' },
  ];
  const rows = [
    { method: 'cfr', asr: 1, l2: 0.15312, correct: true },
    { method: 'pgd, linf', asr: null, l2: 12, correct: false },
  ];

  it('aligns numbers to the right and texts to the left', () => {
    expect(formatTable(columns, rows)).toBe(
      [
        'method         ASR      l2  correct',
        '─────────  ───────  ──────  ───────',
        'cfr        100.0 %   0.153  yes',
        'pgd, linf        –  12.000  no',
      ].join('\n'),
    );
  });

  it('counts terminal cells, not characters', () => {
    expect([...'abc'].length).toBe(displayWidth('abc'));
    expect(displayWidth('猫')).toBe(2);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('🐈')).toBe(2);
    const lines = formatTable(
      [{ key: 'name' }, { key: 'n' }],
      [
        { name: '猫', n: 1 },
        { name: 'katze', n: 22 },
      ],
    ).split('\n');
    expect(lines.slice(2)).toEqual(['猫      1', 'katze  22']);
  });

  it('lets no cell write control characters to the terminal', () => {
    const got = formatTable([{ key: 'name' }], [{ name: 'a\u001b[31mb\nc' }]);
    expect(got.split('\n')[2]).toBe('a [31mb c');
  });

  it('writes Markdown with what would be markup escaped', () => {
    expect(formatMarkdown(columns, [{ method: 'a|b_c', asr: 0.5, l2: 1 }])).toBe(
      '| method | ASR | l2 | correct |\n| --- | ---: | ---: | --- |\n| a\\|b\\_c | 50.0 % | 1.000 | – |',
    );
  });

  it('writes CSV with full numbers and quoted texts', () => {
    expect(formatCsv(columns, [...rows, { method: 'say "x"' }])).toBe(
      'method,asr,l2,correct\r\ncfr,1,0.15312,yes\r\n"pgd, linf",,12,no\r\n"say ""x""",,,\r\n',
    );
  });

  it('has no sign before a number that is rounded to 0', () => {
    expect([-0.0004, -0, 0.0004, -0.0006].map(percent(1))).toEqual(['0.0 %', '0.0 %', '0.0 %', '-0.1 %']);
    expect([-0.004, -0.006, -12].map(fixed(2))).toEqual(['0.00', '-0.01', '-12.00']);
  });

  it('prints only the headings for no rows', () => {
    expect(formatTable([{ key: 'a' }, { key: 'bc' }], [])).toBe('a  bc\n─  ──');
  });

  it('writes LaTeX with the rules of booktabs and what would be a command escaped', () => {
    const timed: Column[] = [{ key: 'name' }, { key: 'time', unit: 'ms', format: fixed(1) }];
    expect(
      formatLatex(
        [...timed, { key: 'rate', format: percent(0) }],
        [
          { name: 'a_b & 100% {\\x} $#~^', time: 1.25, rate: 0.5 },
          { name: 'größer', time: null, rate: 1 },
        ],
      ).split('\n'),
    ).toEqual([
      '\\begin{tabular}{lrr}',
      '\\toprule',
      'name & time (ms) & rate \\\\',
      '\\midrule',
      'a\\_b \\& 100\\% \\{\\textbackslash{}x\\} \\$\\#\\textasciitilde{}\\textasciicircum{} & 1.3 & 50 \\% \\\\',
      'größer & -- & 100 \\% \\\\',
      '\\bottomrule',
      '\\end{tabular}',
    ]);
  });

  it('names units in the headings, but not in the CSV', () => {
    const timed: Column[] = [{ key: 'time', header: 'Step', unit: 'ms' }];
    expect(formatTable(timed, [{ time: 3 }])).toBe('Step (ms)\n─────────\n        3');
    expect(formatMarkdown(timed, [])).toBe('| Step (ms) |\n| --- |');
    expect(formatCsv(timed, [{ time: 3 }])).toBe('time\r\n3\r\n');
  });

  it('fits a narrow terminal: shortens texts, the widest first, never numbers', () => {
    const names: Column[] = [{ key: 'name' }, { key: 'class' }, { key: 'l2', format: fixed(3) }];
    const wide = [
      {
        name: 'photographs/of/animals/american-staffordshire-terrier.png',
        class: '猫猫猫猫猫猫猫猫',
        l2: 123456.78,
      },
      { name: 'b', class: 'ship', l2: 0.1 },
    ];
    const full = formatTable(names, wide).split('\n');
    expect(formatTable(names, wide, { width: displayWidth(full[1]!) })).toBe(full.join('\n'));
    for (const width of [60, 40, 33, 30]) {
      const lines = formatTable(names, wide, { width }).split('\n');
      expect(displayWidth(lines[1]!), String(width)).toBe(width);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      expect(lines[2]).toMatch(/^photo.*….* 123456\.780$/);
    }
    expect(formatTable(names, wide, { width: 30 }).split('\n').slice(2)).toEqual([
      'photogr…  猫猫猫…   123456.780',
      'b         ship           0.100',
    ]);
  });

  it('says what was not labelled, and what makes it doubtful', () => {
    const one = { ...result(0), correct: true, success: true };
    const table = (labelled: boolean) => resultsTable([one], [], { pixels: 4 * one.cfrPixels, labelled });
    expect(table(false)).toMatch(/changed +CFR/);
    expect(table(true)).toMatch(/fooled +CFR/);
    expect(table(true)).toContain('25 %');
  });

  it('takes the width of stdout where it is a terminal', () => {
    const stream = { write() {}, columns: 40 };
    const terminal = (isTTY: boolean) => new TerminalConsole({ ...stream, isTTY }, stream);
    expect(terminal(true).with({ quiet: true }).width).toBe(40);
    expect(terminal(false).width).toBeUndefined();
    const page = resultsTable(
      [{ ...result(0), source: 'a/very/long/name.png' }],
      ['猫', 'dog'],
      { pixels: 1024, labelled: true },
      terminal(true),
    );
    for (const line of page.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(40);
    expect(page).toContain('image   a/very/long/name.png');
  });

  it('turns rows into lines where no shortening makes them fit', () => {
    expect(formatTable(columns, rows, { width: 20 })).toBe(
      [
        'method   cfr',
        'ASR      100.0 %',
        'l2       0.153',
        'correct  yes',
        '',
        'method   pgd, linf',
        'ASR      –',
        'l2       12.000',
        'correct  no',
      ].join('\n'),
    );
  });
});
