/** A cell: one method with its settings, on one net, over the images of the study, in a run's folder of its own. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Fitted } from '../attack/cost.js';
import { fitToBudget, stepSetting } from '../attack/cost.js';
import { type Aggregate, aggregate } from '../attack/measures.js';
import type { Method } from '../attack/method.js';
import { NORMS, type Norm } from '../attack/settings/common.js';
import type { AttackSettings, Kind } from '../attack/traits.js';
import type { ImageResult, Json } from '../report/run-files.js';
import { type Interval, optimality, sizesOf, wilson } from '../report/statistics.js';
import { type AttackPlan, fingerprintOf, shortHash } from '../run/attack-plan.js';
import { runAttack } from '../run/attack-run.js';
import { regionMask } from '../run/source.js';
import { attackDocument } from '../run/summary.js';
import { type PaperFigures, paperFigures } from './paper.js';
import { noteExit, type StudiedNet, type Study, slug } from './study.js';

export interface AskedCell {
  readonly net: StudiedNet;
  readonly method: Method;
  readonly settings: AttackSettings;
  /** Of the settings those that somebody chose. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Propagations of an image that the cell was given, and whether it keeps to them. */
  readonly budget?: { readonly given: number; readonly most: number; readonly fits: boolean } | undefined;
}

export interface Cell extends AskedCell {
  /** Of its folder, below that of the cells. */
  readonly name: string;
  readonly folder: string;
  readonly adapter: string;
  /** By index; images that are right when clean. */
  readonly results: readonly ImageResult[];
}

/** A cell within a budget of propagations; tells where that cannot be. */
export function askCell(
  net: StudiedNet,
  method: Method,
  given: Readonly<Record<string, unknown>>,
  budget: number | undefined,
  note: (line: string) => void,
): AskedCell {
  if (budget === undefined) return { net, method, given, settings: method.settings(given, net.model.spec) };
  const fitted = fitToBudget(net.model, method, given, budget);
  if (!fitted.fits) note(unfit(method, fitted, budget));
  const { settings, propagations: most, fits } = fitted;
  return { net, method, given, settings, budget: { given: budget, most, fits } };
}

function unfit(method: Method, { propagations }: Fitted, budget: number): string {
  const name = stepSetting(method);
  const why =
    name === undefined ? 'it has no single number of steps' : `its ${name} are given, or one is too many`;
  return `${method.name}: up to ${propagations} propagations an image instead of ${budget}: ${why}; its settings stay as they are`;
}

/** Runs what is missing of the cells. Each result is on disk before the next begins. */
export async function runCells(
  study: Study,
  asked: readonly AskedCell[],
  indices: readonly number[],
): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const [i, one] of asked.entries()) {
    study.console.note(`cell ${i + 1} of ${asked.length}: ${cellTitle(one)} on ${one.net.model.name}`);
    cells.push(await runCell(study, one, indices));
  }
  return sharedImages(cells);
}

async function runCell(study: Study, asked: AskedCell, indices: readonly number[]): Promise<Cell> {
  const { net, method, settings } = asked;
  const plan: AttackPlan = {
    attack: { method, settings, mask: await regionMask(settings.region, net.model.spec, study.services) },
    net,
    source: net.source,
    indices,
    out: undefined,
    overwrite: false,
    saveTensors: false,
    sheet: 8,
    singleFile: false,
    batch: study.data.batch,
    preprocess: study.data.preprocess,
    overlaySize: 'net',
  };
  const name = `${slug(net.model.name)}-${method.name}-${shortHash(await fingerprintOf(plan))}`;
  const folder = join(study.cells, name);
  const { run, exitCode } = await runAttack({ ...plan, out: folder }, study.services, study.console);
  noteExit(study, exitCode);
  const wanted = new Set(indices);
  const results = run.results
    .filter(({ index, correct }) => wanted.has(index) && correct)
    .sort((a, b) => a.index - b.index);
  return { ...asked, name, folder, adapter: attackDocument(run.document, folder).adapter, results };
}

/** Cells of a net with the same images: those that all of them have. */
function sharedImages(cells: readonly Cell[]): Cell[] {
  return cells.map((cell) => {
    const others = cells
      .filter(({ net }) => net === cell.net)
      .map(({ results }) => new Set(results.map(({ index }) => index)));
    return { ...cell, results: cell.results.filter(({ index }) => others.every((set) => set.has(index))) };
  });
}

/** `pgd norm l2 in cfr`: a method with what was said of it. */
export function cellTitle({ method, settings, given }: AskedCell): string {
  const own = Object.entries(given).filter(([name, value]) => name !== 'region' && value !== undefined);
  const region = settings.region === method.table.region!.default ? [] : [`in ${settings.region}`];
  return [method.name, ...own.map(([name, value]) => `${name} ${valueText(value)}`), ...region].join(' ');
}

/** `16/255` where a number is that, as people write sizes of perturbations. */
export function valueText(value: unknown): string {
  if (typeof value !== 'number' || String(value).length < 7) return String(value);
  const levels = Math.round(value * 255);
  return Math.abs(levels - value * 255) < 1e-9 ? `${levels}/255` : String(Number(value.toPrecision(4)));
}

/** What `results.json` says of a cell. Rates are fractions of 1. */
export interface CellDocument {
  readonly name: string;
  readonly title: string;
  readonly net: string;
  readonly arch: string;
  readonly method: string;
  readonly kind: Kind;
  /** The norm that the method holds or makes small. */
  readonly norm: Norm;
  readonly region: string;
  readonly settings: Json;
  /** Images right when clean, which were attacked. */
  readonly n: number;
  readonly succeeded: number;
  readonly asr: number | null;
  /** Wilson, 95 %. */
  readonly asr95: Interval | null;
  /** Over the successes. */
  readonly mean: Aggregate['mean'];
  /** Over all, a failure counting as infinite: null where that is the median. */
  readonly median: Aggregate['median'];
  /** Of an image: the mean of what was spent, and of what was spent when the result was found; the budget. */
  readonly propagations: {
    readonly mean: number | null;
    readonly found: number | null;
    readonly budget: AskedCell['budget'] | null;
  };
  readonly optimality: Readonly<Record<Norm, number | null>>;
  readonly paper: PaperFigures | null;
  /** Of the indices, labels and digests of its images: equal in cells of the same images. */
  readonly images: string;
}

/** The documents of cells, each compared with those of its net. */
export function cellDocuments(cells: readonly Cell[]): CellDocument[] {
  return cells.map((cell) => {
    const { net, method, settings, results } = cell;
    const peers = cells.filter((other) => other.net === net);
    const { correct: n, succeeded, asr, mean, median } = aggregate(results);
    const at = peers.indexOf(cell);
    const spec = net.model.spec;
    // In another norm or region than its own a method is not the one that the paper reports.
    const usual = ['norm', 'region'].every(
      (setting) => settings[setting] === undefined || settings[setting] === method.table[setting]!.default,
    );
    const named = { name: net.model.name, arch: spec.arch, classes: spec.classes };
    const paper = usual ? paperFigures(named, method.name) : undefined;
    return {
      name: cell.name,
      title: cellTitle(cell),
      net: net.model.name,
      arch: spec.arch,
      method: method.name,
      kind: method.kind(settings),
      norm: method.norm(settings),
      region: settings.region,
      settings: settings as unknown as Json,
      n,
      succeeded,
      asr,
      asr95: wilson(succeeded, n),
      mean,
      median,
      propagations: {
        mean: average(results.map(({ forwards, backwards }) => forwards + backwards)),
        found: average(results.filter(({ success }) => success).map(({ found }) => found)),
        budget: cell.budget ?? null,
      },
      optimality: Object.fromEntries(
        NORMS.map((norm) => [norm, optimality(peers.map((peer) => sizesOf(peer.results, norm)))[at]!]),
      ) as Record<Norm, number | null>,
      paper: paper ?? null,
      images: imagesHash(results),
    };
  });
}

export function average(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function imagesHash(results: readonly ImageResult[]): string {
  const text = results.map(({ index, label, sha256 }) => `${index} ${label} ${sha256}\n`).join('');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The worst case of a net's cells: image by image the least norm, and by which cell. */
export interface WorstCase {
  readonly net: string;
  readonly norm: Norm;
  readonly n: number;
  readonly succeeded: number;
  readonly asr: number | null;
  readonly asr95: Interval | null;
  readonly mean: Aggregate['mean'];
  readonly median: Aggregate['median'];
  /** How many images each cell is the best on, by its name; of equals the first. */
  readonly by: Readonly<Record<string, number>>;
}

export function worstCase(
  cells: readonly Cell[],
  norm: Norm,
): { summary: WorstCase; results: ImageResult[] } {
  const by: Record<string, number> = {};
  const results = cells[0]!.results.map((first, i) => {
    const all = cells.map((cell) => cell.results[i]!);
    const sizes = sizesOf(all, norm);
    const least = Math.min(...sizes);
    if (least === Number.POSITIVE_INFINITY) return first;
    const winner = sizes.indexOf(least);
    const { name } = cells[winner]!;
    by[name] = (by[name] ?? 0) + 1;
    return all[winner]!;
  });
  const { correct: n, succeeded, asr, mean, median } = aggregate(results);
  const net = cells[0]!.net.model.name;
  return {
    summary: { net, norm, n, succeeded, asr, asr95: wilson(succeeded, n), mean, median, by },
    results,
  };
}
