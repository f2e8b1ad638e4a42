/**
 * One process at a time works in a run's folder: two would mix their lines and tensors. A file that only one can create says
 * which; that of a process which ended without removing it (killed, power cut) is taken over. Of another machine's processes
 * nothing can be asked: its owner touches the file from time to time, and it is taken over only where the user says so and no
 * sign of life is seen for a while.
 *
 * Written by hand: `proper-lockfile` (4.1.2, of 2021) tells a dead owner by the age of its lock, so that a stopped process
 * loses it and a killed one keeps it for seconds, and its lock says nothing of who works there.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { durationText } from '../base/duration.js';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
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

export interface LockOptions {
  /** Takes a line where a lock is taken over, or looked at for a while. */
  readonly note: (line: string) => void;
  /** Where no sign of life of an owner on another machine is seen, its lock is taken over. Default: false. */
  readonly takeOver?: boolean;
  /** Milliseconds between two signs of life. */
  readonly beat?: number;
  /** Milliseconds for which an owner that cannot be asked is looked at. Default: 6 times `beat`, as a busy process is late. */
  readonly watch?: number;
}

/** How long a lock without its content is waited for, in milliseconds: a process that creates one writes it at once. */
const patience = 1000;

const BEAT = 15_000;

/** Milliseconds without a sign of life after which an owner need not be looked at: no two clocks of one cluster are so far apart. */
const LONG_DEAD = 3_600_000;

/** The locks that this process has or tries to get: what it writes into them, by path. */
const own = new Map<string, string>();

/**
 * Takes the lock of `folder`, which exists; returns it.
 * @throws UserError if another run has it, or may have it on another machine
 */
export async function lockFolder(folder: string, options: LockOptions): Promise<FolderLock> {
  const path = join(resolve(folder), lockName);
  const started = startOf(process.pid);
  const owner = { pid: process.pid, host: hostname(), ...(started ? { started } : {}) };
  if (own.has(path)) throw await inUse(folder, owner);
  const mine = `${JSON.stringify({ ...owner, key: randomUUID() })}\n`;
  if (own.size === 0) process.on('exit', removeAll);
  own.set(path, mine);
  const forget = () => {
    own.delete(path);
    if (own.size === 0) process.off('exit', removeAll);
  };
  try {
    await acquire(path, mine, folder, options);
  } catch (error) {
    forget();
    throw error;
  }
  const isHeld = async () => (await textOf(path).catch(() => undefined)) === mine;
  const timer = setInterval(async () => {
    if (await isHeld()) await utimes(path, new Date(), new Date()).catch(() => {});
  }, options.beat ?? BEAT).unref();
  return {
    isHeld,
    async release() {
      clearInterval(timer);
      // What can't be removed now is taken over by the next run.
      if (await isHeld()) await rm(path).catch(() => {});
      forget();
    },
  };
}

async function acquire(path: string, mine: string, folder: string, options: LockOptions): Promise<void> {
  const { note } = options;
  let former: string | undefined;
  while (!(await create(path, mine))) {
    const found = await read(path);
    if (found === undefined) continue;
    const owner = ownerIn(found);
    const told = owner ? nameOf(owner) : 'a process';
    const life = owner ? lifeOf(owner) : 'ended';
    if (life === 'lives' || (life === 'elsewhere' && !options.takeOver)) throw await inUse(folder, owner!);
    const silent = life === 'ended' ? '' : await silence(path, folder, owner!, options);
    if (await removeStale(path, found)) former = `${told}, which ${silent || 'ended without finishing'}`;
  }
  if (former) note(`${folder}: took over from ${former}`);
}

/**
 * Looks at the lock of an owner that cannot be asked. By changes of the file, not by its age: clocks differ.
 * @returns what was seen, in words
 * @throws UserError where it gives a sign of life
 */
async function silence(path: string, folder: string, owner: Owner, options: LockOptions): Promise<string> {
  const { note, beat = BEAT, watch = 6 * beat } = options;
  const seen = await touchedAt(path);
  if (seen === undefined || Date.now() - seen > LONG_DEAD) return `gave no sign of life for ${ageText(seen)}`;
  note(`${folder}: looking for a sign of life of ${nameOf(owner)} for ${durationText(watch / 1000)}`);
  for (const end = Date.now() + watch; Date.now() < end; ) {
    await sleep(Math.min(beat, watch) / 4);
    const now = await touchedAt(path);
    if (now !== undefined && now !== seen) throw await inUse(folder, owner);
  }
  return `gave no sign of life for ${ageText(seen)}`;
}

/** When a lock was last touched, in milliseconds since 1970; undefined if it is gone. Opened for it: a network disk asks its server only then. */
async function touchedAt(path: string): Promise<number | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      return (await file.stat()).mtimeMs;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const ageText = (time: number | undefined): string =>
  durationText(Math.max(0, (Date.now() - (time ?? Date.now())) / 1000));

const nameOf = ({ pid, host }: Owner): string =>
  `process ${pid}${host === hostname() ? '' : ` on ${printable(host)}`}`;

/** What to do about a lock that another has, or may have. */
async function inUse(folder: string, owner: Owner): Promise<UserError> {
  const path = join(folder, lockName);
  const here = owner.host === hostname();
  const age = here ? '' : ` (last sign of life ${ageText(await touchedAt(path))} ago)`;
  const otherwise = here
    ? `delete ${path} if that is no run of this program`
    : 'use --take-over if it has ended';
  return new UserError(
    `--out ${folder}: expected a folder that no other run works in, got one that ${nameOf(owner)} works in${age}; ` +
      `wait for it, choose another --out, or ${otherwise}`,
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

/** Whether an owner lives; `elsewhere` of another machine's, `unknown` of one that has this machine's name and another start. */
function lifeOf({ pid, host, started }: Owner): 'lives' | 'ended' | 'elsewhere' | 'unknown' {
  if (host !== hostname()) return 'elsewhere';
  // Started again since, or another machine of this name.
  const boot = bootOf(startOf(process.pid));
  if (started !== undefined && boot !== undefined && bootOf(started) !== boot) return 'unknown';
  // This process has no such lock: another had its number.
  if (pid === process.pid) return 'ended';
  try {
    process.kill(pid, 0);
    return !hasEnded(pid) && (started === undefined || started === startOf(pid)) ? 'lives' : 'ended';
  } catch (error) {
    // EPERM: it lives, as another user's.
    return codeOf(error) !== 'ESRCH' ? 'lives' : 'ended';
  }
}

const bootOf = (started: string | undefined): string | undefined => started?.split(' of ')[1];

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
