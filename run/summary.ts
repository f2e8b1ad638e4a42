/** What a run comes to: `summary.json`, the contact sheet and the report, made from the files of its folder alone. */

import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { type Aggregate, aggregate, type Measures } from '../attack/measures.js';
import { methodNamed } from '../attack/methods/index.js';
import { UserError } from '../base/errors.js';
import { buildPage } from '../report/page.js';
import type { FileLink } from '../report/page-data.js';
import {
  type AnyKind,
  type ImageResult,
  type Json,
  kindsOf,
  type PictureKind,
  pictureAddress,
  pictureName,
  type RunDocument,
  runFiles,
  type Session,
} from '../report/run-files.js';
import { runPage } from '../report/run-page.js';
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
  /** When and by which commands it was worked on. */
  readonly sessions: readonly Session[];
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
  sessions: v.optional(
    v.array(
      v.object({
        command: v.string(),
        version: v.string(),
        started: v.string(),
        seconds: v.nullable(v.number()),
      }),
    ),
    [],
  ),
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

/**
 * Writes summary, contact sheet and report of the finished images; returns the summary.
 * @param singleFile the report holds its pictures, to be sent on alone
 */
export async function writeSummary(
  run: RunFolder,
  document: AttackDocument,
  services: Services,
  { singleFile }: { readonly singleFile: boolean },
): Promise<Summary> {
  const results = [...run.results].sort((a, b) => a.index - b.index);
  const summary = summarise(document, results);
  await run.writeJson(runFiles.summary, summary);
  const missing = new Map(results.map((result) => [result.index, new Set(run.missingPictures(result))]));
  tellMissing(run, results, missing, services);
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
  const { method, settings, fingerprint, sessions, net, labels, inputSize } = document;
  const own = methodNamed(method);
  const { weights = '', images = '' } = fingerprint as { weights?: string; images?: string | string[] };
  const [height, width] = (net as { inputSize?: [number, number] }).inputSize ?? [inputSize, inputSize];
  const page = runPage({
    facts: {
      ...summary,
      norm: own.norm(settings as unknown as Parameters<typeof own.norm>[0]),
      weights,
      images,
      sessions,
    },
    results,
    classes: labels,
    inputSize: [height, width],
    files: singleFile ? [] : filesOf(rows.length > 0),
    pictures(result) {
      const kinds = singleFile ? embeddedPictures : kindsOf(result);
      const there = kinds.filter((kind) => !missing.get(result.index)?.has(kind));
      return Object.fromEntries(
        there.map((kind) => [
          kind,
          singleFile ? pngAddress(run.picture(kind, result)) : pictureAddress(kind, result),
        ]),
      );
    },
  });
  await run.writeText(runFiles.report, buildPage(page));
  return summary;
}

/** What the page makes all other pictures of. */
const embeddedPictures = ['clean', 'adversarial', 'cam', 'mask'] as const satisfies readonly PictureKind[];

function pngAddress(path: string): string {
  return `data:image/png;base64,${readFileSync(path).toString('base64')}`;
}

function filesOf(sheet: boolean): FileLink[] {
  return [
    ...(sheet
      ? [{ name: 'contact sheet', href: runFiles.sheet, what: 'the first images as one picture' }]
      : []),
    { name: runFiles.results, href: runFiles.results, what: 'a line of JSON an image' },
    { name: runFiles.summary, href: runFiles.summary, what: 'the figures' },
    { name: runFiles.run, href: runFiles.run, what: 'what was asked, and of what' },
  ];
}

/** Without these a row of the contact sheet cannot be drawn. */
const sheetPictures = ['clean', 'adversarial', 'cam', 'mask'] as const;

/** How many missing pictures are named. */
const mostNamed = 5;

function tellMissing(
  run: RunFolder,
  results: readonly ImageResult[],
  missing: ReadonlyMap<number, ReadonlySet<AnyKind>>,
  services: Services,
): void {
  const names = results.flatMap((result) =>
    [...(missing.get(result.index) ?? [])].map((kind) => pictureName(kind, result)),
  );
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
  const read = (kind: Parameters<typeof pictureName>[0]) => services.readImage(run.picture(kind, result));
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
