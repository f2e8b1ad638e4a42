/** Files of a line per finished image, `results.jsonl` among them: appended and flushed, read with a check of every field. */
import { open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../base/errors.js';
import { codeOf } from '../node/file-errors.js';
import { syncFolder } from '../node/files.js';
import type { ImageResult } from '../report/run-files.js';
import { imageResultSchema } from './schemas.js';

/** Appends lines and brings them to the disk, with the name of the file. */
export async function appendLines(path: string, lines: readonly object[]): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.appendFile(linesText(lines));
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

export function linesText(lines: readonly object[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/**
 * Finished lines. A last line that a crash cut short is dropped (and, with `repair`, cut off the file: the image is done
 * again); anything else that is no result is an error, as appending after it would bury it.
 * @throws UserError that names the line and its field
 */
export async function readLines<T extends { readonly index: number }>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  options: { repair: boolean },
): Promise<T[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const results: T[] = [];
  const lineOf = new Map<number, number>();
  let offset = 0;
  for (let line = 1; offset < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, offset);
    const value = end < 0 ? undefined : parse(bytes.toString('utf8', offset, end));
    const where = `${path}: line ${line}`;
    if (value === undefined) {
      const last = end < 0 || end === bytes.length - 1;
      if (!last) throw new UserError(`${where} is not a result; ${remedy}`);
      if (options.repair) await truncate(path, offset);
      break;
    }
    const result = validated(value, schema, where);
    const former = lineOf.get(result.index);
    if (former !== undefined)
      throw new UserError(
        `${where}: expected an image of its own, got image ${result.index}, which line ${former} has; ${remedy}`,
      );
    lineOf.set(result.index, line);
    results.push(result);
    offset = end + 1;
  }
  return results;
}

/** `results.jsonl` of a run. @throws UserError as `readLines` */
export function readResults(path: string, options: { repair: boolean }): Promise<ImageResult[]> {
  return readLines(path, imageResultSchema, options);
}

const remedy = 'the file was changed by hand? repair it, or use --overwrite';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function validated<T>(value: unknown, schema: v.GenericSchema<unknown, T>, where: string): T {
  const { success, issues, output } = v.safeParse(schema, value, { abortEarly: true });
  if (success) return output;
  const [{ expected, received, ...issue }] = issues;
  const field = v.getDotPath(issue as v.BaseIssue<unknown>);
  throw new UserError(
    `${where}${field ? `, ${field}` : ''}: expected ${expected ?? 'another value'}, got ${received}; ${remedy}`,
  );
}
