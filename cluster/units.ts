/** Units of work: what stands in the queue, and what comes back. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../base/errors.js';
import { codeOf } from '../node/file-errors.js';
import { type ImageResult, pictureName, runFiles } from '../report/run-files.js';
import { readResults } from '../run/results-file.js';
import { partName, partsFolder, type Shard } from '../run/shard.js';

/** A command, or a shard of one. Goes through Redis as JSON. */
export interface Unit {
  /** The command line without `cfr`; `--out` is an absolute path on a disk that all workers share. */
  readonly argv: readonly string[];
  readonly out: string;
  /** Undefined of a command that is done as a whole, and goes on from where it was stopped. */
  readonly shard?: Shard;
}

/** What a unit came to: kept with its job. */
export interface UnitResult {
  /** Of the part's results and adversarial pictures; of a whole command, which says itself what it made, null. */
  readonly digest: string | null;
  readonly images: number;
  readonly seconds: number;
  /** `host:pid` */
  readonly worker: string;
  /** Its adversarial images are not those of an earlier attempt, which stand: other adapters round otherwise. */
  readonly differs?: boolean;
}

/** Commands of which a unit is a share of the images, and those that are one unit. */
const SHARED = 'attack';
const WHOLE = ['fit', 'compare', 'defend', 'sweep', 'regions', 'transfer'];

/**
 * The units of a command.
 * @param images of a unit; those of a run are counted by the caller, who has the data
 * @throws UserError on a command that is none for workers, or has no --out
 */
export function unitsOf(command: readonly string[], shards: number): Unit[] {
  const [name = ''] = command;
  if (name !== SHARED && !WHOLE.includes(name))
    throw new UserError(
      `cfr queue: expected one of the commands ${[SHARED, ...WHOLE].join(', ')}, got "${name}"`,
    );
  const at = command.findIndex((word) => word === '--out' || word === '-o');
  const given = command[at + 1];
  if (at < 0 || given === undefined)
    throw new UserError(`cfr queue: expected ${name} with --out, a folder that all workers share, got none`);
  const out = resolve(given);
  const argv = [...command.slice(0, at), '--out', out, ...command.slice(at + 2)];
  if (name !== SHARED) return [{ argv, out }];
  return Array.from({ length: shards }, (_, index) => ({ argv, out, shard: { index, of: shards } }));
}

/** The same unit has the same name: queued twice it is done once. */
export function unitName({ argv, shard }: Unit): string {
  const command = createHash('sha256').update(JSON.stringify(argv)).digest('hex').slice(0, 12);
  return shard ? `${command}-${partName(shard)}` : command;
}

/** Where the part of a unit is in the end. */
export function partPath({ out, shard }: Unit): string {
  return join(out, partsFolder, partName(shard!));
}

/** The content of a part that is done; undefined where there is none. */
export async function contentOf(
  part: string,
): Promise<{ readonly digest: string; readonly images: number } | undefined> {
  try {
    await readFile(join(part, runFiles.run));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const results = await readResults(join(part, runFiles.results), { repair: false });
  const hash = createHash('sha256');
  for (const line of [...results].sort((a: ImageResult, b: ImageResult) => a.index - b.index)) {
    hash.update(`${JSON.stringify(line)}\n`);
    hash.update(await readFile(join(part, pictureName('adversarial', line))));
  }
  return { digest: hash.digest('hex'), images: results.length };
}
