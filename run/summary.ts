/** What a run comes to: `summary.json`, the contact sheet and the report, made from the files of its folder alone. */

import * as v from 'valibot';
import { type Aggregate, aggregate, type Measures } from '../attack/measures.js';
import { UserError } from '../base/errors.js';
import { buildReport, type ReportPicture } from '../report/report.js';
import {
  type ImageResult,
  type Json,
  type PictureKind,
  pictureName,
  type RunDocument,
  runFiles,
} from '../report/run-files.js';
import { contactSheet } from '../report/sheet.js';
import type { SheetRow } from '../report/sheet-row.js';
import type { RunFolder } from './folder.js';
import { fromGrey } from './pictures.js';
import type { Services } from './services.js';
import { warningsOf } from './warnings.js';

/** `summary.json`. Rates are fractions of 1; the measures are means over the successful images, null if there is none. */
export interface Summary extends Readonly<Record<keyof Measures, number | null>> {
  readonly method: string;
  readonly model: string;
  readonly net: Json;
  readonly settings: Json;
  readonly adapter: string;
  readonly seed: number;
  /** Images of one pass; null where nothing was attacked. */
  readonly batch: number | null;
  /** False: no labels were given, so that the net's own predictions stand for them, and success is that they changed. */
  readonly labelled: boolean;
  /** What makes the results doubtful, a line each. */
  readonly warnings: readonly string[];
  /** Images that were attacked. */
  readonly images: number;
  /** Images that were left out: of the target class already, by their label or, where they have none, to the net. */
  readonly alreadyTarget: number;
  readonly correct: number;
  readonly asr: number | null;
  /** Over the images that are right when clean, a failure counting as infinite. */
  readonly median: Aggregate['median'];
}

/** What `run.json` holds beside the fingerprint. */
export interface AttackDocument extends RunDocument {
  readonly method: string;
  readonly model: string;
  readonly settings: Json;
  readonly seed: number;
  readonly adapter: string;
  readonly inputSize: number;
  /** What was taken for the net: architecture, input size, normalisation, assumptions. */
  readonly net: Json;
  readonly labels: readonly string[];
  readonly labelled: boolean;
  /** Images of one pass: chosen when the run began, and used again when it goes on. Null before that. */
  readonly batch: number | null;
  /** Rows of the contact sheet. */
  readonly sheet: number;
  /** Indices of the images that are of the target class already. */
  readonly skipped: readonly number[];
  /** Indices of the images that could not be read. */
  readonly unreadable: readonly number[];
  /** Of a part of a run: which it is, and the images of the whole, from the first on. */
  readonly shard?: {
    readonly index: number;
    readonly of: number;
    readonly first: number;
    readonly images: number;
  };
}

const index = v.pipe(v.number(), v.integer(), v.minValue(0));
const attackDocumentSchema = v.looseObject({
  format: v.literal(1),
  fingerprint: v.record(v.string(), v.unknown()),
  method: v.string(),
  model: v.string(),
  net: v.looseObject({}),
  settings: v.record(v.string(), v.unknown()),
  seed: v.number(),
  adapter: v.string(),
  inputSize: v.pipe(v.number(), v.integer(), v.minValue(1)),
  labels: v.array(v.string()),
  labelled: v.optional(v.boolean(), true),
  batch: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), null),
  sheet: index,
  skipped: v.optional(v.array(index), []),
  unreadable: v.optional(v.array(index), []),
  shard: v.optional(v.object({ index, of: index, first: index, images: index })),
}) as v.GenericSchema<unknown, AttackDocument>;

/** @throws UserError if the run is not one of `cfr attack`, or its description lacks something */
export function attackDocument(document: RunDocument, folder: string): AttackDocument {
  const { success, issues, output } = v.safeParse(attackDocumentSchema, document);
  if (success) return output;
  throw new UserError(
    `${folder}: expected a run of \`cfr attack\`, got another, or one that was changed by hand (${runFiles.run}: ${v.getDotPath(issues[0])}); give another folder`,
  );
}

export function summarise(document: AttackDocument, results: readonly ImageResult[]): Summary {
  const { images, correct, asr, mean, median } = aggregate(results);
  const { method, model, net, settings, adapter, seed, batch, labelled, skipped } = document;
  const none = { l0: null, l1: null, l2: null, linf: null, ssim: null };
  const alreadyTarget = skipped.length;
  return {
    method,
    model,
    net,
    settings,
    adapter,
    seed,
    batch,
    labelled,
    warnings: warningsOf(document, results),
    images,
    alreadyTarget,
    correct,
    asr,
    ...(mean ?? none),
    median,
  };
}

/** Writes summary, contact sheet and report of the finished images; returns the summary. */
export async function writeSummary(
  run: RunFolder,
  document: AttackDocument,
  services: Services,
): Promise<Summary> {
  const results = [...run.results].sort((a, b) => a.index - b.index);
  const summary = summarise(document, results);
  await run.writeJson(runFiles.summary, summary);
  const missing = new Map(results.map(({ index }) => [index, new Set(run.missingPictures(index))]));
  tellMissing(run, missing, services);
  const rows: SheetRow[] = [];
  for (const result of results) {
    if (rows.length >= document.sheet) break;
    if (sheetPictures.some((kind) => missing.get(result.index)?.has(kind))) continue;
    try {
      rows.push(await sheetRow(run, result, document, services));
    } catch (error) {
      // Whole by its ends, damaged between them.
      if (!(error instanceof UserError)) throw error;
      services.console.problem(`${error.message}; the contact sheet goes without it`);
      services.exitCode = 1;
    }
  }
  if (rows.length > 0) {
    await services.writePng(
      run.path(runFiles.sheet),
      await contactSheet(rows, sheetTitles(document, summary)),
    );
  }
  const report = buildReport({
    summary,
    results,
    labels: document.labels,
    inputSize: document.inputSize,
    ...(rows.length > 0 ? { sheet: runFiles.sheet } : {}),
    pictures({ index }) {
      const kinds = Object.entries(reportPictures).filter(([, kind]) => !missing.get(index)?.has(kind));
      return Object.fromEntries(kinds.map(([name, kind]) => [name, pictureName(kind, index)]));
    },
  });
  await run.writeText(runFiles.report, report);
  return summary;
}

/** The report's pictures by the kinds of the run. */
const reportPictures = {
  original: 'clean',
  overlay: 'overlay',
  mask: 'mask',
  perturbation: 'perturbation',
  adversarial: 'adversarial',
} as const satisfies Record<ReportPicture, PictureKind>;

/** Without these a row of the contact sheet cannot be drawn. */
const sheetPictures = ['clean', 'adversarial', 'cam', 'mask'] as const;

/** How many missing pictures are named. */
const mostNamed = 5;

function tellMissing(
  run: RunFolder,
  missing: ReadonlyMap<number, ReadonlySet<PictureKind>>,
  services: Services,
): void {
  const names = [...missing].flatMap(([index, kinds]) => [...kinds].map((kind) => pictureName(kind, index)));
  if (names.length === 0) return;
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '';
  services.console.problem(
    `${run.folder}: expected the pictures of all finished images, got ${names.slice(0, mostNamed).join(', ')}${more} missing or damaged; ` +
      'the report goes without them, and the command of the run makes them again',
  );
  services.exitCode = 1;
}

function sheetTitles(
  { model, method, adapter, settings }: AttackDocument,
  { images, asr, labelled }: Summary,
) {
  const { mode, iterations } = settings as { mode?: string; iterations?: number };
  const rate =
    asr === null
      ? 'no image was classified right'
      : `${labelled ? 'success' : 'predictions changed'} ${(asr * 100).toFixed(1)} %`;
  return {
    title: `${model}: ${method}${mode ? ` ${mode}` : ''}${iterations ? `, ${iterations} iterations` : ''}`,
    subtitle: `${images} images, ${rate} | ${adapter}`,
  };
}

/** What tells images apart in little room: `cat.png`, or `#12` of a data set. */
function shortName(source: string): string {
  const last = source.split(/[/\\]/).at(-1) ?? source;
  return /^\d+$/.test(last) ? `#${last}` : last;
}

async function sheetRow(
  run: RunFolder,
  result: ImageResult,
  { labels, labelled }: AttackDocument,
  services: Services,
): Promise<SheetRow> {
  const read = (kind: Parameters<typeof pictureName>[0]) =>
    services.readImage(run.picture(kind, result.index));
  const prediction = ({ class: index, confidence }: ImageResult['clean']) => ({
    label: labels[index] ?? `class ${index}`,
    confidence,
  });
  return {
    original: await read('clean'),
    adversarial: await read('adversarial'),
    cam: fromGrey(await read('cam')),
    mask: fromGrey(await read('mask')),
    clean: prediction(result.clean),
    attacked: prediction(result.adversarial),
    ...(result.correct ? {} : { truth: labels[result.label] ?? `class ${result.label}` }),
    labelled,
    success: result.success,
    cfr: result.cfr,
    cfrPixels: result.cfrPixels,
    l2: result.l2,
    linf: result.linf,
    ssim: result.ssim,
    name: shortName(result.source),
  };
}
