/** Above the images: which of them, how, and as files. */
import { useMemo } from 'preact/hooks';
import { type OutcomeName, outcomeOf, type PageImage } from '../../page-data.js';
import { formatCsv } from '../../table.js';
import { className } from '../format.js';
import { save } from '../save.js';
import { Segments } from '../segments.js';
import { IMAGE_COLUMNS } from './columns.js';
import { outcomeNames, useRun } from './context.js';
import {
  type Filter,
  MEASURE_DIGITS,
  MEASURE_NAMES,
  type MeasureName,
  NO_FILTER,
  type Sorting,
} from './images.js';

export interface ToolbarProps {
  readonly shown: readonly PageImage[];
  readonly layout: 'grid' | 'table';
  /** There is no room for a table. */
  readonly narrow: boolean;
  readonly onLayout: (layout: 'grid' | 'table') => void;
  readonly sorting: Sorting | undefined;
  readonly onSort: (sorting: Sorting | undefined) => void;
  /** Keys of the table's columns. */
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (chosen: ReadonlySet<string>) => void;
}

export function Toolbar({
  shown,
  layout,
  narrow,
  onLayout,
  sorting,
  onSort,
  chosen,
  onChoose,
}: ToolbarProps) {
  const { images, filter, setFilter, page } = useRun();
  const counts = useMemo(() => {
    const found: Record<OutcomeName, number> = { fooled: 0, held: 0, wrong: 0 };
    for (const image of images) found[outcomeOf(image)]++;
    return found;
  }, [images]);
  const names = outcomeNames(page.labelled);
  const outcomes = (['fooled', 'held', 'wrong'] as const).filter((name) => counts[name] > 0);
  return (
    <div class="toolbar no-print">
      <div class="toolbar-row">
        <Segments
          label="Outcome"
          choices={['all', ...outcomes] as const}
          chosen={filter.outcome}
          onChoose={(outcome) => setFilter({ ...filter, outcome })}
          show={(each) => (
            <>
              {each === 'all' ? 'all' : names[each]}{' '}
              <span class="count">{each === 'all' ? images.length : counts[each]}</span>
            </>
          )}
        />
        <input
          class="search"
          type="search"
          placeholder="Search names and classes"
          aria-label="Search names and classes"
          value={filter.text}
          onInput={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
        />
        <SortMenu sorting={sorting} onSort={onSort} />
        {!narrow && (
          <Segments label="Layout" choices={['grid', 'table'] as const} chosen={layout} onChoose={onLayout} />
        )}
        {layout === 'table' && <ColumnMenu chosen={chosen} onChoose={onChoose} />}
      </div>
      <div class="toolbar-row">
        <p class="small muted" role="status">
          {shown.length} of {images.length} images
        </p>
        <Chips />
        <div class="downloads small">
          <button type="button" class="link" onClick={() => save('images.csv', 'text/csv', csv(shown))}>
            CSV
          </button>
          <button
            type="button"
            class="link"
            onClick={() => save('images.json', 'application/json', JSON.stringify(shown.map(plain), null, 2))}
          >
            JSON
          </button>
          <span class="muted">of the images shown</span>
        </div>
      </div>
    </div>
  );

  function csv(rows: readonly PageImage[]): string {
    const columns = IMAGE_COLUMNS.filter((column) => column.value);
    return formatCsv(
      [{ key: 'source' }, ...columns.map(({ key }) => ({ key }))],
      rows.map((image) => ({
        source: image.source,
        ...Object.fromEntries(columns.map(({ key, value }) => [key, value!(image, page)])),
      })),
    );
  }

  /** Without addresses, which are of this page. */
  function plain({ pictures: _, ...image }: PageImage) {
    return {
      ...image,
      names: {
        label: className(image.label, page.classes),
        clean: className(image.clean.class, page.classes),
        adversarial: className(image.adversarial.class, page.classes),
      },
    };
  }
}

function SortMenu({ sorting, onSort }: Pick<ToolbarProps, 'sorting' | 'onSort'>) {
  return (
    <label class="sort small">
      <span class="muted">Sort by</span>
      <select
        value={sorting?.key ?? 'index'}
        onChange={(event) => onSort({ key: event.currentTarget.value, falling: sorting?.falling ?? false })}
      >
        {IMAGE_COLUMNS.filter(({ value }) => value).map(({ key, name }) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
      <button
        type="button"
        class="button"
        aria-label={sorting?.falling ? 'Falling; sort rising' : 'Rising; sort falling'}
        onClick={() => onSort({ key: sorting?.key ?? 'index', falling: !sorting?.falling })}
      >
        {sorting?.falling ? '↓' : '↑'}
      </button>
    </label>
  );
}

function ColumnMenu({ chosen, onChoose }: Pick<ToolbarProps, 'chosen' | 'onChoose'>) {
  const toggle = (key: string) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    onChoose(next);
  };
  return (
    <details class="menu">
      <summary class="button">Columns</summary>
      <fieldset class="card">
        <legend class="hidden">Columns of the table</legend>
        {IMAGE_COLUMNS.slice(1).map(({ key, name }) => (
          <label key={key} class="check">
            <input type="checkbox" checked={chosen.has(key)} onChange={() => toggle(key)} /> {name}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

/** What filters the images now, each to be taken away. */
function Chips() {
  const { filter, setFilter, page } = useRun();
  const chips: (readonly [text: string, without: Filter])[] = [];
  for (const [name, range] of Object.entries(filter.ranges) as [MeasureName, readonly [number, number]][]) {
    const { [name]: _, ...ranges } = filter.ranges;
    const digits = MEASURE_DIGITS[name];
    const to = Number.isFinite(range[1]) ? ` – ${range[1].toFixed(digits)}` : ' or more';
    chips.push([`${MEASURE_NAMES[name]} ${range[0].toFixed(digits)}${to}`, { ...filter, ranges }]);
  }
  if (filter.label !== undefined)
    chips.push([className(filter.label, page.classes), { ...filter, label: undefined, to: undefined }]);
  if (filter.to !== undefined)
    chips.push([`→ ${className(filter.to, page.classes)}`, { ...filter, to: undefined }]);
  if (chips.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {chips.map(([text, without]) => (
        <li key={text}>
          <button
            type="button"
            class="chip"
            onClick={() => setFilter(without)}
            aria-label={`Remove the filter ${text}`}
          >
            {text} <span aria-hidden="true">✕</span>
          </button>
        </li>
      ))}
      <li>
        <button type="button" class="link" onClick={() => setFilter(NO_FILTER)}>
          all
        </button>
      </li>
    </ul>
  );
}
