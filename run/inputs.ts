/** The image files that a command names: files, folders, globs that the shell left alone, and standard input. */
import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { glob } from 'tinyglobby';
import { UserError } from '../base/errors.js';
import { IMAGE_NAME } from '../data/image-files.js';

/** As a file's name: the image that comes in on standard input. */
export const STDIN = '-';

/**
 * The files in the order of the words; those of a folder (with the folders in it) and of a glob in that of their names, numbers by their size.
 * What is no folder and no glob stays, to be told with its batch if it is not there.
 * @throws UserError where a folder or a glob has no image, or standard input is named twice
 */
export async function imageFiles(words: readonly string[]): Promise<string[]> {
  if (words.filter((word) => word === STDIN).length > 1)
    throw new UserError('images: expected standard input (-) once, got it twice; leave one out');
  const files: string[] = [];
  for (const word of words) files.push(...(await filesOf(word)));
  return files;
}

async function filesOf(word: string): Promise<string[]> {
  if (word === STDIN) return [word];
  const found = await stat(word).catch(() => undefined);
  if (found?.isDirectory())
    return required(await matches('**/*', word), `images: ${word}: expected a folder with images`);
  // A file may be named like a glob.
  if (found || !/[*?[{]/.test(word)) return [word];
  return required(await matches(word), `images: ${word}: expected files that it matches`);
}

async function matches(pattern: string, folder?: string): Promise<string[]> {
  const names = await glob(pattern, {
    ...(folder === undefined ? {} : { cwd: folder }),
    expandDirectories: false,
    absolute: folder === undefined && isAbsolute(pattern),
  });
  const { compare } = new Intl.Collator('en', { numeric: true });
  return names
    .filter((name) => IMAGE_NAME.test(name))
    .sort(compare)
    .map((name) => (folder === undefined ? name : join(folder, name)));
}

function required(files: string[], expected: string): string[] {
  if (files.length === 0)
    throw new UserError(`${expected} (.png, .jpg, .webp, .ppm, .pgm), got none; check the path`);
  return files;
}
