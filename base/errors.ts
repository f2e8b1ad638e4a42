import { printable } from './printable.js';

/** Lists of what was expected fit; a file's own text is cut where it is quoted. */
const MESSAGE_LIMIT = 2000;

/**
 * A mistake of the user's: one clear line (expected, got, what to do). The command line ends with exit code 2 on it. What a
 * message quotes from a file can neither steer a terminal nor flood it.
 */
export class UserError extends Error {
  override readonly name = 'UserError';

  constructor(message: string) {
    super(printable(message, MESSAGE_LIMIT));
  }
}
