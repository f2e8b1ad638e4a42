/** The page of an experiment: several runs beside each other. */
import { useMemo, useState } from 'preact/hooks';
import type { PageCell, PageColumn, StudyPage } from '../../page-data.js';
import { formatCsv } from '../../table.js';
import { Facts, Head, Warnings } from '../head.js';
import { save } from '../save.js';
import { Curves } from './curves.js';
import { Gallery } from './gallery.js';
import { StudyChart } from './study-chart.js';
import '../run/run.css';
import './study.css';

export function StudyView({ page }: { readonly page: StudyPage }) {
  const { images, charts } = page;
  return (
    <main>
      <Head {...page} />
      <Warnings warnings={page.warnings} />
      <section aria-labelledby="results">
        <h2 id="results">Results</h2>
        <Ranking page={page} />
        {page.notes.map((note) => (
          <p key={note} class="muted small note">
            {note}
          </p>
        ))}
      </section>
      {(charts.length > 0 || (images && page.command !== 'transfer')) && (
        <section aria-labelledby="charts">
          <h2 id="charts">Charts</h2>
          <div class="charts wide-charts">
            {images && (page.command === 'compare' || page.command === 'defend') && (
              <Curves images={images} norm={page.norm} />
            )}
            {charts.map((chart) => (
              <StudyChart key={chart.title} chart={chart} />
            ))}
          </div>
        </section>
      )}
      {images && images.index.length > 0 && <Gallery page={page} images={images} />}
      <Facts groups={page.facts} />
    </main>
  );
}

/** The table, by any of its columns. */
function Ranking({ page: { columns, rows } }: { readonly page: StudyPage }) {
  const [sorting, setSorting] = useState<{ readonly at: number; readonly falling: boolean } | undefined>(
    undefined,
  );
  const shown = useMemo(() => (sorting ? ranked(rows, sorting.at, sorting.falling) : rows), [rows, sorting]);
  const best = useMemo(
    () => columns.map((column, c) => (column.numeric ? Math.max(...values(rows, c)) : 0)),
    [columns, rows],
  );
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <section class="card table-scroll study-table" aria-label="Table of results" tabIndex={0}>
        <table class="study">
          <thead>
            <tr>
              {columns.map((column, c) => {
                const falling = sorting?.at === c ? sorting.falling : undefined;
                return (
                  <th
                    key={c}
                    scope="col"
                    class={column.numeric ? 'number' : ''}
                    aria-sort={falling === undefined ? undefined : falling ? 'descending' : 'ascending'}
                  >
                    <button
                      type="button"
                      onClick={() =>
                        setSorting({ at: c, falling: falling === undefined ? column.numeric : !falling })
                      }
                    >
                      {column.name}
                      <span class="arrow" aria-hidden="true">
                        {falling === undefined ? '' : falling ? '↓' : '↑'}
                      </span>
                    </button>
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, r) => (
              <tr key={r}>
                {row.map((cell, c) => (
                  <TableCell key={c} cell={cell} column={columns[c]!} most={best[c]!} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="downloads small no-print">
        <button
          type="button"
          class="link"
          onClick={() => save('table.csv', 'text/csv', csvOf(columns, shown))}
        >
          CSV
        </button>
        <span class="muted">of the table as it is sorted</span>
      </p>
    </>
  );
}

function TableCell({
  cell,
  column,
  most,
}: {
  readonly cell: PageCell;
  readonly column: PageColumn;
  readonly most: number;
}) {
  // Rates have bars, as they have a whole.
  const rate =
    column.numeric && cell.text.endsWith('%') && typeof cell.value === 'number' && most <= 1 + 1e-9;
  return (
    <td class={column.numeric ? 'number' : ''}>
      {rate && (
        <span
          class="cell-bar"
          style={{ width: `${(100 * Math.max(0, cell.value as number)).toFixed(1)}%` }}
        />
      )}
      <span class="cell-text">{cell.text}</span>
    </td>
  );
}

function values(rows: StudyPage['rows'], column: number): number[] {
  return rows.map((row) => row[column]!.value).filter((value) => typeof value === 'number');
}

/** What is not there comes last. */
function ranked(rows: StudyPage['rows'], at: number, falling: boolean): StudyPage['rows'] {
  const sign = falling ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [a[at]!.value, b[at]!.value];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
    return sign * String(x).localeCompare(String(y), 'en', { numeric: true });
  });
}

function csvOf(columns: readonly PageColumn[], rows: StudyPage['rows']): string {
  const keys = columns.map(({ name }, c) => ({
    key: columns.findIndex((other) => other.name === name) === c ? name : `${name} ${c}`,
  }));
  return formatCsv(
    keys,
    rows.map((row) => Object.fromEntries(row.map(({ value }, c) => [keys[c]!.key, value]))),
  );
}
