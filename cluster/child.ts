/**
 * The process that works on units for a worker: the device and what it compiles stay open from one to the next, and the worker's own
 * process has nothing to do but to tell Redis that it lives.
 */
import { type ChildProcess, fork } from 'node:child_process';

/** What the worker sends, and what comes back. */
export interface Order {
  readonly argv: readonly string[];
}
export interface Answer {
  /** As the command's exit code. */
  readonly code: number;
  /** Of the error that ended it; without one the command came to its end. */
  readonly error?: string;
}

/** Ends of the child itself: the driver crashed, or it was killed. */
export class ChildDied extends Error {
  override readonly name = 'ChildDied';
}

export class UnitChild {
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  /** @param program a module that serves units (`serveUnits`) when it is started with `args` */
  constructor(program: string, args: readonly string[]) {
    this.#program = program;
    this.#args = args;
  }

  /** @throws ChildDied where it ends before it answers; the next call starts another */
  work(order: Order): Promise<Answer> {
    // Its results are in files; what it has to tell of problems goes on.
    this.#child ??= fork(this.#program, this.#args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const onMessage = (answer: unknown) => {
        child.off('exit', onExit);
        resolve(answer as Answer);
      };
      const onExit = (code: number | null, signal: string | null) => {
        child.off('message', onMessage);
        this.#child = undefined;
        reject(new ChildDied(`the process of the unit ended by ${signal ?? `exit code ${code}`}`));
      };
      child.once('message', onMessage).once('exit', onExit);
      child.send(order);
    });
  }

  /** Ends what is under way as SIGTERM does: finished images are kept. */
  interrupt(): void {
    this.#child?.kill('SIGTERM');
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.disconnect();
    // It ends by itself, unless a driver hangs.
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }
}

/**
 * The other side, in the child: works on what it is sent until its worker is gone.
 * @param run runs a command to its end; rejects as the program's entry would see it
 * @param stop called when the worker is gone
 */
export function serveUnits(run: (argv: readonly string[]) => Promise<Answer>): Promise<void> {
  return new Promise((resolve) => {
    let working = false;
    process.on('message', async (order: Order) => {
      working = true;
      const answer = await run(order.argv);
      working = false;
      if (process.connected) process.send!(answer);
    });
    process.on('disconnect', () => {
      // The unit is somebody else's now.
      if (working) process.kill(process.pid, 'SIGKILL');
      resolve();
    });
  });
}
