/** What every experiment leaves: `results.json`, the table in three forms, the figures in two, and a page with all. */
import { join } from 'node:path';
import { writeAtomic } from '../node/files.js';
import { chartPng } from '../report/charts.js';
import { escapeHtml, STYLE } from '../report/html.js';
import { inlineSvg } from '../report/svg.js';
import {
  type Column,
  formatCsv,
  formatLatex,
  formatMarkdown,
  formatTable,
  type Row,
} from '../report/table.js';
import type { Study } from './study.js';

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
  readonly document: Readonly<Record<string, unknown>>;
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
    [outputFiles.report, page(findings)],
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

function page({ title, columns, rows, figure, images, notes, warnings }: Findings): string {
  const name = ({ header, key, unit }: Column) =>
    escapeHtml(unit === undefined ? (header ?? key) : `${header ?? key} (${unit})`);
  const cell = (column: Column, row: Row) => {
    const value = row[column.key];
    if (value === null || value === undefined) return '<td class="number">–</td>';
    if (typeof value !== 'number') return `<td>${escapeHtml(String(value))}</td>`;
    return `<td class="number">${escapeHtml(column.format ? column.format(value) : String(value))}</td>`;
  };
  const list = (texts: readonly string[], kind: string) =>
    texts.map((text) => `<p class="${kind}">${escapeHtml(text)}</p>`).join('\n');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${list(
  warnings.map(({ text }) => `Warning: ${text}`),
  'fooled',
)}
<div class="scroll">
<table>
<thead><tr>${columns.map((column) => `<th scope="col">${name(column)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${columns.map((column) => cell(column, row)).join('')}</tr>`).join('\n')}
</tbody>
</table>
</div>
${list(notes, 'muted')}
${[figure, images]
  .filter((svg) => svg !== undefined)
  .map((svg) => `<figure style="margin: 24px 0 0; overflow-x: auto">${inlineSvg(svg)}</figure>`)
  .join('\n')}
</main>
</body>
</html>
`;
}
