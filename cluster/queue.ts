/** The other end of the workers: puts units into the queue, says how far they are, and what became of those that failed. */
import type { JobType, Queue } from 'bullmq';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { connectionOf, loadBullMQ, withoutPassword } from './bullmq.js';
import { contentOf, partPath, type Unit, type UnitResult, unitName } from './units.js';

/** Attempts of a unit whose process died or whose device was lost, before it is a dead letter. */
const ATTEMPTS = 5;
/** Units that go to Redis at a time. */
const BULK = 1000;

export interface Progress {
  readonly waiting: number;
  readonly active: number;
  readonly done: number;
  /** Dead letters. */
  readonly failed: number;
}

/** A unit that nobody tries any more. */
export interface DeadLetter {
  readonly unit: Unit;
  readonly reason: string;
  readonly attempts: number;
}

export class UnitQueue {
  readonly #queue: Queue<Unit, UnitResult>;

  private constructor(queue: Queue<Unit, UnitResult>) {
    this.#queue = queue;
  }

  /** @throws UserError where there is no Redis */
  static async open(redis: string, name: string): Promise<UnitQueue> {
    const { Queue: BullQueue } = await loadBullMQ();
    const { Redis } = await import('ioredis');
    const connection = connectionOf(redis);
    const probe = new Redis({
      ...connection,
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    let reason = '';
    probe.on('error', (error: Error) => {
      reason = error.message;
    });
    try {
      await probe.connect();
      await probe.ping();
    } catch (error) {
      throw new UserError(
        `--redis ${withoutPassword(redis)}: expected a Redis server, got ${printable(reason || (error as Error).message, 200)}; start one, or check the address`,
      );
    } finally {
      probe.disconnect();
    }
    return new UnitQueue(new BullQueue(name, { connection }));
  }

  /** Adds units; those that are there already, done or not, stay what they are. */
  async add(units: readonly Unit[]): Promise<void> {
    for (let at = 0; at < units.length; at += BULK)
      await this.#queue.addBulk(
        units.slice(at, at + BULK).map((unit) => ({
          name: unit.argv[0]!,
          data: unit,
          opts: { jobId: unitName(unit), attempts: ATTEMPTS, backoff: { type: 'exponential', delay: 1000 } },
        })),
      );
  }

  /** Of these units. */
  async progress(units: readonly Unit[]): Promise<Progress> {
    const states = { waiting: 0, active: 0, done: 0, failed: 0 };
    for (let at = 0; at < units.length; at += BULK) {
      const some = units.slice(at, at + BULK).map((unit) => this.#queue.getJobState(unitName(unit)));
      for (const state of await Promise.all(some))
        states[
          state === 'completed' ? 'done' : state === 'failed' || state === 'active' ? state : 'waiting'
        ]++;
    }
    return states;
  }

  /** Of all that is in the queue. */
  async total(): Promise<Progress> {
    const kinds: JobType[] = ['wait', 'prioritized', 'delayed', 'active', 'completed', 'failed'];
    const {
      wait = 0,
      prioritized = 0,
      delayed = 0,
      active = 0,
      completed = 0,
      failed = 0,
    } = await this.#queue.getJobCounts(...kinds);
    return { waiting: wait + prioritized + delayed, active, done: completed, failed };
  }

  async deadLetters(most = 20): Promise<DeadLetter[]> {
    const jobs = await this.#queue.getFailed(0, most - 1);
    return jobs.map(({ data, failedReason, attemptsMade }) => ({
      unit: data,
      reason: failedReason,
      attempts: attemptsMade,
    }));
  }

  /** Tries the dead letters again. */
  async retry(): Promise<void> {
    await this.#queue.retryJobs({ state: 'failed' });
  }

  /**
   * Compares what is on the disk with what the workers said of it.
   * @throws UserError where a part is not that of its job
   */
  async verify(units: readonly Unit[]): Promise<void> {
    for (const unit of units) {
      if (!unit.shard) continue;
      const job = await this.#queue.getJob(unitName(unit));
      const content = await contentOf(partPath(unit));
      if (job?.returnvalue?.digest !== content?.digest)
        throw new UserError(
          `${partPath(unit)}: expected the part that its worker made, got ${content ? 'another' : 'none'}; was it changed? remove it, and queue the run under another --queue`,
        );
    }
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}
