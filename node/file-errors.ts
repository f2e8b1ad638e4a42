/** File system errors in words, and folders for output: what commands tell of a disk. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { makeFolders } from './files.js';

/** Makes a folder for output. @throws UserError if it cannot be made or written. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder);
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(
      `--out ${folder}: expected a folder that can be written, got: ${fileReason(error)}; choose another`,
    );
  }
}

/** `ENOENT` and its like; undefined of other errors. */
export function codeOf(error: unknown): string | undefined {
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
  ELOOP: 'a link that leads back to itself',
  ENAMETOOLONG: 'a name that is too long',
  EMFILE: 'too many open files; allow more with `ulimit -n`',
  ENFILE: 'too many open files on this machine',
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

/** True where the process ran out of something: the next file would fare no better. */
export function isScarcity(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(codeOf(error) ?? '');
}
