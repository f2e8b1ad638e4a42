/**
 * A run's folder on disk (Node): what was asked (`run.json`), a line per finished image (`results.jsonl`), and the documents
 * made of them. Lines are appended and flushed as batches finish, so that whatever stops a run, what is finished stays and the
 * same command goes on from there.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../engine/errors';
import { writeAtomic } from '../weights/files';

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
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
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
 * `overlay` the map as heat with the CFR's outline, `perturbation` the amplified difference.
 */
export const pictureFolders = ['clean', 'adversarial', 'cam', 'mask', 'overlay', 'perturbation'] as const;
export type PictureKind = (typeof pictureFolders)[number];

/** Where an image's picture lies, relative to the run's folder; the index keeps names unique and in order. */
export function pictureName(kind: PictureKind, index: number): string {
  return `${kind}/${String(index).padStart(5, '0')}.png`;
}

/**
 * Opens `folder` for a run: makes it, or continues the run in it. Until `describe` is called it holds no run.
 * @throws UserError if it cannot be written, or holds a run with another fingerprint (the message names what differs).
 */
export async function openRun(
  folder: string,
  document: RunDocument,
  options: { overwrite?: boolean } = {},
): Promise<RunFolder> {
  await makeFolder(folder);
  const found = await readRunDocument(folder);
  if (found === undefined && (await exists(join(folder, runFiles.results)))) {
    throw new UserError(
      `${folder}: expected an empty folder or a run of this program, got ${runFiles.results} without ${runFiles.run}; choose another --out`,
    );
  }
  if (found !== undefined && options.overwrite) {
    for (const name of [...Object.values(runFiles), ...pictureFolders])
      await rm(join(folder, name), { recursive: true, force: true });
  } else if (found !== undefined) {
    const differing = differences(found.fingerprint, document.fingerprint);
    if (differing.length > 0) {
      throw new UserError(
        `${folder}: holds a run with other settings: ${differing.slice(0, 4).join('; ')}; use the same settings to go on, another --out, or --overwrite to start again`,
      );
    }
  }
  return new RunFolder(
    folder,
    options.overwrite || !found ? document : found,
    await readResults(folder, { repair: true }),
  );
}

export class RunFolder {
  readonly folder: string;
  /** `run.json` as it is, or will be, on disk. */
  document: RunDocument;
  /** Finished images in the order of the file. */
  readonly results: ImageResult[];

  constructor(folder: string, document: RunDocument, results: ImageResult[]) {
    this.folder = folder;
    this.document = document;
    this.results = results;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes `run.json`: before the first line, so that results always have a description. */
  async describe(document: RunDocument): Promise<void> {
    await this.writeJson(runFiles.run, document);
    this.document = document;
  }

  picture(kind: PictureKind, index: number): string {
    return this.path(pictureName(kind, index));
  }

  /** Appends lines for a batch whose pictures are written, and flushes them to the disk. */
  async append(lines: readonly ImageResult[]): Promise<void> {
    const file = await open(this.path(runFiles.results), 'a');
    try {
      await file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
    this.results.push(...lines);
  }

  async writeText(name: string, text: string): Promise<void> {
    await replaceFile(this.path(name), text);
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.writeText(name, `${JSON.stringify(value, null, 2)}\n`);
  }
}

/**
 * The run in `folder`, for the report.
 * @throws UserError if there is none.
 */
export async function readRun(folder: string): Promise<RunFolder> {
  const document = await readRunDocument(folder);
  if (document === undefined) {
    throw new UserError(
      `${folder}: expected the folder of a run (with ${runFiles.run}), found none; give the --out of \`cfr attack\``,
    );
  }
  return new RunFolder(folder, document, await readResults(folder, { repair: false }));
}

/** What differs between two fingerprints, as `tau: 0.2 there, 0.3 here`. */
export function differences(there: Fingerprint, here: Fingerprint): string[] {
  const left = flatten(there);
  const right = flatten(here);
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .map((key) => `${key} ${left.get(key) ?? 'unset'} there, ${right.get(key) ?? 'unset'} here`);
}

/** Settings inside a fingerprint go by their own names: `settings.tau` reads `tau`. */
function flatten(value: Json, prefix = ''): Map<string, string> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return new Map([[prefix, JSON.stringify(value)]]);
  const flat = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix === '' || prefix === 'settings' ? key : `${prefix}.${key}`;
    for (const [path, text] of flatten(inner, name)) flat.set(path, text);
  }
  return flat;
}

async function readRunDocument(folder: string): Promise<RunDocument | undefined> {
  const path = join(folder, runFiles.run);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const document = JSON.parse(text) as Partial<RunDocument>;
    if (document.format === 1 && typeof document.fingerprint === 'object') return document as RunDocument;
  } catch {
    // Falls through to the same message: half a document is as useless as another format.
  }
  throw new UserError(
    `${path}: expected the description of a run (format 1), got something else; choose another --out`,
  );
}

/**
 * Finished lines. A last line that a crash cut short is dropped (and, with `repair`, cut off the file: the image is done
 * again); anything else that does not parse is an error, as appending after it would bury it.
 */
async function readResults(folder: string, options: { repair: boolean }): Promise<ImageResult[]> {
  const path = join(folder, runFiles.results);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const results: ImageResult[] = [];
  let offset = 0;
  for (let line = 1; offset < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, offset);
    const result = end < 0 ? undefined : parseResult(bytes.toString('utf8', offset, end));
    if (result === undefined) {
      const last = end < 0 || end === bytes.length - 1;
      if (!last)
        throw new UserError(
          `${path}: line ${line} is not a result; the file was changed by hand? repair it, or use --overwrite`,
        );
      if (options.repair) await truncate(path, offset);
      break;
    }
    results.push(result);
    offset = end + 1;
  }
  return results;
}

function parseResult(text: string): ImageResult | undefined {
  try {
    const value = JSON.parse(text) as Partial<ImageResult> | null;
    return typeof value?.index === 'number' && typeof value.success === 'boolean'
      ? (value as ImageResult)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Makes a folder for output. @throws UserError if it cannot be made or written. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if (!(await stat(folder)).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(
      `--out ${folder}: expected a folder that can be written, got: ${fileReason(error)}; choose another`,
    );
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeAtomic(path, new TextEncoder().encode(text));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EROFS: 'a read-only file system',
  ENOTDIR: 'a file stands where a folder should be',
  EEXIST: 'a file stands where a folder should be',
  ENOENT: 'it does not exist',
  EISDIR: 'it is a folder',
  EMFILE: 'too many open files',
};

/** A file system error in words; others by their own message. */
export function fileReason(error: unknown): string {
  const code = codeOf(error);
  return (code && reasons[code]) ?? (error instanceof Error ? error.message : String(error));
}

/** True of errors that the file system raised: they carry a path worth naming. */
export function isFileError(error: unknown): error is Error & { code: string; path?: string } {
  return codeOf(error)?.startsWith('E') === true && error instanceof Error && 'syscall' in error;
}
