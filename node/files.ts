/**
 * Files in Node: read whole, written whole or not at all, and the folders of this package and its user.
 *
 * Written by hand, as no library does what a run needs: `atomically` 2 and `write-file-atomic` 6 sync the file, but not the
 * folder that names it, and not many files side by side before one line that vouches for all (`write-file-atomic` 8 needs Node 22).
 */

import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';

/** One call of read() moves at most 2 GiB. */
const READ_CHUNK = 2 ** 28;

/** Turns a file system's error into one clear line; `expected` says what should have been there. */
export function fileError(error: unknown, path: string, expected: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new UserError(`${path}: expected ${expected}, got no such file; check the path`);
  if (code === 'EISDIR') return new UserError(`${path}: expected ${expected}, got a folder`);
  if (code === 'EACCES' || code === 'EPERM')
    return new UserError(`${path}: no permission; check the file's rights`);
  if (code === 'ELOOP' || code === 'ENAMETOOLONG' || code === 'ERR_INVALID_ARG_VALUE')
    return new UserError(
      `${printable(path)}: expected ${expected}, got ${code === 'ELOOP' ? 'a link that leads to itself' : 'no possible name of a file'}; check the path`,
    );
  const said =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk is full; free some space, or write elsewhere'
      : message;
  const { syscall } = error as NodeJS.ErrnoException;
  return Object.assign(new Error(`${path}: ${said}`, { cause: error }), { code, syscall, path });
}

/** Reads a whole file, of any size that fits into one array; a device or a pipe has no end and is refused. */
export async function readBytes(path: string, expected: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw new UserError(`${path}: expected ${expected}, got a folder`);
    // Before it is opened: that would wait for the other end of a pipe.
    if (!info.isFile()) throw new UserError(`${path}: expected ${expected}, got a device or a pipe`);
    const file = await open(path, 'r');
    try {
      const bytes = new Uint8Array(info.size);
      for (let position = 0; position < bytes.length; ) {
        const { bytesRead } = await file.read(
          bytes,
          position,
          Math.min(READ_CHUNK, bytes.length - position),
          position,
        );
        if (bytesRead === 0) throw new Error(`it shrank to ${position} bytes while being read`);
        position += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof UserError ? error : fileError(error, path, expected);
  }
}

/**
 * Writes a file so that under its name there is either the old content or all of the new; makes missing folders.
 * @param options `sync` (default): a power cut after this keeps it. Without it one may leave an empty file under the name: for
 *   files whose writer syncs many at once, with `syncFiles`, before anything vouches for them.
 */
export async function writeAtomic(
  path: string,
  bytes: Uint8Array,
  { sync = true }: { readonly sync?: boolean } = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await makeFolders(dirname(path));
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    if (sync) await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileError(error, path, 'a file that can be written');
  }
}

/** Under this name a file is written before it takes the name `path`; left behind by a kill. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** Matches what `temporaryName` gives, in any process; its group is the name of the file. */
export const temporaryPattern = /^(.+)\.\d+\.tmp$/;

/**
 * Makes a folder and those above it that are missing, to stay after a power cut. Not by `mkdir`'s own `recursive`: where the
 * folder above is there and yet takes none (as `/proc`), that of Node 20 never ends.
 */
export async function makeFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isFolder = (path: string) =>
      stat(path).then(
        (info) => info.isDirectory(),
        () => false,
      );
    if (code !== 'ENOENT') {
      // EEXIST as a rule; EROFS, EACCES and the like for a root that is there.
      if (await isFolder(folder)) return;
      throw error;
    }
    const above = dirname(folder);
    if (above === folder || (await isFolder(above))) throw error;
    await makeFolders(above);
    return makeFolders(folder);
  }
  await syncFolder(dirname(folder));
}

/** How many files are synced at once: the disk's journal takes them together. */
const SYNCED_AT_ONCE = 32;

/** Brings the contents of files that are there to the disk, then the names in their folders. */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  const waiting = [...paths];
  const worker = async () => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const file = await open(path, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  };
  await Promise.all(Array.from({ length: SYNCED_AT_ONCE }, worker));
  for (const folder of new Set(paths.map((path) => dirname(path)))) await syncFolder(folder);
}

/** Where a folder cannot be synced: some network disks have no such call, and others' folders may not be opened. */
const unsyncable = new Set<string | undefined>(['EINVAL', 'ENOTSUP', 'EACCES', 'EPERM']);

/** Brings the names in a folder to the disk, where the system can; Windows does it by itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!unsyncable.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}

/**
 * The user's cache folder for fetched nets and data: `CFR_CACHE`, or the system's usual place. Not made here.
 * @throws UserError where neither is known
 */
export function cacheFolder(): string {
  const folder = knownCacheFolder();
  if (folder !== undefined) return folder;
  throw new UserError(
    'cache folder: expected CFR_CACHE or a home folder, got neither; set CFR_CACHE to a folder that can be written',
  );
}

/** The same for what does without; undefined where it is not known. By hand, as `env-paths` throws when it is imported by a user without a home. */
export function knownCacheFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.CFR_CACHE) return env.CFR_CACHE;
  const home = homeFolder();
  const below = (...parts: string[]) => home && join(home, ...parts);
  const name = 'cfr-nodejs';
  const caches: Readonly<Partial<Record<NodeJS.Platform, string | undefined>>> = {
    darwin: below('Library', 'Caches'),
    win32: env.LOCALAPPDATA || below('AppData', 'Local'),
  };
  const base = process.platform in caches ? caches[process.platform] : env.XDG_CACHE_HOME || below('.cache');
  if (!base) return undefined;
  return process.platform === 'win32' ? join(base, name, 'Cache') : join(base, name);
}

/** Undefined for a user that the system has no entry of, without HOME. */
export function homeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

let packageRoot: string | undefined;

/** The folder of this package, found upwards from this module: the depth differs between sources and the bundle. */
export function packageFolder(): string {
  if (packageRoot) return packageRoot;
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'cfr-attack') {
      packageRoot = folder;
      return folder;
    }
    if (folder === dirname(folder))
      throw new Error('internal: the package folder with weights/files was not found');
  }
}
