/** What a run says while it works, and to whom: the seam to the terminal. */

export interface Progress {
  /** Sets how much of the total is done; may be a fraction. */
  at(done: number): void;
  /** What came of it so far, in few words. */
  tell(status: string): void;
  stop(): void;
}

export interface ConsoleOptions {
  /** stdout is kept for one JSON document. */
  readonly json?: boolean;
  /** No notes and no progress; errors and results stay. */
  readonly quiet?: boolean;
}

export interface Console {
  readonly json: boolean;
  /** Cells of a line of stdout, if it is a terminal. */
  readonly width: number | undefined;
  /** The same streams under other options: a command's own view of the program's console. */
  with(options: ConsoleOptions): Console;
  /** A result for people; nothing with `--json`. */
  say(text: string): void;
  /** The one document of `--json`. */
  document(value: unknown): void;
  /**
   * Shows a picture among the results; nothing with `--json`.
   * @param png the bytes of a PNG file
   * @param cells its width, less where the terminal is narrow
   * @throws UserError as `requirePictures`
   */
  picture(png: Uint8Array, cells: number): void;
  /** @throws UserError where stdout can show no pictures */
  requirePictures(): void;
  /** What is going on. */
  note(text: string): void;
  /** A problem: one line, never silenced. */
  problem(text: string): void;
  /** A bar with rate and remaining time. `unit` in the plural. One at a time. */
  progress(title: string, total: number, unit: string): Progress;
}
