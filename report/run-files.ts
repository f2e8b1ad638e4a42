/**
 * What a run's folder holds: what was asked (`run.json`), a line per finished image (`results.jsonl`), the pictures, and the
 * documents made of them. `run/folder.ts` reads and writes it.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What identifies a run: a resumed run must ask for the same. */
export type Fingerprint = Readonly<Record<string, Json>>;

/** A class and the probability that the net gives it. */
export interface Prediction {
  readonly class: number;
  readonly confidence: number;
  /** The likeliest classes with their probabilities, falling; runs of earlier versions have none. */
  readonly top?: readonly (readonly [number, number])[] | undefined;
}

/** Loss and l2 of an image's perturbation over the steps of its attack, every `every`-th of them; null where it was no number. */
export interface Trace {
  readonly every: number;
  readonly loss: readonly (number | null)[];
  readonly l2: readonly (number | null)[];
}

/** A stretch of work on a run, which may be stopped and gone on with. */
export type Session = {
  /** As it was typed. */
  readonly command: string;
  /** Of this program. */
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** Null where it was killed. */
  readonly seconds: number | null;
};

/** One line of `results.jsonl`. Norms are of the saved 8-bit picture, pixels in [0,1]. */
export interface ImageResult {
  /** Position in the data set, or among the image files of the command. */
  readonly index: number;
  readonly source: string;
  /** Of its pictures, where they are named after its file; else they go by the index. */
  readonly name?: string | undefined;
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
  readonly trace?: Trace | undefined;
  /** Of a photo larger than what the net sees, where its pictures are wanted at its own size. */
  readonly photo?: FullSize | undefined;
}

/** The adversarial photo at its own size: preprocessing makes of its file what fools the net. */
export interface FullSize {
  readonly width: number;
  readonly height: number;
  /** Norms of what was done to the photo, pixels in [0,1]; null where there is no such photo, `why` says for what reason. */
  readonly l2: number | null;
  readonly linf: number | null;
  /** Values in which what preprocessing makes of it differs from the adversarial image; 0: it is the same, to the bit. */
  readonly differing?: number | undefined;
  readonly why?: string | undefined;
}

/** `run.json`: the fingerprint, and what the report needs beside the results. */
export interface RunDocument {
  readonly format: 1;
  readonly fingerprint: Fingerprint;
  readonly [key: string]: Json;
}

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
 * `overlay` the map as heat with the CFR's outline, on the photo at its own size where that is wanted, `perturbation` the amplified
 * difference.
 */
export const pictureFolders = ['clean', 'adversarial', 'cam', 'mask', 'overlay', 'perturbation'] as const;
export type PictureKind = (typeof pictureFolders)[number];

/** Holds the adversarial photos at their own size, of images that have one. */
export const fullSizeFolder = 'full-size';

export type AnyKind = PictureKind | typeof fullSizeFolder;

/** The kinds of pictures that an image has. */
export function kindsOf({ photo }: Pick<ImageResult, 'photo'>): AnyKind[] {
  return photo && photo.l2 !== null ? [...pictureFolders, fullSizeFolder] : [...pictureFolders];
}

/** What an image's pictures are named by: `name`, which is unique in its run, else the index, which keeps the order. */
export type Named = Pick<ImageResult, 'index' | 'name'>;

/** The name of an image's pictures, without folder and ending. */
export function pictureStem({ index, name }: Named): string {
  return name ?? String(index).padStart(5, '0');
}

/** Where an image's picture lies, relative to the run's folder. */
export function pictureName(kind: AnyKind, image: Named): string {
  return `${kind}/${pictureStem(image)}.png`;
}

/** The same as a page links it. */
export function pictureAddress(kind: AnyKind, image: Named): string {
  return `${kind}/${encodeURIComponent(pictureStem(image))}.png`;
}
