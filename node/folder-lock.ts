/**
 * One process at a time works in a run's folder: two would mix their lines and tensors. A file that only one can create says
 * which; that of a process which ended without removing it (killed, power cut) is taken over.
 *
 * Written by hand: `proper-lockfile` (4.1.2, of 2021) tells a dead owner by the age of its lock, so that a stopped process
 * loses it and a killed one keeps it for seconds, and its lock says nothing of who works there.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import { codeOf } from './file-errors.js';

export const lockName = '.lock';

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, as the system tells it: another that got its number began at another time. */
  readonly started?: string;
}

/** A lock that this process has. */
export interface FolderLock {
  /** Whether it is still this one's: the folder may have been removed, and made again by another. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** How long a lock without its content is waited for, in milliseconds: a process that creates one writes it at once. */
const patience = 1000;

/** The locks that this process has or tries to get: what it writes into them, by path. */
const own = new Map<string, string>();

/**
 * Takes the lock of `folder`, which exists; returns it.
 * @param note takes a line where a lock is taken over
 * @throws UserError if another run has it, or may have it on another machine
 */
export async function lockFolder(folder: string, note: (line: string) => void): Promise<FolderLock> {
  const path = join(resolve(folder), lockName);
  const started = startOf(process.pid);
  const owner = { pid: process.pid, host: hostname(), ...(started ? { started } : {}) };
  if (own.has(path)) throw inUse(folder, owner);
  const mine = `${JSON.stringify({ ...owner, key: randomUUID() })}\n`;
  if (own.size === 0) process.on('exit', removeAll);
  own.set(path, mine);
  const forget = () => {
    own.delete(path);
    if (own.size === 0) process.off('exit', removeAll);
  };
  try {
    await acquire(path, mine, folder, note);
  } catch (error) {
    forget();
    throw error;
  }
  const isHeld = async () => (await textOf(path).catch(() => undefined)) === mine;
  return {
    isHeld,
    async release() {
      // What can't be removed now is taken over by the next run.
      if (await isHeld()) await rm(path).catch(() => {});
      forget();
    },
  };
}

async function acquire(
  path: string,
  mine: string,
  folder: string,
  note: (line: string) => void,
): Promise<void> {
  let former: string | undefined;
  while (!(await create(path, mine))) {
    const found = await read(path);
    if (found === undefined) continue;
    const owner = ownerIn(found);
    if (owner && mayLive(owner)) throw inUse(folder, owner);
    if (await removeStale(path, found)) former = owner ? `process ${owner.pid}` : 'a process';
  }
  if (former) note(`${folder}: took over from ${former}, which ended without finishing`);
}

function inUse(folder: string, { pid, host }: Owner): UserError {
  const where = host === hostname() ? '' : ` on ${host}`;
  return new UserError(
    `--out ${folder}: expected a folder that no other run works in, got one that process ${pid}${where} works in; ` +
      `wait for it, choose another --out, or delete ${join(folder, lockName)} if that is no run of this program`,
  );
}

/** False if it is there already. */
async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // Created, but not written: a full disk.
    if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') await rm(path, { force: true });
    throw error;
  }
}

/** The content of a lock, undefined if it is gone. */
async function read(path: string): Promise<string | undefined> {
  const start = Date.now();
  for (;;) {
    const text = await textOf(path);
    if (text === undefined || ownerIn(text)) return text;
    // Long since made: a power cut took its content.
    const made = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => start,
    );
    if (Date.now() > Math.min(made, start) + patience) return text;
    await sleep(50);
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function ownerIn(text: string): Owner | undefined {
  try {
    const { pid, host, started } = JSON.parse(text) as Partial<Owner>;
    if (!Number.isSafeInteger(pid) || pid! <= 0 || typeof host !== 'string') return undefined;
    return { pid: pid!, host, ...(typeof started === 'string' ? { started } : {}) };
  } catch {
    return undefined;
  }
}

function mayLive({ pid, host, started }: Owner): boolean {
  if (host !== hostname()) return true;
  // This process has no such lock: another had its number.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return !hasEnded(pid) && (started === undefined || started === startOf(pid));
  } catch (error) {
    // EPERM: it lives, as another user's.
    return codeOf(error) !== 'ESRCH';
  }
}

/** On Linux: whether a process is only there until its parent asks how it ended. */
function hasEnded(pid: number): boolean {
  return /^[ZX]$/.test(statusOf(pid)?.[0] ?? '');
}

/** On Linux: when a process began, in ticks since the start of which system. */
function startOf(pid: number): string | undefined {
  const ticks = statusOf(pid)?.[19];
  try {
    return ticks && `${ticks} of ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`;
  } catch {
    return undefined;
  }
}

/** On Linux: what the system says of a process, from its state on (`man 5 proc_pid_stat`, field 3). */
function statusOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before it may hold spaces and brackets.
    return text
      .slice(text.lastIndexOf(')') + 1)
      .trim()
      .split(' ');
  } catch {
    return undefined;
  }
}

/**
 * Removes the lock of a process that ended, if it is still that one. By one process at a time: else a second, which saw the same
 * lock, would remove the one that the first has made since.
 */
async function removeStale(path: string, found: string): Promise<boolean> {
  const guard = `${path}.removing`;
  if (!(await create(guard, ''))) {
    const age = await stat(guard).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    // It takes milliseconds: who made this guard was killed with it.
    if (age > 10 * patience) await rm(guard, { force: true });
    else await sleep(20);
    return false;
  }
  try {
    if ((await textOf(path)) !== found) return false;
    await rm(path);
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

/** For ends that skip the giving back, as of a closed pipe. */
function removeAll(): void {
  for (const [path, mine] of own) {
    try {
      if (readFileSync(path, 'utf8') === mine) unlinkSync(path);
    } catch {
      // The folder may be gone.
    }
  }
}
