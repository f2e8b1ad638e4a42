/** What every experiment leaves: `results.json`, the table in three forms, the figures in two, and a page with all. */
import { join } from 'node:path';
import type { Norm } from '../attack/settings/common.js';
import { writeAtomic } from '../node/files.js';
import { chartPng } from '../report/charts.js';
import { buildPage } from '../report/page.js';
import type { FileLink, PageChart, StudyPage } from '../report/page-data.js';
import {
  type Column,
  formatCsv,
  formatLatex,
  formatMarkdown,
  formatTable,
  type Row,
} from '../report/table.js';
import type { Cell } from './cells.js';
import type { Study } from './study.js';
import { studyPage } from './study-page.js';

export const outputFiles = {
  results: 'results.json',
  csv: 'table.csv',
  markdown: 'table.md',
  latex: 'table.tex',
  svg: 'figure.svg',
  png: 'figure.png',
  imagesSvg: 'images.svg',
  imagesPng: 'images.png',
  report: 'report.html',
} as const;

export interface Findings {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** SVG. */
  readonly figure: string;
  /** SVG: images of the experiment beside each other; undefined where it has none. */
  readonly images?: string | undefined;
  /** What a reader of the table must know, a sentence each. */
  readonly notes: readonly string[];
  readonly warnings: readonly { readonly text: string }[];
  /** `results.json`: the command, the data, every cell. */
  readonly document: {
    readonly command: string;
    readonly data: string | readonly string[];
    readonly [key: string]: unknown;
  };
  /** What the figure shows, for the page; that of attacks has curves of `cells` besides. */
  readonly charts: readonly PageChart[];
  readonly cells: readonly Cell[];
  readonly norm: Norm;
}

/** Writes all files and says what was found. The same findings give the same bytes. */
export async function publish(study: Study, findings: Findings): Promise<void> {
  const { columns, rows, figure, images, document, warnings, notes } = findings;
  const whole = { format: 1, ...document, notes, warnings };
  const texts: readonly (readonly [string, string | Uint8Array])[] = [
    [outputFiles.results, `${JSON.stringify(whole, null, 2)}\n`],
    [outputFiles.csv, formatCsv(columns, rows)],
    [outputFiles.markdown, `${formatMarkdown(columns, rows)}\n`],
    [outputFiles.latex, `${formatLatex(columns, rows)}\n`],
    [outputFiles.svg, figure],
    [outputFiles.png, await chartPng(figure)],
    ...(images === undefined
      ? []
      : ([
          [outputFiles.imagesSvg, images],
          [outputFiles.imagesPng, await chartPng(images)],
        ] as const)),
    [outputFiles.report, buildPage(pageOf(study, findings))],
  ];
  for (const [name, content] of texts)
    await writeAtomic(join(study.out, name), typeof content === 'string' ? Buffer.from(content) : content);
  const { console } = study;
  if (console.json) console.document({ ...whole, out: study.out });
  else {
    console.say(formatTable(columns, rows, { width: console.width }));
    for (const note of notes) console.say(note);
    console.say(`\nreport: ${join(study.out, outputFiles.report)}\nall files: ${study.out}`);
  }
  for (const { text } of warnings) console.problem(`warning: ${text}`);
}

function pageOf(study: Study, findings: Findings): StudyPage {
  const { document, warnings } = findings;
  return studyPage(study, {
    ...findings,
    command: document.command,
    data: document.data,
    warnings: warnings.map(({ text }) => text),
    files: filesOf(findings.images !== undefined),
  });
}

function filesOf(images: boolean): FileLink[] {
  const { csv, markdown, latex, svg, png, imagesSvg, results } = outputFiles;
  return [
    { name: csv, href: csv, what: 'the table, for a spreadsheet' },
    { name: markdown, href: markdown, what: 'the table, for a README' },
    { name: latex, href: latex, what: 'the table, for a paper' },
    { name: svg, href: svg, what: 'the figure, for a paper' },
    { name: png, href: png, what: 'the figure as pixels' },
    ...(images ? [{ name: imagesSvg, href: imagesSvg, what: 'images beside each other, for a paper' }] : []),
    { name: results, href: results, what: 'everything, for programs' },
  ];
}
