/** One method over values of its settings: Fig. 9 and 10 of the paper. */
import type { Method } from '../attack/method.js';
import type { Norm } from '../attack/settings/common.js';
import { UserError } from '../base/errors.js';
import { type Bar, barChart, heatmapChart, lineChart, stackCharts } from '../report/charts.js';
import { type Column, fixed, percent } from '../report/table.js';
import {
  type AskedCell,
  askCell,
  type Cell,
  type CellDocument,
  cellDocuments,
  runCells,
  valueText,
  type WorstCase,
  worstCase,
} from './cells.js';
import { documentsOf, intervalText, judged, ofNets } from './compare.js';
import { byName, gridOf, type Swept } from './grid.js';
import { attackGrid } from './grids.js';
import { publish } from './outputs.js';
import { paperSays } from './paper.js';
import { cleanDocument, cleanPass, rightForAll, type StudiedNet, type Study } from './study.js';
import { sweepCharts } from './sweep-charts.js';
import { warningsOf } from './warnings.js';

/** @throws UserError where two points of the grid are the same attack */
export function sweepCells(
  net: StudiedNet,
  method: Method,
  given: Readonly<Record<string, unknown>>,
  over: readonly Swept[],
): AskedCell[] {
  for (const { setting, values } of over)
    if (new Set(values).size < values.length)
      throw new UserError(
        `--over: expected each value of ${setting} once, got ${values.join(', ')}; leave out the second`,
      );
  return gridOf(over).map((point) => askCell(net, method, { ...given, ...point }, undefined, () => {}));
}

export async function sweep(
  study: Study,
  asked: readonly AskedCell[],
  over: readonly Swept[],
  norm: Norm,
): Promise<void> {
  const passes = await cleanPass(study);
  const indices = rightForAll(study, passes);
  const cells = await runCells(study, asked, indices);
  const documents = cellDocuments(cells);
  const worst = ofNets(cells).map((own) => worstCase(own, norm).summary);
  const names = over.map(({ setting }) => setting);
  const columns: Column[] = [
    { key: 'net' },
    { key: 'method' },
    ...names.map((key) => ({ key })),
    { key: 'n' },
    { key: 'asr', header: 'ASR', format: percent(1) },
    { key: 'interval', header: '95 %' },
    { key: 'l0', format: fixed(0) },
    { key: 'l2', format: fixed(3) },
    { key: 'linf', format: fixed(3) },
    { key: 'ssim', header: 'SSIM', format: fixed(4) },
    { key: 'median', header: `median ${norm}`, format: fixed(3) },
    { key: 'propagations', format: fixed(0) },
  ];
  const none = { l0: null, l1: null, l2: null, linf: null, ssim: null };
  await publish(study, {
    title: `${asked[0]!.method.name} over ${names.join(' and ')}`,
    columns,
    rows: documents.map(({ net, method, n, asr, asr95, mean, median, propagations, settings }) => ({
      net,
      method,
      ...Object.fromEntries(names.map((name) => [name, (settings as Record<string, unknown>)[name]])),
      n,
      asr,
      interval: intervalText(asr95),
      ...(mean ?? none),
      median: median[norm],
      propagations: propagations.mean,
    })),
    figure: figureOf(cells, documents, over, norm),
    images: await attackGrid(ofNets(cells), study.services),
    charts: sweepCharts(cells, documents, over, norm),
    cells,
    norm,
    notes: [
      `ASR over the images right when clean, with its Wilson 95 % interval; means over the successes; median ${norm} with failures as infinite.`,
      ...ofNets(cells).map((own, i) => bestText(documentsOf(own, cells, documents), names, worst[i]!)),
      ...names
        .filter(
          (name): name is keyof typeof paperSays => asked[0]!.method.name === 'cfr' && name in paperSays,
        )
        .map((name) => `The paper, on other nets: ${paperSays[name]}.`),
    ],
    warnings: warningsOf(judged(cells, documents)),
    document: {
      command: 'sweep',
      norm,
      over,
      data: await study.nets[0]!.source.identity(),
      ...cleanDocument(study, passes),
      indices,
      cells: documents,
      worstCase: worst,
    },
  });
}

/** Which point of the grid is best on a net: the one of the least median, in which failures count as infinite. */
function bestText(
  said: readonly CellDocument[],
  names: readonly string[],
  { norm, n, by }: WorstCase,
): string {
  const sizeOf = ({ median }: CellDocument) => median[norm] ?? Number.POSITIVE_INFINITY;
  const best = said.reduce((least, document) => (sizeOf(document) < sizeOf(least) ? document : least));
  if (sizeOf(best) === Number.POSITIVE_INFINITY)
    return `Best on ${best.net}: none, for no point fools half of the images.`;
  const settings = best.settings as Record<string, unknown>;
  const point = names.map((name) => `${name} ${valueText(settings[name])}`).join(', ');
  return `Best on ${best.net}: ${point}, with the least median ${norm} (${sizeOf(best).toPrecision(3)}); it has the least ${norm} of all ${said.length} on ${by[best.name] ?? 0} of ${n} images.`;
}

/** Two settings make a heatmap, names of one bars, others lines: along the first setting, a line for each combination of the rest. */
function figureOf(
  cells: readonly Cell[],
  documents: readonly CellDocument[],
  over: readonly Swept[],
  norm: Norm,
): string {
  const charts = ofNets(cells).flatMap((own) => {
    const said = documentsOf(own, cells, documents);
    const title = `${own[0]!.method.name} on ${said[0]!.net}`;
    const sample = { n: said[0]!.n, of: 'images that are right when clean' };
    const [first, second] = over;
    if (over.length === 2) {
      const value = (i: number, k: number) => said[i * second!.values.length + k]!;
      const heat = (label: string, of: (document: CellDocument) => number | null, percents: boolean) =>
        heatmapChart({
          title: `${title}: ${label}`,
          ...sample,
          rows: first!.values.map(valueText),
          columns: second!.values.map(valueText),
          values: first!.values.map((_, i) => second!.values.map((__, k) => of(value(i, k)))),
          x: { label: second!.setting },
          y: { label: first!.setting },
          value: percents
            ? { label, unit: '%', domain: [0, 100], format: (rate) => rate.toFixed(0) }
            : { label, format: (size) => String(Number(size.toPrecision(3))) },
        });
      return [
        heat('ASR', ({ asr }) => (asr === null ? null : 100 * asr), true),
        heat(`median ${norm}`, ({ median }) => median[norm], false),
      ];
    }
    return byName(over) ? barsOf(said, over, norm, title, sample) : linesOf(said, over, title, sample);
  });
  return stackCharts(charts, 2);
}

function barsOf(
  said: readonly CellDocument[],
  [only]: readonly Swept[],
  norm: Norm,
  title: string,
  sample: { readonly n: number; readonly of: string },
): string[] {
  const { setting, values } = only!;
  const names = values.map(valueText);
  const chart = (label: string, unit: string | undefined, bars: readonly (Bar | null)[]) =>
    barChart({
      title: `${title}: ${label}`,
      ...sample,
      ...(unit === undefined ? {} : { note: 'whiskers: 95 % intervals' }),
      names,
      x: { label: setting },
      y: { label, ...(unit === undefined ? {} : { unit, domain: [0, 100] as const }) },
      series: [{ name: label, bars }],
    });
  return [
    chart(
      'ASR',
      '%',
      said.map(({ asr, asr95 }) =>
        asr === null ? null : { value: 100 * asr, low: 100 * asr95!.low, high: 100 * asr95!.high },
      ),
    ),
    chart(
      `median ${norm}`,
      undefined,
      said.map(({ median }) => (median[norm] === null ? null : { value: median[norm] })),
    ),
  ];
}

function linesOf(
  said: readonly CellDocument[],
  [first, ...rest]: readonly Swept[],
  title: string,
  sample: { readonly n: number; readonly of: string },
): string[] {
  const others = gridOf(rest);
  const { setting, values } = first!;
  // Names stand at their places, one after the other.
  const place = (i: number) => (typeof values[i] === 'number' ? values[i] : i);
  const order = values.map((_, i) => i).sort((a, b) => place(a) - place(b));
  const chart = (
    label: string,
    unit: string | undefined,
    of: (document: CellDocument) => { y: number; low?: number; high?: number } | null,
  ) =>
    lineChart({
      title: `${title}: ${label}`,
      ...sample,
      ...(unit === undefined ? {} : { note: 'bands: 95 % intervals' }),
      x: { label: setting },
      y: { label, ...(unit === undefined ? {} : { unit, domain: [0, 100] as const }) },
      series: others.map((other, k) => ({
        name:
          Object.entries(other)
            .map(([name, value]) => `${name} ${valueText(value)}`)
            .join(' ') || label,
        points: order.flatMap((i) => {
          const point = of(said[i * others.length + k]!);
          return point === null ? [] : [{ x: place(i), ...point }];
        }),
      })),
    });
  return [
    chart('ASR', '%', ({ asr, asr95 }) =>
      asr === null ? null : { y: 100 * asr, low: 100 * asr95!.low, high: 100 * asr95!.high },
    ),
    chart('mean l0', undefined, ({ mean }) => mean && { y: mean.l0 }),
    chart('mean l2', undefined, ({ mean }) => mean && { y: mean.l2 }),
  ];
}
