/**
 * A run's folder on disk. Lines are appended and flushed as batches finish, so that whatever stops a run, what is finished
 * stays and the same command goes on from there. One process at a time works in it.
 */
import { open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { codeOf, makeFolder } from '../node/file-errors.js';
import { writeAtomic } from '../node/files.js';
import { lockFolder } from '../node/folder-lock.js';
import {
  type Fingerprint,
  type ImageResult,
  type Json,
  type PictureKind,
  pictureFolders,
  pictureName,
  type RunDocument,
  runFiles,
} from '../report/run-files.js';

export interface OpenOptions {
  /** Starts again where there is a run. */
  readonly overwrite?: boolean;
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
  { overwrite = false, note = () => {} }: OpenOptions = {},
): Promise<RunFolder> {
  await makeFolder(folder);
  const unlock = await lockFolder(folder, note);
  try {
    const { description, results } = await openContent(folder, document, overwrite);
    return new RunFolder(folder, description, results, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function openContent(
  folder: string,
  document: RunDocument,
  overwrite: boolean,
): Promise<{ description: RunDocument; results: ImageResult[] }> {
  const found = await readRunDocument(folder);
  if (found === undefined && (await exists(join(folder, runFiles.results)))) {
    throw new UserError(
      `${folder}: expected an empty folder or a run of this program, got ${runFiles.results} without ${runFiles.run}; choose another --out`,
    );
  }
  if (found !== undefined && overwrite) {
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
  return {
    description: overwrite || !found ? document : found,
    results: await readResults(folder, { repair: true }),
  };
}

export class RunFolder {
  readonly folder: string;
  /** `run.json` as it is, or will be, on disk. */
  document: RunDocument;
  /** Finished images in the order of the file. */
  readonly results: ImageResult[];

  readonly #unlock: () => Promise<void>;

  constructor(
    folder: string,
    document: RunDocument,
    results: ImageResult[],
    unlock: () => Promise<void> = async () => {},
  ) {
    this.folder = folder;
    this.document = document;
    this.results = results;
    this.#unlock = unlock;
  }

  /** Lets other processes work here; what was read stays. */
  async close(): Promise<void> {
    await this.#unlock();
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

async function replaceFile(path: string, text: string): Promise<void> {
  await writeAtomic(path, new TextEncoder().encode(text));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
