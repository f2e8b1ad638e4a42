/** What a run comes to: `summary.json`, the contact sheet and the report, made from the files of its folder alone. */

import { aggregate, type Measures } from '../attack/measures.js';
import { UserError } from '../base/errors.js';
import { buildReport } from '../report/report.js';
import { type ImageResult, type Json, pictureName, type RunDocument, runFiles } from '../report/run-files.js';
import { contactSheet, type SheetRow } from '../report/sheet.js';
import type { RunFolder } from './folder.js';
import { fromGrey } from './pictures.js';
import type { Services } from './services.js';

/** `summary.json`. Rates are fractions of 1; the measures are means over the successful images, null if there is none. */
export interface Summary extends Readonly<Record<keyof Measures, number | null>> {
  readonly method: string;
  readonly model: string;
  readonly settings: Json;
  readonly adapter: string;
  readonly seed: number;
  /** Images that were attacked. */
  readonly images: number;
  /** Images that were left out: of the target class already, by their label or, where they have none, to the net. */
  readonly alreadyTarget: number;
  readonly correct: number;
  readonly asr: number | null;
}

/** What `run.json` holds beside the fingerprint. */
export interface AttackDocument extends RunDocument {
  readonly method: string;
  readonly model: string;
  readonly settings: Json;
  readonly seed: number;
  readonly adapter: string;
  readonly inputSize: number;
  readonly labels: readonly string[];
  /** Rows of the contact sheet. */
  readonly sheet: number;
  /** Indices of the images that are of the target class already. */
  readonly skipped: readonly number[];
}

/** @throws UserError if the run is not one of `cfr attack` */
export function attackDocument(document: RunDocument, folder: string): AttackDocument {
  if (typeof document.method !== 'string' || !Array.isArray(document.labels)) {
    throw new UserError(`${folder}: expected a run of \`cfr attack\`, got another; give another folder`);
  }
  return { skipped: [], ...document } as unknown as AttackDocument;
}

export function summarise(document: AttackDocument, results: readonly ImageResult[]): Summary {
  const { images, correct, asr, mean } = aggregate(results);
  const { method, model, settings, adapter, seed, skipped } = document;
  const none = { l0: null, l1: null, l2: null, linf: null, ssim: null };
  const alreadyTarget = skipped.length;
  return { method, model, settings, adapter, seed, images, alreadyTarget, correct, asr, ...(mean ?? none) };
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
  const shown = results.slice(0, document.sheet);
  if (shown.length > 0) {
    const rows: SheetRow[] = [];
    for (const result of shown) rows.push(await sheetRow(run, result, document.labels, services));
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
    ...(shown.length > 0 ? { sheet: runFiles.sheet } : {}),
    pictures: ({ index }) => ({
      original: pictureName('clean', index),
      overlay: pictureName('overlay', index),
      mask: pictureName('mask', index),
      perturbation: pictureName('perturbation', index),
      adversarial: pictureName('adversarial', index),
    }),
  });
  await run.writeText(runFiles.report, report);
  return summary;
}

function sheetTitles({ model, method, adapter, settings }: AttackDocument, { images, asr }: Summary) {
  const { mode, iterations } = settings as { mode?: string; iterations?: number };
  const rate = asr === null ? 'no image was classified right' : `success ${(asr * 100).toFixed(1)} %`;
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
  labels: readonly string[],
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
    success: result.success,
    cfr: result.cfr,
    cfrPixels: result.cfrPixels,
    l2: result.l2,
    linf: result.linf,
    ssim: result.ssim,
    name: shortName(result.source),
  };
}
