/**
 * What was found out once about this machine and stays so: that an adapter with a driver computes right, that a net on it gives numbers.
 * A file of the user's cache folder; where there is none, or it is damaged, all is found out again.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterSummary } from '../engine/adapter.js';
import { knownCacheFolder, writeAtomic } from './files.js';

/** Good verdicts that are kept: the oldest go first. */
const MOST = 500;

let program: Promise<string> | undefined;

/** Of the code that runs: another version's verdicts say nothing of this one. */
function programDigest(): Promise<string> {
  program ??= readFile(fileURLToPath(import.meta.url)).then((bytes) =>
    createHash('sha256').update(bytes).digest('hex'),
  );
  return program;
}

/**
 * The verdict on `subject` on this adapter and driver: true if it was good before, else what `find` finds now. Only good ones are kept.
 * @param subject what is judged, with everything that the verdict depends on beside the adapter, its driver and this program
 */
export async function remembered<T>(
  subject: string,
  { name, driver, backend }: AdapterSummary,
  find: () => Promise<T>,
  isGood: (found: T) => boolean,
): Promise<T | undefined> {
  const folder = knownCacheFolder();
  if (folder === undefined) return find();
  const path = join(folder, 'verdicts.json');
  const facts = [subject, name, driver, backend, process.versions.node, await programDigest()];
  const key = createHash('sha256').update(JSON.stringify(facts)).digest('hex');
  if ((await good(path)).includes(key)) return undefined;
  const found = await find();
  if (isGood(found)) {
    const keys = [...(await good(path)), key].slice(-MOST);
    // A cache: where it cannot be written the next process finds out again.
    await writeAtomic(path, new TextEncoder().encode(`${JSON.stringify(keys)}\n`)).catch(() => {});
  }
  return found;
}

async function good(path: string): Promise<string[]> {
  try {
    const keys: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
  } catch {
    return [];
  }
}
