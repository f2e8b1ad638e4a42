/** Files in Node: read whole, written whole or not at all, and the folders of this package and its user. */

import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import envPaths from 'env-paths';
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
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Error(`${path}: the disk is full; free some space, or write elsewhere`);
  return new Error(`${path}: ${message}`);
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

/** Writes a file so that under its name there is either the old content or all of the new; makes missing folders. */
export async function writeAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(error, path, 'a file that can be written');
  }
}

/** The user's cache folder for fetched nets and data: `CFR_CACHE`, or the system's usual place. Not made here. */
export function cacheFolder(): string {
  return process.env.CFR_CACHE || envPaths('cfr').cache;
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
