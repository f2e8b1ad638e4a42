/**
 * What a run's folder holds: what was asked (`run.json`), a line per finished image (`results.jsonl`), the pictures, and the
 * documents made of them. `run/folder.ts` reads and writes it.
 */
import * as v from 'valibot';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What identifies a run: a resumed run must ask for the same. */
export type Fingerprint = Readonly<Record<string, Json>>;

/** A class and the probability that the net gives it. */
export interface Prediction {
  readonly class: number;
  readonly confidence: number;
}

/** One line of `results.jsonl`. Norms are of the saved 8-bit picture, pixels in [0,1]. */
export interface ImageResult {
  /** Position in the data set, or among the image files of the command. */
  readonly index: number;
  readonly source: string;
  readonly label: number;
  readonly clean: Prediction;
  readonly adversarial: Prediction;
  /** The net classifies the clean image as `label`. */
  readonly correct: boolean;
  /** The saved picture fools the net (or reaches the target). */
  readonly success: boolean;
  readonly l0: number;
  readonly l1: number;
  readonly l2: number;
  readonly linf: number;
  readonly ssim: number;
  readonly iterations: number;
  /** Passes through the net spent on the image, without those of the explanation; and before the result was found. */
  readonly forwards: number;
  readonly backwards: number;
  readonly found: number;
  /** Norms of the best before it was rounded to 8 bits; null where there is none. */
  readonly float: {
    readonly l0: number;
    readonly l1: number;
    readonly l2: number;
    readonly linf: number;
  } | null;
  /** Pixels that the attack might change. */
  readonly regionPixels: number;
  /** Of the clean 8-bit pixels, rows of RGB: tells images of several runs apart. */
  readonly sha256: string;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
}

const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const predictionSchema = v.looseObject({ class: count, confidence: finite });

/** What a line must hold; a later version may have added to it. */
export const imageResultSchema: v.GenericSchema<unknown, ImageResult> = v.looseObject({
  index: count,
  source: v.string(),
  label: count,
  clean: predictionSchema,
  adversarial: predictionSchema,
  correct: v.boolean(),
  success: v.boolean(),
  l0: finite,
  l1: finite,
  l2: finite,
  linf: finite,
  ssim: finite,
  iterations: count,
  forwards: count,
  backwards: count,
  found: count,
  float: v.nullable(v.object({ l0: finite, l1: finite, l2: finite, linf: finite })),
  regionPixels: count,
  sha256: v.string(),
  cfr: v.picklist(['ok', 'empty']),
  cfrPixels: count,
});

/** `run.json`: the fingerprint, and what the report needs beside the results. */
export interface RunDocument {
  readonly format: 1;
  readonly fingerprint: Fingerprint;
  readonly [key: string]: Json;
}

export const runDocumentSchema = v.looseObject({
  format: v.literal(1),
  fingerprint: v.record(v.string(), v.unknown()),
}) as v.GenericSchema<unknown, RunDocument>;

/** Files and folders that a run makes: `overwrite` removes these and nothing else. */
export const runFiles = {
  run: 'run.json',
  results: 'results.jsonl',
  summary: 'summary.json',
  report: 'report.html',
  sheet: 'contact-sheet.png',
  tensors: 'tensors.safetensors',
  spool: '.tensors',
} as const;

/**
 * The picture folders. `clean` and `adversarial` are the 8-bit images as the net sees them, `cam` and `mask` grey levels,
 * `overlay` the map as heat with the CFR's outline, `perturbation` the amplified difference.
 */
export const pictureFolders = ['clean', 'adversarial', 'cam', 'mask', 'overlay', 'perturbation'] as const;
export type PictureKind = (typeof pictureFolders)[number];

/** Where an image's picture lies, relative to the run's folder; the index keeps names unique and in order. */
export function pictureName(kind: PictureKind, index: number): string {
  return `${kind}/${String(index).padStart(5, '0')}.png`;
}
