/**
 * Tables of results as text: aligned for a terminal, as Markdown for a README, as CSV for a spreadsheet. One description
 * of the columns serves all three.
 */

export type Cell = string | number | boolean | null | undefined;

/** A row as named cells. Cells without a column are left out, so any result object can be a row. */
export type Row = Readonly<Record<string, unknown>>;

export interface Column {
  /** Name of the cell in each row. */
  readonly key: string;
  /** Heading; default: the key. */
  readonly header?: string;
  /** Default: right where every cell that is there is a number, else left. */
  readonly align?: 'left' | 'right';
  /** Text of a number; default: as JavaScript prints it. CSV keeps the number itself. */
  readonly format?: (value: number) => string;
}

/** Stands for a value that does not exist (a rate over no images). */
const MISSING = '–';
const GAP = '  ';

/** Formats with a fixed number of decimals: fixed(3)(0.15) = "0.150". */
export const fixed = (digits: number) => (value: number) => value.toFixed(digits);

/** Formats a fraction of 1 as percent: percent(1)(0.984) = "98.4 %". */
export const percent =
  (digits = 1) =>
  (value: number) =>
    `${(value * 100).toFixed(digits)} %`;

/**
 * A table for a terminal: headings, a rule, one line a row, columns two spaces apart, no trailing spaces, no final
 * newline. Widths count terminal cells (a wide East Asian character takes two, a combining mark none); control characters
 * in cells, which could rewrite the terminal, become spaces.
 */
export function formatTable(columns: readonly Column[], rows: readonly Row[]): string {
  const head = columns.map((column) => printable(column.header ?? column.key));
  const body = rows.map((row) =>
    columns.map((column) => printable(text(column, cell(row, column), MISSING))),
  );
  const right = columns.map((column) => isRight(column, rows));
  const widths = head.map((heading, i) =>
    body.reduce((widest, line) => Math.max(widest, displayWidth(line[i]!)), displayWidth(heading)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((value, i) => {
        const padding = ' '.repeat(widths[i]! - displayWidth(value));
        return right[i] ? padding + value : value + padding;
      })
      .join(GAP)
      .trimEnd();
  return [line(head), widths.map((width) => '─'.repeat(width)).join(GAP), ...body.map(line)].join('\n');
}

/** The same table in GitHub's Markdown. */
export function formatMarkdown(columns: readonly Column[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((column) => escapeMarkdown(column.header ?? column.key))),
    line(columns.map((column) => (isRight(column, rows) ? '---:' : '---'))),
    ...rows.map((row) =>
      line(columns.map((column) => escapeMarkdown(text(column, cell(row, column), MISSING)))),
    ),
  ].join('\n');
}

/** Comma-separated values (RFC 4180, but "\n" ends a line): the keys as headings, numbers in full, nothing for a missing value. */
export function formatCsv(columns: readonly Column[], rows: readonly Row[]): string {
  const quote = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const lines = [
    columns.map((column) => quote(column.key)),
    ...rows.map((row) => columns.map((column) => quote(text({ key: column.key }, cell(row, column), '')))),
  ];
  return `${lines.map((line) => line.join(',')).join('\n')}\n`;
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
