/**
 * A worker: takes units from the queue, one at a time, and has a child work on them. This process only waits and keeps its locks, which a
 * busy event loop would lose. A part is made in a folder of the worker's own and takes its name when it is whole: whoever is first.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Job, Worker } from 'bullmq';
import { EXIT } from '../base/exit-codes.js';
import { printable } from '../base/printable.js';
import { codeOf } from '../node/file-errors.js';
import { makeFolders, syncFolder } from '../node/files.js';
import type { Console } from '../run/console.js';
import { partName } from '../run/shard.js';
import { connectionOf, loadBullMQ, withoutPassword } from './bullmq.js';
import { type Answer, UnitChild } from './child.js';
import { contentOf, partPath, type Unit, type UnitResult } from './units.js';

export interface WorkerOptions {
  readonly redis: string;
  readonly queue: string;
  /** The child's module and arguments. */
  readonly child: readonly [program: string, ...args: string[]];
  /** A worker that Redis has not heard of for so long has lost its unit, in seconds. */
  readonly lock: number;
  /** How long a worker that is to end may still work on its unit, in seconds; then the unit goes back. */
  readonly drain: number;
  /** Ends when nothing is left to do. */
  readonly untilEmpty: boolean;
}

/** Attempts that a worker's death took from a unit, before it is taken for the cause. */
const MOST_STALLS = 5;
/** A unit of this length is too small to pay, or too large to lose. */
const SHORT = 3;
const LONG = 300;

/** Works until `signal`, or until the queue is empty. */
export async function work(options: WorkerOptions, signal: AbortSignal, console: Console): Promise<void> {
  const { Worker: BullWorker, DelayedError, UnrecoverableError } = await loadBullMQ();
  const [program, ...args] = options.child;
  const child = new UnitChild(program, args);
  const me = `${hostname()}-${process.pid}`;
  let draining = false;
  let told = false;

  const process_ = async (job: Job<Unit, UnitResult>, token?: string): Promise<UnitResult> => {
    const unit = job.data;
    const began = performance.now();
    const title = unit.shard ? `unit ${unit.shard.index}/${unit.shard.of}` : unit.argv[0]!;
    const again = async () => {
      await job.moveToDelayed(Date.now() + 100, token);
      return new DelayedError();
    };
    try {
      const result = unit.shard ? await partOf(unit) : await wholeOf(unit);
      const seconds = (performance.now() - began) / 1000;
      console.note(`${title} of ${unit.out}: ${result.images} images in ${seconds.toFixed(1)} s`);
      if (unit.shard && result.images > 0 && !told && (seconds < SHORT || seconds > LONG)) {
        told = true;
        console.note(
          `units of this run take ${seconds.toFixed(1)} s; \`cfr queue --units\` makes them some 30 s long`,
        );
      }
      return { ...result, seconds, worker: me };
    } catch (error) {
      // Taken back, not failed: the next one goes on.
      if (draining) throw await again();
      const { message } = error as Error;
      console.problem(`${title} of ${unit.out}: ${message}`);
      if (error instanceof DoNot) throw new UnrecoverableError(printable(message, 2000));
      throw error;
    }
  };

  const partOf = async (unit: Unit): Promise<Pick<UnitResult, 'digest' | 'images' | 'differs'>> => {
    const final = partPath(unit);
    const before = await contentOf(final);
    if (before) return before;
    // A later attempt of this worker finds what is finished.
    const own = join(dirname(final), `.${partName(unit.shard!)}.${me}`);
    const { index, of } = unit.shard!;
    await answered(
      await child.work({ argv: [...unit.argv, '--shard', `${index}/${of}`, '--part', own, '--quiet'] }),
    );
    return publish(own, final);
  };

  const wholeOf = async (unit: Unit): Promise<Pick<UnitResult, 'digest' | 'images'>> => {
    await answered(await child.work({ argv: [...unit.argv, '--quiet'] }));
    return { digest: null, images: 0 };
  };

  const connection = connectionOf(options.redis);
  const worker: Worker<Unit, UnitResult> = new BullWorker(options.queue, process_, {
    connection,
    concurrency: 1,
    lockDuration: 1000 * options.lock,
    stalledInterval: 1000 * options.lock,
    maxStalledCount: MOST_STALLS,
  });
  let lastError = '';
  worker.on('error', ({ message }) => {
    // Each attempt to reach Redis fails by the same: told once.
    if (message !== lastError)
      console.note(`${withoutPassword(options.redis)}: ${printable(message || 'no connection', 300)}`);
    lastError = message;
  });
  const ended = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (options.untilEmpty) worker.on('drained', () => resolve());
  });
  console.note(`worker ${me}: waiting for units of ${options.queue} at ${withoutPassword(options.redis)}`);
  await ended;
  const limit = setTimeout(
    () => {
      draining = true;
      child.interrupt();
    },
    1000 * (signal.aborted ? options.drain : 2 ** 20),
  );
  await worker.close();
  clearTimeout(limit);
  await child.close();
}

/** The same command would end the same way. */
class DoNot extends Error {}

async function answered({ code, error }: Answer): Promise<void> {
  // Without an error some images were unreadable: the part says which.
  if (error === undefined) return;
  if (code === EXIT.mistake || code === EXIT.failed) throw new DoNot(error);
  throw new Error(error);
}

/**
 * Gives a part its name. Where another attempt was first (Redis did not hear of this worker for a while), that one stands.
 * @returns what stands under the name
 */
async function publish(
  own: string,
  final: string,
): Promise<Pick<UnitResult, 'digest' | 'images' | 'differs'>> {
  const content = await contentOf(own);
  if (!content) throw new Error(`${own}: expected a part that is done, got none`);
  await makeFolders(dirname(final));
  await rm(join(own, '.lock'), { force: true });
  try {
    if (!existsSync(final)) {
      await rename(own, final);
      await syncFolder(dirname(final));
      return content;
    }
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
  }
  const first = (await contentOf(final))!;
  await rm(own, { recursive: true, force: true });
  return { ...first, differs: first.digest !== content.digest };
}
