/**
 * Fetches a file into a folder: size said first, progress, resumed after an interruption, checked against its sha256, and
 * under its final name only when whole and right.
 */

import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OnProgress } from '../base/progress.js';
import { fileError } from './files.js';

export interface DownloadOptions {
  /** The file's sha256 in hex, or its first digits. */
  readonly sha256: string;
  readonly onProgress?: OnProgress | undefined;
  /** How often a broken connection is tried again; default 3. */
  readonly retries?: number;
  /** Milliseconds without a byte after which a connection counts as broken; default 60,000. */
  readonly patience?: number;
}

/** An answer or a disk that another attempt would not change. */
class FinalError extends Error {}

/** The sha256 of a file in hex, read in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Fetches `url` to `path`. What a broken attempt got stays in `PATH.part`, and the next one goes on from there.
 * @throws Error in one line: no connection, an answer that is no file, a full disk, a wrong checksum, another process at it.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const { sha256, onProgress, retries = 3, patience = 60_000 } = options;
  const part = `${path}.part`;
  const unlock = await lock(path);
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await transfer(url, part, path, onProgress, patience);
      } catch (error) {
        if (error instanceof FinalError || isDiskError(error)) throw diskOrFinal(error, path);
        if (attempt < retries) {
          await delay(200 * 2 ** attempt);
          continue;
        }
        throw new Error(
          `${basename(path)}: fetching ${url} failed: ${reason(error)}; run it again to go on, or put the file at ${path} yourself`,
        );
      }
      const got = await sha256OfFile(part);
      if (got.startsWith(sha256)) break;
      await rm(part, { force: true });
      // An old part may have been wrong; a whole file that is wrong twice will stay so.
      if (attempt < Math.min(retries, 1)) continue;
      throw new Error(
        `${basename(path)}: expected sha256 ${sha256}, got ${got} from ${url}; nothing was kept, try again later`,
      );
    }
    await rename(part, path);
  } finally {
    await unlock();
  }
}

async function transfer(
  url: string,
  part: string,
  path: string,
  onProgress: OnProgress | undefined,
  patience: number,
): Promise<void> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), patience);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), patience);
  };
  let file: FileHandle | undefined;
  try {
    const have = await stat(part).then(
      (info) => info.size,
      () => 0,
    );
    const response = await fetch(url, {
      signal: abort.signal,
      headers: have > 0 ? { range: `bytes=${have}-` } : {},
    });
    if (response.status === 416) {
      // The part is as long as the file, or longer: the checksum will tell.
      await response.body?.cancel();
      return;
    }
    if (!response.ok || !response.body) {
      const text = `${basename(path)}: ${url} answered ${response.status} ${response.statusText}`.trimEnd();
      await response.body?.cancel();
      if (response.status >= 500 || response.status === 429) throw new Error(text);
      throw new FinalError(`${text}; put the file at ${path} yourself`);
    }
    const start = response.status === 206 ? have : 0;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isFinite(length) ? start + length : undefined;
    if (total !== undefined) await checkSpace(path, total - start);
    const report = (done: number) =>
      onProgress?.({ task: `fetch ${basename(path)}`, done, total, unit: 'bytes' });
    let done = start;
    report(done);
    file = await open(part, start > 0 ? 'a' : 'w');
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { value } = await reader.read();
        if (!value) break;
        alive();
        await file.writeFile(value);
        done += value.length;
        report(done);
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

async function checkSpace(path: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize < needed) {
    const free = Math.floor((bavail * bsize) / 1e6);
    throw new FinalError(
      `${basename(path)}: expected ${Math.ceil(needed / 1e6)} MB of free space in ${dirname(path)}, got ${free} MB; free some, or point CFR_CACHE elsewhere`,
    );
  }
}

function isDiskError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO'].includes(code ?? '');
}

const diskOrFinal = (error: unknown, path: string): Error =>
  error instanceof FinalError
    ? new Error(error.message)
    : fileError(error, path, 'a file that can be written');

/** `fetch` hides the system's reason in `cause`. */
function reason(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'AbortError') return 'no data came for too long';
  return cause?.code ?? cause?.message ?? message;
}

/** Takes `PATH.lock` with this process's id; a lock whose process is gone is taken over. Returns the release. */
async function lock(path: string): Promise<() => Promise<void>> {
  const name = `${path}.lock`;
  try {
    await mkdir(dirname(path), { recursive: true });
    for (let attempt = 0; ; attempt++) {
      try {
        await writeFile(name, String(process.pid), { flag: 'wx' });
        return () => rm(name, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const owner = ownerOf(name);
        if (attempt > 0 || isAlive(owner)) {
          throw new FinalError(
            `${basename(path)}: process ${owner} is fetching it already; wait for that, or delete ${name}`,
          );
        }
        await rm(name, { force: true });
      }
    }
  } catch (error) {
    throw diskOrFinal(error, path);
  }
}

function ownerOf(name: string): number {
  try {
    return Number(readFileSync(name, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
