/** A running attack: its steps in submissions of any length, and what can be seen of it between them. */
import { dispose } from '../base/disposable.js';
import { UserError } from '../base/errors.js';
import type { Program, Step } from '../engine/program.js';
import type { Traced } from './method.js';

/** Of n images between two steps; rows as in `AttackResult`. */
export interface Snapshot {
  /** Steps done. */
  readonly steps: number;
  /** [n, 3, h, w], exactly k/255: where the attack is, as a PNG would keep it. */
  readonly iterate: Float32Array;
  /** The best so far, [n, 3, h, w]; the clean image as long as there is none. What the net was shown, so not always k/255. */
  readonly best: Float32Array;
  /** [n, classes], of `best`. */
  readonly logitsBest: Float32Array;
  /** Whether `best` fools the net. */
  readonly fools: boolean[];
  /** Loss and l2 of each step so far, one row an image. */
  readonly trace: Float32Array[];
}

/** An attack that goes on when it is told to. Its attack takes no other work until it is finished or closed. */
export interface Session<Result> {
  /** Steps of the whole attack. */
  readonly total: number;
  /** Steps done. */
  readonly done: number;
  /** No step is left. */
  readonly finished: boolean;
  /**
   * Runs the next steps; the first also explains the images.
   * @param count an integer from 1
   * @returns whether steps are left
   */
  step(count?: number): Promise<boolean>;
  /** @throws UserError before the first step */
  snapshot(): Promise<Snapshot>;
  /** Runs what is left and ends the session. */
  finish(): Promise<Result>;
  /** Ends the session without a result. */
  close(): void;
  /** `using`: `close` at the end of the block. */
  [dispose](): void;
}

/** What a session needs of the attack that it belongs to. */
export interface SessionHost {
  readonly program: Program;
  readonly traced: Pick<Traced, 'tail' | 'stops'>;
  /** Steps of the method; none where it has nothing to do. */
  readonly steps: readonly Step[];
  /** What comes before them. */
  readonly first: readonly Step[];
  allDone(): Promise<boolean>;
}

/** The steps of one run, handed to the device in submissions. */
export class Submissions {
  readonly total: number;
  #done = 0;
  #finished = false;
  #first: readonly Step[];
  #rest: readonly Step[];
  readonly #host: SessionHost;

  constructor(host: SessionHost) {
    this.#host = host;
    this.#first = host.first;
    this.#rest = host.steps;
    this.total = lengthOf(host.steps);
  }

  get done(): number {
    return this.#done;
  }

  get started(): boolean {
    return this.#first.length === 0;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** One submission of at most `most` steps. @returns how many it ran */
  async next(most: number): Promise<number> {
    const { program, traced, allDone } = this.#host;
    const [now, later] = cut(this.#rest, most);
    const last = later.length === 0;
    await program.run(...this.#first, ...now, ...(last ? traced.tail : []));
    this.#first = [];
    this.#rest = later;
    this.#done += lengthOf(now);
    this.#finished = last;
    if (traced.stops && !last && (await allDone())) {
      await program.run(...traced.tail);
      this.#rest = [];
      this.#done = this.total;
      this.#finished = true;
    }
    return lengthOf(now);
  }
}

/** @param end called once, when the session is over */
export function makeSession<Result>(
  submissions: Submissions,
  look: { snapshot(): Promise<Snapshot>; result(): Promise<Result> },
  end: () => void,
): Session<Result> {
  let open = true;
  let busy = false;
  const during = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!open) throw new UserError('session: expected an open session, got one already ended; start another');
    if (busy)
      throw new UserError('session: expected one call at a time, got another before the first was done');
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
      if (!open) end();
    }
  };
  const close = () => {
    if (!open) return;
    open = false;
    if (!busy) end();
  };
  return {
    total: submissions.total,
    get done() {
      return submissions.done;
    },
    get finished() {
      return submissions.finished;
    },
    step: (count = 1) =>
      during(async () => {
        if (!(Number.isInteger(count) && count >= 1))
          throw new UserError(`step: expected an integer of at least 1, got ${count}`);
        if (!submissions.finished) await submissions.next(count);
        return !submissions.finished;
      }),
    snapshot: () =>
      during(async () => {
        if (!submissions.started) throw new UserError('snapshot: expected a step before it, got none');
        return look.snapshot();
      }),
    finish: () =>
      during(async () => {
        try {
          while (!submissions.finished) await submissions.next(MOST_STEPS);
          return await look.result();
        } finally {
          open = false;
        }
      }),
    close,
    [dispose]: close,
  };
}

/** Steps in one command buffer at most: thousands would fill the driver's memory with commands. */
export const MOST_STEPS = 100;

function lengthOf(steps: readonly Step[]): number {
  return steps.reduce((sum, [, times]) => sum + times, 0);
}

/** The first `most` of the steps, and the rest. */
function cut(steps: readonly Step[], most: number): [Step[], Step[]] {
  const now: Step[] = [];
  let room = most;
  for (const [at, [name, times]] of steps.entries()) {
    const taken = Math.min(times, room);
    now.push([name, taken]);
    room -= taken;
    if (taken < times) return [now, [[name, times - taken], ...steps.slice(at + 1)]];
    if (room === 0) return [now, steps.slice(at + 1)];
  }
  return [now, []];
}
