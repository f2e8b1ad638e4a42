/** The report page (figures, escaping, nothing from outside, same bytes) and the text tables. */
import { describe, expect, it } from 'vitest';
import { TerminalConsole } from '../cli/console.js';
import { resultsTable } from '../cli/run-table.js';
import { escapeHtml, pathUrl } from '../report/html.js';
import { buildReport, type ReportInput, type ReportResult } from '../report/report.js';
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

const result = (index: number, change: Partial<ReportResult> = {}): ReportResult => ({
  index,
  source: `cifar10/${index}`,
  label: 0,
  clean: { class: 0, confidence: 0.982 },
  adversarial: { class: 1, confidence: 0.511 },
  correct: true,
  success: true,
  l0: 400 + index,
  l1: 3.25,
  l2: 0.1 + index / 100,
  linf: 0.0275,
  ssim: 0.999,
  iterations: 30,
  cfr: 'ok',
  cfrPixels: 214,
  ...change,
});

const input = (results: readonly ReportResult[], change: Partial<ReportInput> = {}): ReportInput => ({
  summary: {
    method: 'cfr',
    model: 'resnet18-cifar10',
    adapter: 'llvmpipe',
    seed: 7,
    alreadyTarget: 0,
    settings: { mode: 'minimal', tau: 0.2, seed: 7, minimal: { decay: 0.1 }, target: undefined },
  },
  results,
  labels: ['cat', 'dog'],
  inputSize: 32,
  pictures: ({ index }) => ({ original: `clean/${index}.png`, adversarial: `adversarial/${index}.png` }),
  ...change,
});

describe('buildReport', () => {
  const four = [
    result(0),
    result(1, { success: false }),
    result(2, { correct: false, label: 1, clean: { class: 0, confidence: 0.6 } }),
    result(3, { cfr: 'empty', cfrPixels: 0 }),
  ];
  const page = buildReport(input(four));

  it('shows the rates over the right images and the means over the fooled ones', () => {
    expect(page).toContain('<dt>Attack success rate</dt><dd class="figure">66.7 %</dd>');
    expect(page).toContain('2 of 3 classified right when clean');
    // Images 0 and 3: l2 (.1 + .13) / 2, l0 (400 + 403) / 2.
    expect(page).toContain('<dt>Mean l2</dt><dd class="figure">0.115</dd>');
    expect(page).toContain('<dt>Mean l0</dt><dd class="figure">402</dd>');
    expect(page).toContain('fooled (2)');
    expect(page).toContain('not fooled (1)');
    expect(page).toContain('wrong when clean (1)');
  });

  it('has a row for each image with its values, pictures and alternative texts', () => {
    expect(page.match(/<tr data-outcome=/g)).toHaveLength(4);
    expect(page.match(/data-outcome="(\w+)"/g)).toEqual(
      ['fooled', 'held', 'wrong', 'fooled'].map((outcome) => `data-outcome="${outcome}"`),
    );
    expect(page).toContain('<img src="clean/1.png" alt="Original of image 1, cifar10/1"');
    expect(page).toContain('<td class="number" data-value="0.0275">0.0275</td>');
    expect(page).toContain('cat<br><span class="small">60.0 %</span><br><span class="small">is dog</span>');
    expect(page).toContain('data-value="0">empty</td>');
    expect(page.match(/<img [^>]*>/g)!.every((tag) => /alt="[^"]+"/.test(tag))).toBe(true);
    expect(page.match(/<th /g)!.length).toBe(page.match(/<th scope="(col|row)"/g)!.length);
  });

  it('lists the settings by dotted names, those not set left out', () => {
    expect(page).toContain('<dt>minimal.decay</dt><dd>0.1</dd>');
    expect(page).toContain('<dt>tau</dt><dd>0.2</dd>');
    expect(page.match(/<dt>seed<\/dt>/g)).toHaveLength(1);
    expect(page).not.toContain('<dt>target</dt>');
    expect(page).toContain('Adapter: llvmpipe');
  });

  it('is the same page for the same run, and asks nothing of the network', () => {
    expect(buildReport(input(four))).toBe(page);
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(|<link|<iframe/i);
    expect(page).not.toMatch(/20\d\d-\d\d-\d\d/);
  });

  it('lets no text become markup', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&';
    const text = buildReport({
      ...input([result(0, { source: evil })], {
        labels: [evil, evil],
        sheet: 'a"b.png',
        pictures: () => ({ mask: `${evil}.png` }),
      }),
      summary: {
        method: evil,
        model: evil,
        adapter: evil,
        seed: 1,
        alreadyTarget: 0,
        settings: { [evil]: evil, list: [evil] },
      },
    });
    expect(text).not.toContain('<img src=x');
    expect(text).not.toContain(evil.slice(0, 10));
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
    expect(text).toContain('href="a%22b.png"');
  });

  it('says what is missing instead of showing NaN', () => {
    const none = buildReport(input([]));
    expect(none).toContain('No image is finished yet.');
    expect(none).toContain('<dt>Attack success rate</dt><dd class="figure">–</dd>');
    const skipped = input([], { summary: { ...input([]).summary, adapter: '', alreadyTarget: 3 } });
    expect(buildReport(skipped)).toContain('No image was attacked: 3 are of the target class already.');
    expect(buildReport(skipped)).toContain('Adapter: none');
    expect(buildReport({ ...skipped, results: four })).toContain(
      '1 wrong when clean, 3 more of the target class already',
    );
    const held = buildReport(input([result(0, { success: false })]));
    expect(held.match(/>no image was fooled</g)).toHaveLength(2);
    for (const text of [none, held, page]) expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('shortens a long table and says so, but not the figures', () => {
    const many = buildReport(
      input(
        Array.from({ length: 30 }, (_, i) => result(i)),
        { mostRows: 10 },
      ),
    );
    expect(many.match(/<tr data-outcome=/g)).toHaveLength(10);
    expect(many).toContain('The first 10 of 30 images');
    expect(many).toContain('30 of 30 classified right when clean');
  });

  it('shows small images as pixels and large ones smoothly', () => {
    expect(page).toContain('<table id="results" class="pixels">');
    expect(buildReport(input(four, { inputSize: 224 }))).toContain('<table id="results">');
  });
});

describe('paths and escapes', () => {
  it('keeps paths relative and inert', () => {
    expect(pathUrl('adversarial/00001.png')).toBe('adversarial/00001.png');
    expect(pathUrl('a b\\c#d?.png')).toBe('a%20b/c%23d%3F.png');
    expect(pathUrl('javascript:alert(1)')).toBe('javascript%3Aalert(1)');
    expect(pathUrl("it's.png")).toBe('it&#39;s.png');
    for (const path of ['/etc/x.png', '//host/x.png', 'C:\\x.png'])
      expect(() => pathUrl(path)).toThrow(/relative to the report/);
    expect(escapeHtml('<a href="x">&\'')).toBe('&lt;a href=&quot;x&quot;&gt;&amp;&#39;');
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
    const summary = { ...input([]).summary, labelled: false, warnings: ['half of it is <wrong>'] };
    const page = buildReport(input([one, { ...one, index: 1, success: false }], { summary }));
    expect(page).toContain('1 of 2 predictions changed (no labels given)');
    expect(page).toContain('prediction kept (1)');
    expect(page).not.toContain('when clean');
    expect(page).toContain('<li>half of it is &lt;wrong&gt;</li>');
    expect(buildReport(input([one]))).not.toContain('Warnings');
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
