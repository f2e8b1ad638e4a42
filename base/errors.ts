/** A mistake of the user's: one clear line (expected, got, what to do). The command line ends with exit code 2 on it. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
