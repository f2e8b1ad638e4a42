/**
 * Tables of results as text: aligned for a terminal, as Markdown for a README, as LaTeX for a paper, as CSV for a
 * spreadsheet. One description of the columns serves all four.
 */

import { decimals } from '../base/decimals.js';

export type Cell = string | number | boolean | null | undefined;

/** A row as named cells. Cells without a column are left out, so any result object can be a row. */
export type Row = Readonly<Record<string, unknown>>;

export interface Column {
  /** Name of the cell in each row. */
  readonly key: string;
  /** Heading; default: the key. */
  readonly header?: string;
  /** Stands behind the heading in brackets: "ms". */
  readonly unit?: string;
  /** Default: right where every cell that is there is a number, else left. */
  readonly align?: 'left' | 'right';
  /** Text of a number; default: as JavaScript prints it. CSV keeps the number itself. */
  readonly format?: (value: number) => string;
}

/** Stands for a value that does not exist (a rate over no images). */
const MISSING = '–';
const GAP = '  ';

/** Formats with a fixed number of decimals: fixed(3)(0.15) = "0.150". */
export const fixed = (digits: number) => (value: number) => decimals(value, digits);

/** Formats a fraction of 1 as percent: percent(1)(0.984) = "98.4 %". */
export const percent =
  (digits = 1) =>
  (value: number) =>
    `${decimals(value * 100, digits)} %`;

export interface TableOptions {
  /** Cells of the terminal's line, as `process.stdout.columns` has them; default: as many as the table needs. */
  readonly width?: number | undefined;
}

/** A column of text is shortened to this many cells and no further. */
const LEAST_TEXT = 8;

/**
 * A table for a terminal: headings, a rule, one line a row, columns two spaces apart, no trailing spaces, no final
 * newline. Widths count terminal cells (a wide East Asian character takes two, a combining mark none); control characters
 * in cells, which could rewrite the terminal, become spaces. Where the line is too narrow, columns of text are shortened
 * with "…", the widest first; where that is not enough, each row becomes lines of heading and value. Numbers stay whole.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly Row[],
  { width = Number.POSITIVE_INFINITY }: TableOptions = {},
): string {
  const head = columns.map((column) => printable(heading(column)));
  const body = rows.map((row) =>
    columns.map((column) => printable(text(column, cell(row, column), MISSING))),
  );
  const right = columns.map((column) => isRight(column, rows));
  const widths = head.map((title, i) =>
    body.reduce((widest, line) => Math.max(widest, displayWidth(line[i]!)), displayWidth(title)),
  );
  if (!shrink(widths, right, width)) return records(head, body);
  const line = (cells: readonly string[]) =>
    cells
      .map((value, i) => {
        const shown = shorten(value, widths[i]!);
        const padding = ' '.repeat(widths[i]! - displayWidth(shown));
        return right[i] ? padding + shown : shown + padding;
      })
      .join(GAP)
      .trimEnd();
  return [line(head), widths.map((cells) => '─'.repeat(cells)).join(GAP), ...body.map(line)].join('\n');
}

/** Narrows the columns of text until the table fits; whether it does. */
function shrink(widths: number[], right: readonly boolean[], most: number): boolean {
  let excess = widths.reduce((sum, cells) => sum + cells, 0) + GAP.length * (widths.length - 1) - most;
  for (; excess > 0; excess--) {
    const widest = widths.reduce(
      (best, cells, i) => (!right[i] && cells > LEAST_TEXT && cells > (widths[best] ?? 0) ? i : best),
      -1,
    );
    if (widest < 0) return false;
    widths[widest]!--;
  }
  return true;
}

/** The table's rows as blocks of lines "heading  value", for lines too narrow for its columns. */
function records(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widest = Math.max(...head.map(displayWidth));
  const block = (cells: readonly string[]) =>
    cells.map((value, i) =>
      `${head[i]!}${' '.repeat(widest - displayWidth(head[i]!))}${GAP}${value}`.trimEnd(),
    );
  return body.map((cells) => block(cells).join('\n')).join('\n\n');
}

/** The value, or as much of its beginning as fits so many cells with a "…" behind it. */
function shorten(value: string, cells: number): string {
  if (displayWidth(value) <= cells) return value;
  let shown = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(value)) {
    used += displayWidth(segment);
    if (used > cells - 1) break;
    shown += segment;
  }
  return `${shown.trimEnd()}…`;
}

/** The same table in GitHub's Markdown. */
export function formatMarkdown(columns: readonly Column[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((column) => escapeMarkdown(heading(column)))),
    line(columns.map((column) => (isRight(column, rows) ? '---:' : '---'))),
    ...rows.map((row) =>
      line(columns.map((column) => escapeMarkdown(text(column, cell(row, column), MISSING)))),
    ),
  ].join('\n');
}

/**
 * The same table as LaTeX with the rules of the package booktabs (`\\usepackage{booktabs}`), without caption or float.
 * What LaTeX would read as a command is escaped; letters outside of ASCII stay (UTF-8).
 */
export function formatLatex(columns: readonly Column[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `${cells.map(escapeLatex).join(' & ')} \\\\`;
  return [
    `\\begin{tabular}{${columns.map((column) => (isRight(column, rows) ? 'r' : 'l')).join('')}}`,
    '\\toprule',
    line(columns.map(heading)),
    '\\midrule',
    ...rows.map((row) => line(columns.map((column) => text(column, cell(row, column), MISSING)))),
    '\\bottomrule',
    '\\end{tabular}',
  ].join('\n');
}

/**
 * Comma-separated values as RFC 4180 has them, for programs: the keys as headings (no units), numbers in full, nothing for
 * a missing value.
 */
export function formatCsv(columns: readonly Column[], rows: readonly Row[]): string {
  const quote = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const lines = [
    columns.map((column) => quote(column.key)),
    ...rows.map((row) => columns.map((column) => quote(text({ key: column.key }, cell(row, column), '')))),
  ];
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

/**
 * Cells that a string takes in a terminal: 0 for combining marks and joiners, 2 for wide and full-width East Asian
 * characters and emoji (the W and F classes of Unicode UAX 11, by block), 1 for everything else.
 */
export function displayWidth(value: string): number {
  let width = 0;
  for (const character of value) {
    if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) continue;
    width += isWide(character.codePointAt(0)!) ? 2 : 1;
  }
  return width;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

/** With its unit. */
export function heading({ header, key, unit }: Column): string {
  return unit === undefined ? (header ?? key) : `${header ?? key} (${unit})`;
}

function cell(row: Row, column: Column): Cell {
  const value = row[column.key];
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'object') return JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
}

function text(column: Column, value: Cell, missing: string): string {
  if (value === undefined || value === null) return missing;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return column.format ? column.format(value) : String(value);
  return value;
}

/** Whether all cells of a column that are there are numbers. */
export function isNumeric(column: Column, rows: readonly Row[]): boolean {
  return isRight({ key: column.key }, rows);
}

/** A cell as it is shown. */
export function cellText(column: Column, row: Row): string {
  return text(column, cell(row, column), MISSING);
}

function isRight(column: Column, rows: readonly Row[]): boolean {
  if (column.align !== undefined) return column.align === 'right';
  const values = rows.map((row) => cell(row, column)).filter((value) => value !== undefined);
  return values.length > 0 && values.every((value) => typeof value === 'number');
}

function printable(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}

function escapeMarkdown(value: string): string {
  return printable(value).replace(/[\\|*_`<>[\]]/g, '\\$&');
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '–': '--',
};

function escapeLatex(value: string): string {
  return printable(value).replace(/[\\~^<>|–&%$#_{}]/g, (character) => LATEX[character] ?? `\\${character}`);
}
