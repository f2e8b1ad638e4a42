/** Numbers in rows and columns of names, darker where they are larger; cells may be chosen. */
import { useMarks } from './plot.js';

export interface MatrixCell {
  readonly value: number | null;
  readonly text: string;
  /** Said by a screen reader, and on pointing. */
  readonly title: string;
  readonly chosen?: boolean;
}

export interface MatrixProps {
  readonly label: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly cells: readonly (readonly MatrixCell[])[];
  /** The value of the darkest cell. */
  readonly most: number;
  /** Names of columns stand on end, for many narrow ones. */
  readonly upright?: boolean;
  readonly corner?: string;
  readonly onChoose?: ((row: number, column: number) => void) | undefined;
}

export function Matrix({ label, rows, columns, cells, most, upright, corner = '', onChoose }: MatrixProps) {
  const buttons = onChoose ? cells.flatMap((row) => row.filter(({ value }) => value)) : [];
  const mark = useMarks(buttons.length);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <section class="matrix-scroll" aria-label={label} tabIndex={0}>
      <table class={`matrix${upright ? '' : ' across'}`}>
        <thead>
          <tr>
            <td class="muted small">{corner}</td>
            {columns.map((name) => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((name, r) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells[r]!.map((cell, c) => (
                <td key={columns[c]}>
                  {onChoose && cell.value ? (
                    <button
                      type="button"
                      title={cell.title}
                      aria-label={cell.title}
                      aria-pressed={cell.chosen ?? false}
                      style={shade(cell.value, most)}
                      {...mark(buttons.indexOf(cell), () => onChoose(r, c))}
                    >
                      {cell.text}
                    </button>
                  ) : (
                    <span
                      class={cell.value ? '' : 'none'}
                      title={cell.title}
                      style={shade(cell.value ?? 0, most)}
                    >
                      {cell.text}
                    </span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The ground of a cell and a text that can be read on it. */
function shade(value: number, most: number) {
  if (!(value > 0) || !(most > 0)) return {};
  const share = Math.min(1, value / most);
  // Between these neither white nor black text would reach 4.5:1.
  const strength = share < 0.5 ? 10 + 70 * share : 72 + 56 * (share - 0.5);
  return {
    background: `color-mix(in srgb, var(--shade) ${strength.toFixed(0)}%, var(--card))`,
    color: share < 0.5 ? 'var(--ink)' : 'var(--on-shade)',
  };
}
