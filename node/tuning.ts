/** The tuning table of an adapter as a file of the user's cache folder. A missing or damaged file is an empty table. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterSummary } from '../engine/adapter.js';
import { adapterKey, emptyTable, TUNING_VERSION, type TuningTable } from '../engine/tuner.js';

function tuningPath(folder: string, adapter: AdapterSummary): string {
  return join(folder, 'tuning', `${adapterKey(adapter).replace(/[^\w.]+/g, '-')}.json`);
}

/** The table of this adapter and driver; empty where there is none, or one of another version. */
export async function loadTuning(folder: string, adapter: AdapterSummary): Promise<TuningTable> {
  try {
    const table = JSON.parse(await readFile(tuningPath(folder, adapter), 'utf8')) as TuningTable;
    if (
      table.version === TUNING_VERSION &&
      table.adapter === adapterKey(adapter) &&
      typeof table.choices === 'object' &&
      table.choices !== null
    )
      return table;
  } catch {
    // Not there, or not readable as JSON: the built-in choices hold.
  }
  return emptyTable(adapter);
}

/** Replaces the table as a whole, so that a reader never sees half of one. @returns its path */
export async function saveTuning(
  folder: string,
  adapter: AdapterSummary,
  table: TuningTable,
): Promise<string> {
  const path = tuningPath(folder, adapter);
  await mkdir(join(folder, 'tuning'), { recursive: true });
  const temporary = `${path}.${process.pid}.part`;
  await writeFile(temporary, `${JSON.stringify(table, null, 2)}\n`);
  await rename(temporary, path);
  return path;
}
