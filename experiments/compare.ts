/** Methods beside each other on the same images: Table I of the paper, Table II on robust nets, and the curves. */

import type { Norm } from '../attack/settings/common.js';
import { decimals } from '../base/decimals.js';
import { lineChart, stackCharts } from '../report/charts.js';
import { type Interval, robustnessCurve, shownReach, sizesOf } from '../report/statistics.js';
import { type Column, fixed, percent, type Row } from '../report/table.js';
import {
  type AskedCell,
  type Cell,
  type CellDocument,
  cellDocuments,
  cellTitle,
  runCells,
  type WorstCase,
  worstCase,
} from './cells.js';
import { attackGrid } from './grids.js';
import { type Findings, publish } from './outputs.js';
import { cleanDocument, cleanPass, rightForAll, type Study } from './study.js';
import { type JudgedCell, warningsOf } from './warnings.js';

export interface CompareOptions {
  readonly command: 'compare' | 'defend';
  readonly title: string;
  /** The norm of the curves, of the worst case and of the table's optimality. */
  readonly norm: Norm;
}

/** Runs the cells and publishes what came of them. */
export async function compare(
  study: Study,
  asked: readonly AskedCell[],
  options: CompareOptions,
): Promise<void> {
  const passes = await cleanPass(study);
  const indices = rightForAll(study, passes);
  const cells = await runCells(study, asked, indices);
  const { norm } = options;
  const worst = ofNets(cells).map((own) => worstCase(own, norm));
  const documents = cellDocuments(cells);
  const warnings = warningsOf(judged(cells, documents));
  const findings: Findings = {
    title: options.title,
    columns: columnsOf(documents, norm),
    rows: rowsOf(
      documents,
      worst.map(({ summary }) => summary),
      norm,
    ),
    figure: curves(cells, norm),
    images: await attackGrid(ofNets(cells), study.services),
    notes: notesOf(documents, norm),
    warnings,
    charts: [],
    cells,
    norm,
    document: {
      command: options.command,
      norm,
      data: await study.nets[0]!.source.identity(),
      ...cleanDocument(study, passes),
      indices,
      cells: documents,
      worstCase: worst.map(({ summary }) => summary),
    },
  };
  await publish(study, findings);
}

/** The cells of each net. */
export function ofNets(cells: readonly Cell[]): Cell[][] {
  const nets = [...new Set(cells.map(({ net }) => net))];
  return nets.map((net) => cells.filter((cell) => cell.net === net));
}

/** What is said of some of the cells. */
export function documentsOf(
  some: readonly Cell[],
  cells: readonly Cell[],
  documents: readonly CellDocument[],
): CellDocument[] {
  return some.map((cell) => documents[cells.indexOf(cell)]!);
}

/** Cells as the signs of a bad evaluation are looked for in them. */
export function judged(cells: readonly Cell[], documents: readonly CellDocument[]): JudgedCell[] {
  return cells.map(({ name, method, settings, results }, i) => {
    const { title, net, kind, norm } = documents[i]!;
    const { blackBox } = method;
    return { name, title, net, method: method.name, blackBox, kind, norm, settings, results };
  });
}

/** "91.2 – 97.9" */
export function intervalText(interval: Interval | null): string | null {
  if (interval === null) return null;
  return `${decimals(100 * interval.low, 1)} – ${decimals(100 * interval.high, 1)}`;
}

const asPercent = (value: number | null) => (value === null ? null : value / 100);

function columnsOf(documents: readonly CellDocument[], norm: Norm): Column[] {
  const columns: Column[] = [
    { key: 'net' },
    { key: 'method' },
    { key: 'n' },
    { key: 'asr', header: 'ASR', format: percent(1) },
    { key: 'interval', header: '95 %' },
    { key: 'l0', format: fixed(0) },
    { key: 'l1', format: fixed(2) },
    { key: 'l2', format: fixed(3) },
    { key: 'linf', format: fixed(3) },
    { key: 'ssim', header: 'SSIM', format: fixed(4) },
    { key: 'median', header: `median ${norm}`, format: fixed(3) },
    { key: 'optimality', header: `optimality ${norm}`, format: percent(1) },
    { key: 'propagations', format: fixed(0) },
    { key: 'paperAsr', header: 'paper ASR', format: percent(1) },
    { key: 'paperL2', header: 'paper l2', format: fixed(2) },
    { key: 'paperSsim', header: 'paper SSIM', format: fixed(2) },
  ];
  const empty = new Set<string>();
  if (documents.every(({ paper }) => paper === null)) empty.add('paperAsr');
  if (documents.every(({ paper }) => (paper?.l2 ?? null) === null)) empty.add('paperL2').add('paperSsim');
  return columns.filter(({ key }) => !empty.has(key));
}

function rowsOf(documents: readonly CellDocument[], worst: readonly WorstCase[], norm: Norm): Row[] {
  const none = { l0: null, l1: null, l2: null, linf: null, ssim: null };
  return worst.flatMap((all) => {
    const own = documents.filter(({ net }) => net === all.net);
    const rows: Row[] = own.map(
      ({ net, title, n, asr, asr95, mean, median, optimality, propagations, paper }) => ({
        net,
        method: title,
        n,
        asr,
        interval: intervalText(asr95),
        ...(mean ?? none),
        median: median[norm],
        optimality: optimality[norm],
        propagations: propagations.mean,
        paperAsr: paper && asPercent(paper.asr),
        paperL2: paper?.l2,
        paperSsim: paper?.ssim,
      }),
    );
    if (own.length < 2) return rows;
    const { net, n, asr, asr95, mean, median } = all;
    const method = `worst case of ${own.length}`;
    const interval = intervalText(asr95);
    return [...rows, { net, method, n, asr, interval, ...(mean ?? none), median: median[norm] }];
  });
}

function notesOf(documents: readonly CellDocument[], norm: Norm): string[] {
  const over = documents.filter(({ propagations: { budget } }) => budget && !budget.fits);
  const budgets = new Set(documents.map(({ propagations: { budget } }) => budget?.given));
  const given = budgets.size === 1 ? [...budgets][0] : undefined;
  return [
    'ASR over the images that all nets classify right, with its Wilson 95 % interval; means over the successes, of the saved 8-bit images; ' +
      `median ${norm} with failures as infinite; optimality among these runs (AttackBench).`,
    given === undefined
      ? 'Each method has the steps that its settings say; propagations (forwards and backwards of an image) are means.'
      : `At most ${given} propagations (forwards and backwards) an image; the means are shown, as images that are done early spend less.`,
    ...(over.length > 0
      ? [`Not within that budget: ${over.map(({ title, net }) => `${title} on ${net}`).join('; ')}.`]
      : []),
  ];
}

function curves(cells: readonly Cell[], norm: Norm): string {
  return stackCharts(
    ofNets(cells).map((own) => {
      const sizes = own.map(({ results }) => sizesOf(results, norm));
      // What a control needs says nothing of where the chart should end.
      const attacks = sizes.filter((_, i) => own[i]!.method.kind(own[i]!.settings) !== 'control');
      const most = shownReach(attacks.length > 0 ? attacks : sizes);
      return lineChart({
        title: `Accuracy left on ${own[0]!.net.model.name}`,
        of: 'images that are right when clean',
        n: own[0]!.results.length,
        width: 720,
        height: 440,
        marks: false,
        x: { label: `${norm} of the perturbation`, domain: [0, most] },
        y: { label: 'accuracy', domain: [0, 1], format: (value) => value.toFixed(1) },
        series: own.map((cell, i) => ({
          name: cellTitle(cell),
          points: robustnessCurve(sizes[i]!, most),
        })),
      });
    }),
  );
}
