/**
 * What the program says, and where: results on stdout, everything else on stderr. With `--json`, stdout carries one JSON
 * document; progress bars appear only where stderr is a terminal, so that logs and pipes stay clean.
 */
import { SingleBar } from 'cli-progress';
import { durationText } from '../base/duration.js';
import { printable, printableJson } from '../base/printable.js';
import type { Console, ConsoleOptions, Progress } from '../run/console.js';

/** Names and classes come from files: nothing in them may steer the terminal. */
const shown = (text: string): string =>
  text
    .split('\n')
    .map((line) => printable(line, Infinity))
    .join('\n');

/** The part of a writable stream that the console needs; a fake in tests. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export class TerminalConsole implements Console {
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #options: ConsoleOptions;
  #bar: SingleBar | undefined;

  constructor(stdout: Stream, stderr: Stream, options: ConsoleOptions = {}) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#options = options;
  }

  /** The same streams under other options: a command's own view of the program's console. */
  with(options: ConsoleOptions): TerminalConsole {
    return new TerminalConsole(this.#stdout, this.#stderr, options);
  }

  get json(): boolean {
    return this.#options.json ?? false;
  }

  /** Cells of a line of stdout, if it is a terminal. */
  get width(): number | undefined {
    return this.#stdout.isTTY ? this.#stdout.columns : undefined;
  }

  /** A result for people; nothing with `--json`. */
  say(text: string): void {
    if (!this.json) this.#stdout.write(`${shown(text)}\n`);
  }

  /** The one document of `--json`. */
  document(value: unknown): void {
    this.#stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
  }

  /** What is going on: stderr, silenced by `--quiet`. */
  note(text: string): void {
    if (!this.#options.quiet) this.#aside(shown(text));
  }

  /** A problem: one line on stderr, never silenced. */
  problem(text: string): void {
    this.#aside(`cfr: ${printable(text, 4000)}`);
  }

  /** A bar with rate and remaining time, on a terminal; elsewhere nothing. `unit` in the plural. One at a time. */
  progress(title: string, total: number, unit: string): Progress {
    if (!this.#stderr.isTTY || this.#options.quiet || total === 0) return { at() {}, stop() {} };
    const bar = new SingleBar({
      format: `${title} {bar} {done}/${Math.floor(total)} ${unit} | {rate} | {left} left`,
      stream: this.#stderr as NodeJS.WritableStream,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      fps: 8,
    });
    const start = performance.now();
    bar.start(total, 0, { done: 0, rate: '…', left: '…' });
    this.#bar = bar;
    return {
      at: (done) => {
        const rate = done / ((performance.now() - start) / 1000);
        bar.update(done, {
          done: Math.floor(done),
          rate: done > 0 ? rateText(rate, unit) : '…',
          left: done > 0 ? durationText((total - done) / rate) : '…',
        });
      },
      stop: () => {
        bar.stop();
        this.#bar = undefined;
      },
    };
  }

  /** Takes a bar left by an error off the terminal. */
  clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  /** A stderr line while a bar may be drawn: the bar is redrawn below it. */
  #aside(text: string): void {
    if (this.#bar) this.#stderr.write('\r\x1b[K');
    this.#stderr.write(`${shown(text)}\n`);
  }
}

/** `12.3 images/s`, or `4.5 s/image` where that reads better. */
export function rateText(perSecond: number, unit: string): string {
  if (!(perSecond > 0) || !Number.isFinite(perSecond)) return '…';
  if (perSecond >= 1) return `${perSecond.toPrecision(3)} ${unit}/s`;
  return `${(1 / perSecond).toPrecision(3)} s/${unit.replace(/s$/, '')}`;
}
