/** A run's results for the terminal: a line per image, the rates and means below. */

import type { ImageResult } from '../report/run-files.js';
import { type Column, fixed, formatTable, percent, type TableOptions } from '../report/table.js';
import type { Summary } from '../run/summary.js';

/** More lines than this help nobody; the rest is in results.jsonl. */
const mostLines = 40;

const columns = (labelled: boolean): readonly Column[] => [
  { key: 'image' },
  { key: 'before' },
  { key: 'after' },
  { key: 'fooled', header: labelled ? 'fooled' : 'changed' },
  { key: 'cfr', header: 'CFR', align: 'right' },
  { key: 'l0' },
  { key: 'l2', format: fixed(3) },
  { key: 'linf', format: fixed(3) },
  { key: 'ssim', header: 'SSIM', format: fixed(4) },
];

export function resultsTable(
  results: readonly ImageResult[],
  labels: readonly string[],
  /** Of an image; labelled: images had labels. */
  { pixels, labelled }: { readonly pixels: number; readonly labelled: boolean },
  options: TableOptions = {},
): string {
  const rows = results.slice(0, mostLines).map((result) => ({
    image: result.source,
    before: prediction(result.clean, labels),
    after: prediction(result.adversarial, labels),
    // Fooling a net that was wrong already is no success.
    fooled: result.correct ? result.success : 'wrong when clean',
    cfr: result.cfr === 'empty' ? 'empty' : percent(0)(result.cfrPixels / pixels),
    l0: result.l0,
    l2: result.l2,
    linf: result.linf,
    ssim: result.ssim,
  }));
  const more = results.length - rows.length;
  return formatTable(columns(labelled), rows, options) + (more > 0 ? `\n… and ${more} more` : '');
}

/** `ASR 100.0 % (8 of 8 …)`, the means over them, and what makes that doubtful. */
export function summaryText(summary: Summary): string {
  const { images, alreadyTarget, labelled, correct, asr, l0, l1, l2, linf, ssim } = summary;
  if (images === 0) {
    return `no image was attacked: ${alreadyTarget} ${alreadyTarget === 1 ? 'is' : 'are'} of the target class already; choose another --target or other images`;
  }
  const left = alreadyTarget > 0 ? `; ${alreadyTarget} more are of the target class already` : '';
  if (asr === null) return `ASR –: none of the ${images} images is classified right when clean${left}`;
  const rate = labelled
    ? `ASR ${percent(1)(asr)} (${Math.round(asr * correct)} of ${correct} classified right when clean, ${images} in all${left})`
    : `predictions changed ${percent(1)(asr)} (${Math.round(asr * correct)} of ${correct}; no labels given${left})`;
  const doubts = summary.warnings.map((line) => `\nwarning: ${line}`).join('');
  if (l0 === null || l1 === null || l2 === null || linf === null || ssim === null) return rate + doubts;
  return `${rate}\nmeans over the successes: l0 ${l0.toFixed(0)}, l1 ${l1.toFixed(2)}, l2 ${l2.toFixed(3)}, linf ${linf.toFixed(3)}, SSIM ${ssim.toFixed(4)}${doubts}`;
}

function prediction({ class: index, confidence }: ImageResult['clean'], labels: readonly string[]): string {
  return `${labels[index] ?? `class ${index}`} ${percent(0)(confidence)}`;
}
