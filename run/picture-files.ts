/** The pictures of a run as files: which are whole, and what a kill left beside them. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../node/file-errors.js';
import { temporaryPattern } from '../node/files.js';
import {
  type AnyKind,
  fullSizeFolder,
  type ImageResult,
  kindsOf,
  type Named,
  pictureFolders,
  pictureName,
  runFiles,
} from '../report/run-files.js';

const head = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** The last chunk, without its length, which is 0. */
const tail = Buffer.from('IEND\xae\x42\x60\x82', 'latin1');

/** Kinds of pictures of an image that are not there, empty, cut short or no PNG. By their ends: their pixels are not looked at. */
export function missingPictures(folder: string, image: Named & Pick<ImageResult, 'photo'>): AnyKind[] {
  return kindsOf(image).filter((kind) => !isWhole(join(folder, pictureName(kind, image))));
}

/** Without promises: a run of 10,000 images has 60,000 pictures, and these are a fifth of the time. */
function isWhole(path: string): boolean {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    if (size < head.length + tail.length) return false;
    const ends = Buffer.alloc(head.length + tail.length);
    readSync(file, ends, 0, head.length, 0);
    readSync(file, ends, head.length, tail.length, size - tail.length);
    return head.equals(ends.subarray(0, head.length)) && tail.equals(ends.subarray(head.length));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'EIO'].includes(codeOf(error) ?? '')) return false;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Removes what a killed process of this program was writing in a run's folder, and nothing else. */
export async function removeLitter(folder: string): Promise<void> {
  const files: ReadonlySet<string> = new Set(Object.values(runFiles));
  for (const [part, isOurs] of [
    ['.', (name: string) => files.has(name)],
    ...[...pictureFolders, fullSizeFolder].map(
      (kind) => [kind, (name: string) => name.endsWith('.png')] as const,
    ),
  ] as const) {
    const names = await readdir(join(folder, part)).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
      throw error;
    });
    for (const name of names) {
      const [, of] = temporaryPattern.exec(name) ?? [];
      if (of !== undefined && isOurs(of)) await rm(join(folder, part, name), { force: true });
    }
  }
}
