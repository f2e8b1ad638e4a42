/** The page of a run: its figures, where they come from, and its images. */
import { aggregate, type Measures, type Outcome } from '../attack/measures.js';
import type { Norm } from '../attack/settings/common.js';
import { durationText } from '../base/duration.js';
import {
  columnsOf,
  type Fact,
  type FactGroup,
  type Figure,
  type FileLink,
  type PageImage,
  type RunPage,
} from './page-data.js';
import type { AnyKind, ImageResult, Session } from './run-files.js';
import { meanInterval, wilson } from './statistics.js';

/** What the page takes from `summary.json` and `run.json`; its figures are computed from the results. */
export interface RunFacts {
  readonly method: string;
  readonly model: string;
  readonly adapter: string;
  readonly seed: number;
  readonly settings: unknown;
  readonly net: unknown;
  readonly norm: Norm;
  /** sha256 of the weights. */
  readonly weights: string;
  /** The data set, or the files, with their digests. */
  readonly images: string | readonly string[];
  readonly sessions: readonly Session[];
  readonly batch: number | null;
  /** Images that were left out, as they are of the target class already. */
  readonly alreadyTarget: number;
  /** False: no labels were given, so that success is a changed prediction. */
  readonly labelled: boolean;
  /** What makes the results doubtful. */
  readonly warnings: readonly string[];
}

export interface RunPageInput {
  readonly facts: RunFacts;
  readonly results: readonly ImageResult[];
  /** Names of the classes. */
  readonly classes: readonly string[];
  readonly inputSize: readonly [height: number, width: number];
  /** Addresses of an image's pictures: relative to the page, or data of their own. */
  pictures(result: ImageResult): Partial<Readonly<Record<AnyKind, string>>>;
  readonly files: readonly FileLink[];
}

export function runPage({ facts, results, classes, inputSize, pictures, files }: RunPageInput): RunPage {
  const { method, model, adapter, labelled, warnings, norm, sessions } = facts;
  const started = sessions[0]?.started;
  return {
    kind: 'run',
    title: `${method} on ${model}`,
    subtitle: [adapter || 'no adapter', ...(started ? [dateText(started)] : [])].join(' · '),
    labelled,
    classes,
    inputSize,
    norm,
    figures: figuresOf(results, facts, inputSize),
    warnings,
    empty: emptyText(facts),
    facts: [provenance(facts), netOf(facts), settingsOf(facts)],
    files,
    images: columnsOf(results.map((result) => pageImage(result, pictures(result)))),
  };
}

function pageImage(result: ImageResult, pictures: PageImage['pictures']): PageImage {
  const { sha256: _, float: __, name: ___, trace, photo, ...rest } = result;
  // Of columns the first row says which there are.
  return { ...rest, trace, photo, pictures };
}

function emptyText({ alreadyTarget }: RunFacts): string {
  if (alreadyTarget === 0) return 'No image is finished yet.';
  return `No image was attacked: ${alreadyTarget} ${alreadyTarget === 1 ? 'is' : 'are'} of the target class already.`;
}

/** Norms and counts. */
const FROM_ZERO = [0, Number.POSITIVE_INFINITY] as const;

function figuresOf(
  results: readonly ImageResult[],
  { labelled, alreadyTarget }: RunFacts,
  [height, width]: readonly [number, number],
): Figure[] {
  const { images, correct, succeeded, asr, mean, median } = aggregate(results);
  const fooled = results.filter((result) => result.correct && result.success);
  const size = (name: keyof Measures, title: string, digits: number, hint: string): Figure => ({
    name: title,
    value: mean?.[name] ?? null,
    interval: meanInterval(
      fooled.map((result) => result[name]),
      name === 'ssim' ? [-1, 1] : FROM_ZERO,
    ),
    unit: 'size',
    digits,
    hint,
  });
  const left = [
    ...(labelled && images > correct ? [`${images - correct} wrong when clean`] : []),
    ...(alreadyTarget > 0 ? [`${alreadyTarget} more of the target class already`] : []),
  ];
  const work = results.filter((result) => result.correct);
  return [
    {
      name: labelled ? 'Attack success rate' : 'Predictions changed',
      value: asr,
      interval: wilson(succeeded, correct),
      unit: 'rate',
      hint: `${succeeded} of ${correct} ${labelled ? 'right when clean' : '(no labels given)'}`,
    },
    { name: 'Images', value: images, unit: 'count', hint: left.join(', ') || 'attacked' },
    size(
      'l2',
      'Mean l2',
      3,
      `median ${median.l2 === null ? 'infinite' : median.l2.toFixed(3)}, failures as infinite`,
    ),
    size('linf', 'Mean linf', 4, 'largest change of a pixel'),
    size('l1', 'Mean l1', 2, 'sum of changes'),
    size('l0', 'Mean l0', 0, `of ${(3 * height * width).toLocaleString('en')} channel values`),
    size('ssim', 'Mean SSIM', 4, 'structural similarity'),
    {
      name: 'Propagations',
      value: work.length === 0 ? null : average(work, ({ forwards, backwards }) => forwards + backwards),
      interval: meanInterval(
        work.map(({ forwards, backwards }) => forwards + backwards),
        FROM_ZERO,
      ),
      unit: 'size',
      digits: 1,
      hint: 'forwards and backwards an image',
    },
  ];
}

function average<T extends Outcome>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0) / values.length;
}

function provenance({ sessions, images, adapter, batch, seed, weights }: RunFacts): FactGroup {
  const known = sessions.filter((session) => session.seconds !== null);
  const seconds = sessions.reduce((sum, session) => sum + (session.seconds ?? 0), 0);
  const times = sessions.map(({ started }) => dateText(started));
  const facts: Fact[] = [
    ...distinct(sessions.map(({ command }) => command)).map((command): Fact => ['Command', command]),
    ['Program', distinct(sessions.map(({ version }) => `cfr-attack ${version}`)).join(', ')],
    ['Started', times.join('; ')],
    [
      'Duration',
      known.length === 0
        ? ''
        : durationText(seconds) + (known.length < sessions.length ? ', and what was stopped' : ''),
    ],
    ['Adapter', adapter],
    ['Images', typeof images === 'string' ? images : images.slice(0, 5).join('; ') + more(images.length - 5)],
    ['Weights', weights === '' ? '' : `sha256 ${weights}`],
    ['Images at a time', batch === null ? '' : String(batch)],
    ['Seed', String(seed)],
  ];
  return {
    title: 'Provenance',
    facts: facts.filter(([, text]) => text !== ''),
  };
}

function more(count: number): string {
  return count > 0 ? `; and ${count} more` : '';
}

function netOf({ model, net }: RunFacts): FactGroup {
  return { title: 'Net', facts: [['name', model], ...flatten(net, '')] };
}

function settingsOf({ method, settings }: RunFacts): FactGroup {
  return {
    title: 'Settings',
    facts: [['method', method], ...flatten(settings, '').filter(([name]) => name !== 'seed')],
  };
}

/** Nested settings by dotted names. */
function flatten(value: unknown, name: string): Fact[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'object' && !Array.isArray(value))
    return Object.entries(value).flatMap(([key, inner]) =>
      flatten(inner, name === '' ? key : `${name}.${key}`),
    );
  const list = Array.isArray(value)
    ? value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
    : undefined;
  if (list?.length === 0) return [];
  return [[name, list ? list.join(', ') : typeof value === 'string' ? value : JSON.stringify(value)]];
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** `2026-11-25 16:04 UTC` */
export function dateText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
