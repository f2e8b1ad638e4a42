/**
 * A run's folder on disk. Lines are appended and flushed as batches finish, so that whatever stops a run, what is finished
 * stays and the same command goes on from there. One process at a time works in it.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../base/errors.js';
import { codeOf, makeFolder } from '../node/file-errors.js';
import { syncFiles, syncFolder, writeAtomic } from '../node/files.js';
import { type FolderLock, lockFolder } from '../node/folder-lock.js';
import {
  type AnyKind,
  type Fingerprint,
  fullSizeFolder,
  type ImageResult,
  type Json,
  kindsOf,
  type Named,
  pictureFolders,
  pictureName,
  type RunDocument,
  runFiles,
} from '../report/run-files.js';
import { missingPictures, removeLitter } from './picture-files.js';
import { appendLines, linesText, readResults } from './results-file.js';
import { runDocumentSchema } from './schemas.js';

export interface OpenOptions {
  /** Starts again where there is a run. */
  readonly overwrite?: boolean;
  /** As of `lockFolder`. */
  readonly takeOver?: boolean;
  /** Takes a line about what was found. */
  readonly note?: (line: string) => void;
}

/**
 * Opens `folder` for a run: makes it, or continues the run in it. Until `describe` is called it holds no run; until `close`
 * no other process gets it.
 * @throws UserError if it cannot be written, another process works in it, or it holds a run with another fingerprint (the
 *   message names what differs).
 */
export async function openRun(
  folder: string,
  document: RunDocument,
  { overwrite = false, takeOver = false, note = () => {} }: OpenOptions = {},
): Promise<RunFolder> {
  await makeFolder(folder);
  const lock = await lockFolder(folder, { note, takeOver });
  try {
    await removeLitter(folder);
    const found = await findRun(folder, document, overwrite);
    const results = found ? await finishedResults(folder, note) : [];
    return new RunFolder(folder, found ?? document, results, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What `run.json` says of the run that is to go on; undefined where one starts. */
async function findRun(
  folder: string,
  document: RunDocument,
  overwrite: boolean,
): Promise<RunDocument | undefined> {
  const found = await readRunDocument(folder);
  if (found === undefined && (await exists(join(folder, runFiles.results)))) {
    throw new UserError(
      `${folder}: expected an empty folder or a run of this program, got ${runFiles.results} without ${runFiles.run}; choose another --out`,
    );
  }
  if (found === undefined) return undefined;
  if (overwrite) {
    await removeRun(folder);
    return undefined;
  }
  if (found === 'cut') throw cutShort(folder);
  const differing = changes(found.fingerprint, document.fingerprint);
  if (differing.length > 0) {
    throw new UserError(
      `${folder}: holds a run with other settings: ${differing.slice(0, 4).join('; ')}; use the same settings to go on, another --out, or --overwrite to start again`,
    );
  }
  return found;
}

/** `run.json` goes last: cut short at any point, this leaves what is still a run, and can be removed or gone on with. */
async function removeRun(folder: string): Promise<void> {
  const { run, results, ...others } = runFiles;
  await rm(join(folder, results), { force: true });
  await syncFolder(folder);
  for (const name of [...Object.values(others), ...pictureFolders, fullSizeFolder, run])
    await rm(join(folder, name), { recursive: true, force: true });
  await syncFolder(folder);
}

/**
 * Results whose pictures are all there. Others are taken out of the file, so that their images are done again; with tensors, those after
 * them too, as the rows of tensors stand in the order of the lines.
 */
async function finishedResults(folder: string, note: (line: string) => void): Promise<ImageResult[]> {
  const path = join(folder, runFiles.results);
  const results = await readResults(path, { repair: true });
  const isDone = (result: ImageResult) => missingPictures(folder, result).length === 0;
  let kept = results.filter(isDone);
  if (kept.length === results.length) return results;
  const hasTensors = await Promise.all(
    [runFiles.spool, runFiles.tensors].map((name) => exists(join(folder, name))),
  );
  if (hasTensors.includes(true))
    kept = results.slice(
      0,
      results.findIndex((result) => !isDone(result)),
    );
  note(
    `${folder}: pictures of finished images are missing or damaged; ${results.length - kept.length} images are done again`,
  );
  await writeAtomic(path, new TextEncoder().encode(linesText(kept)));
  return kept;
}

export class RunFolder {
  readonly folder: string;
  /** `run.json` as it is, or will be, on disk. */
  document: RunDocument;
  /** Finished images in the order of the file. */
  readonly results: ImageResult[];

  readonly #lock: FolderLock | undefined;

  constructor(folder: string, document: RunDocument, results: ImageResult[], lock?: FolderLock) {
    this.folder = folder;
    this.document = document;
    this.results = results;
    this.#lock = lock;
  }

  /** Lets other processes work here; what was read stays. */
  async close(): Promise<void> {
    await this.#lock?.release();
  }

  /**
   * To be asked before anything of a batch is written.
   * @throws UserError if the folder was removed since `describe`, or another process has it
   */
  async requireHeld(): Promise<void> {
    const held = (await this.#lock?.isHeld()) ?? true;
    if (held && (await exists(this.path(runFiles.run)))) return;
    throw new UserError(
      `${this.folder}: expected the folder in which this run began, got it ${held ? `without ${runFiles.run}` : 'removed, or in the hands of another process'}; ` +
        'nothing more is written there; run the command again',
    );
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes `run.json`: before the first line, so that results always have a description. */
  async describe(document: RunDocument): Promise<void> {
    await this.writeJson(runFiles.run, document);
    this.document = document;
  }

  picture(kind: AnyKind, image: Named): string {
    return this.path(pictureName(kind, image));
  }

  /** Kinds of pictures of a finished image that are not there, or damaged. */
  missingPictures(image: Named & Pick<ImageResult, 'photo'>): AnyKind[] {
    return missingPictures(this.folder, image);
  }

  /**
   * Appends lines for a batch whose pictures are written, all kinds of each image. Brings the pictures to the disk first, then the
   * lines, which vouch for them.
   * @throws UserError as `requireHeld`
   */
  async append(lines: readonly ImageResult[]): Promise<void> {
    await this.requireHeld();
    await syncFiles(lines.flatMap((line) => kindsOf(line).map((kind) => this.picture(kind, line))));
    await appendLines(this.path(runFiles.results), lines);
    this.results.push(...lines);
  }

  async writeText(name: string, text: string): Promise<void> {
    await writeAtomic(this.path(name), new TextEncoder().encode(text));
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
  if (document === 'cut') throw cutShort(folder);
  if (document === undefined) {
    throw new UserError(
      `${folder}: expected the folder of a run (with ${runFiles.run}), found none; give the --out of \`cfr attack\``,
    );
  }
  const results = await readResults(join(folder, runFiles.results), { repair: false });
  return new RunFolder(folder, document, results);
}

/**
 * The folder `name-1`, `name-2`… below `parent` whose run has this fingerprint; else the one behind the last.
 * @throws Error as the file system does, but where `parent` is not there yet
 */
export async function numberedFolder(
  parent: string,
  name: string,
  fingerprint: Fingerprint,
): Promise<string> {
  const entries = await readdir(parent).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  const numbers = entries
    .filter((entry) => entry.startsWith(`${name}-`))
    .map((entry) => entry.slice(name.length + 1))
    .filter((rest) => /^[1-9]\d{0,8}$/.test(rest))
    .map(Number)
    .sort((a, b) => a - b);
  const folderOf = (number: number) => join(parent, `${name}-${number}`);
  for (const number of numbers) {
    const found = await readRunDocument(folderOf(number)).catch(() => undefined);
    if (found !== undefined && found !== 'cut' && changes(found.fingerprint, fingerprint).length === 0)
      return folderOf(number);
  }
  return folderOf((numbers.at(-1) ?? 0) + 1);
}

/** A run goes on with the batch that it began with, whichever is asked for. */
function changes({ batch: _there, ...there }: Fingerprint, { batch: _here, ...here }: Fingerprint): string[] {
  return differences(there, here);
}

/** What differs between two fingerprints, as `tau: 0.2 there, 0.3 here`. */
export function differences(there: Fingerprint, here: Fingerprint): string[] {
  const left = flatten(there);
  const right = flatten(here);
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .map((key) => `${key} ${left.get(key) ?? 'unset'} there, ${right.get(key) ?? 'unset'} here`);
}

/** Settings inside a fingerprint go by their own names: `settings.tau` reads `tau`. Files go one by one, numbers together. */
function flatten(value: Json, prefix = ''): Map<string, string> {
  const isNamed = value !== null && typeof value === 'object';
  if (!isNamed || (Array.isArray(value) && value.every((one) => typeof one === 'number')))
    return new Map([[prefix, JSON.stringify(value)]]);
  const flat = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix === '' || prefix === 'settings' ? key : `${prefix}.${key}`;
    for (const [path, text] of flatten(inner, name)) flat.set(path, text);
  }
  return flat;
}

/** @returns undefined if there is none, `cut` of one that is no JSON: a power cut, or a full disk */
async function readRunDocument(folder: string): Promise<RunDocument | 'cut' | undefined> {
  const path = join(folder, runFiles.run);
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return 'cut';
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  const { success, output } = v.safeParse(runDocumentSchema, document);
  if (success) return output;
  throw new UserError(
    `${path}: expected the description of a run (format 1), got something else; choose another --out`,
  );
}

function cutShort(folder: string): UserError {
  return new UserError(
    `${join(folder, runFiles.run)}: expected the description of a run, got a file that was cut short; use --overwrite to start again`,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
