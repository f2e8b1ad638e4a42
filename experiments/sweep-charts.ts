/** What a sweep shows on its page: a heat map of two settings, bars of the names of one, or lines along the first, one for each combination of the rest. */
import type { Norm } from '../attack/settings/common.js';
import type { PageChart } from '../report/page-data.js';
import { type Cell, type CellDocument, valueText } from './cells.js';
import { documentsOf, ofNets } from './compare.js';
import { byName, gridOf, type Swept } from './grid.js';

export function sweepCharts(
  cells: readonly Cell[],
  documents: readonly CellDocument[],
  over: readonly Swept[],
  norm: Norm,
): PageChart[] {
  return ofNets(cells).flatMap((own) => {
    const said = documentsOf(own, cells, documents);
    const title = `${said[0]!.method} on ${said[0]!.net}`;
    const note = `${said[0]!.n} images that are right when clean`;
    const measures: readonly Measure[] = [
      { name: 'ASR', percent: true, of: ({ asr }) => asr, interval: ({ asr95 }) => asr95 },
      { name: `median ${norm}`, percent: false, of: ({ median }) => median[norm] },
      { name: 'mean l0', percent: false, of: ({ mean }) => mean?.l0 ?? null },
    ];
    const draw = over.length === 2 ? heatOf : byName(over) ? barsOf : linesOf;
    return measures.map((measure) => draw(said, over, measure, title, note));
  });
}

interface Measure {
  readonly name: string;
  readonly percent: boolean;
  of(document: CellDocument): number | null;
  interval?(document: CellDocument): { readonly low: number; readonly high: number } | null;
}

function heatOf(
  said: readonly CellDocument[],
  [first, second]: readonly Swept[],
  { name, percent, of }: Measure,
  title: string,
  note: string,
): PageChart {
  return {
    kind: 'heat',
    title: `${title}: ${name}`,
    note,
    x: second!.setting,
    y: first!.setting,
    percent,
    rows: first!.values.map(valueText),
    columns: second!.values.map(valueText),
    values: first!.values.map((_, i) =>
      second!.values.map((__, k) => of(said[i * second!.values.length + k]!)),
    ),
  };
}

function barsOf(
  said: readonly CellDocument[],
  [only]: readonly Swept[],
  { name, percent, of, interval }: Measure,
  title: string,
  note: string,
): PageChart {
  const { setting, values } = only!;
  return {
    kind: 'bars',
    title: `${title}: ${name}`,
    note: interval ? `${note}; 95 % intervals` : note,
    y: name,
    percent,
    names: values.map((value) => `${setting} ${valueText(value)}`),
    series: [
      {
        name,
        bars: said.map((document) => {
          const value = of(document);
          return value === null ? null : { value, ...(interval?.(document) ?? {}) };
        }),
      },
    ],
  };
}

function linesOf(
  said: readonly CellDocument[],
  [first, ...rest]: readonly Swept[],
  { name, percent, of, interval }: Measure,
  title: string,
  note: string,
): PageChart {
  const { setting, values } = first!;
  const others = gridOf(rest);
  const numeric = values.every((value) => typeof value === 'number');
  // Names stand at their places, one after the other.
  const place = (i: number) => (numeric ? (values[i] as number) : i);
  const order = values.map((_, i) => i).sort((a, b) => place(a) - place(b));
  return {
    kind: 'lines',
    title: `${title}: ${name}`,
    note: interval ? `${note}; bands: 95 % intervals` : note,
    x: setting,
    y: name,
    percent,
    ...(numeric ? {} : { places: values.map(valueText) }),
    series: others.map((other, k) => ({
      name:
        Object.entries(other)
          .map(([key, value]) => `${key} ${valueText(value)}`)
          .join(' ') || name,
      points: order.flatMap((i) => {
        const document = said[i * others.length + k]!;
        const y = of(document);
        return y === null ? [] : [{ x: place(i), y, ...(interval?.(document) ?? {}) }];
      }),
    })),
  };
}
