/** Images as a table with the columns that were chosen, their heads in sight while it scrolls. */
import { useRef } from 'preact/hooks';
import type { PageImage } from '../../page-data.js';
import type { ImageColumn } from './columns.js';
import { useRun } from './context.js';
import type { Sorting } from './images.js';
import { useRows } from './virtual.js';

export interface TableProps {
  readonly shown: readonly PageImage[];
  readonly columns: readonly ImageColumn[];
  readonly sorting: Sorting | undefined;
  readonly onSort: (sorting: Sorting) => void;
}

const ROW = 84;

export function Table({ shown, columns, sorting, onSort }: TableProps) {
  const { page, open } = useRun();
  const scroller = useRef<HTMLElement>(null);
  const box = useRef<HTMLTableSectionElement>(null);
  const { first, end } = useRows(box, scroller, shown.length, ROW);
  const spacer = (rows: number) =>
    rows > 0 && (
      // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row of a table is not.
      <tr class="spacer" aria-hidden="true">
        <td colSpan={columns.length} style={{ height: `${rows * ROW}px` }} />
      </tr>
    );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <section ref={scroller} class="card table-scroll" aria-label="Table of images" tabIndex={0}>
      <table class="images" aria-rowcount={shown.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => {
              const falling = sorting?.key === column.key ? sorting.falling : undefined;
              return (
                <th
                  key={column.key}
                  scope="col"
                  class={column.numeric ? 'number' : ''}
                  aria-sort={falling === undefined ? undefined : falling ? 'descending' : 'ascending'}
                >
                  {column.value ? (
                    <button
                      type="button"
                      onClick={() => onSort({ key: column.key, falling: falling === false })}
                    >
                      {column.name}
                      <span aria-hidden="true" class="arrow">
                        {falling === undefined ? '' : falling ? '↓' : '↑'}
                      </span>
                    </button>
                  ) : (
                    column.name
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody ref={box}>
          {spacer(first)}
          {shown.slice(first, end).map((image, i) => (
            <tr
              key={image.index}
              aria-rowindex={first + i + 2}
              style={{ height: `${ROW}px` }}
              onClick={(event) => {
                if (!(event.target as Element).closest('a')) open(image.index);
              }}
            >
              {columns.map((column, c) => {
                const kind = column.numeric ? 'number' : column.picture ? 'picture' : '';
                return c === 0 ? (
                  <th key={column.key} scope="row">
                    {column.cell(image, page)}
                  </th>
                ) : (
                  <td key={column.key} class={kind}>
                    {column.cell(image, page)}
                  </td>
                );
              })}
            </tr>
          ))}
          {spacer(shown.length - end)}
        </tbody>
      </table>
    </section>
  );
}
