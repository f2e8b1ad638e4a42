/** How a process of the program ends, for those who start it: batch systems above all. */
import { DeviceLostError, OutOfMemoryError, UserError } from './errors.js';

export const EXIT = {
  done: 0,
  /** The run failed, or part of it: the same command would fail again. */
  failed: 1,
  /** A mistake in the command or its input. */
  mistake: 2,
  /** EX_TEMPFAIL of sysexits.h: the same command may well succeed, and goes on from where it was. */
  again: 75,
  /** As a shell says of a process that Ctrl-C ended. */
  interrupted: 130,
} as const;

/** The code of what ended a command, looked for among its causes too. */
export function exitCodeOf(error: unknown): number {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof DeviceLostError || cause instanceof OutOfMemoryError) return EXIT.again;
    if (cause instanceof UserError) return EXIT.mistake;
  }
  return EXIT.failed;
}
