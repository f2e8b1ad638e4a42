/**
 * What the program says, and where: results on stdout, everything else on stderr. With `--json`, stdout carries one JSON
 * document; progress bars appear only where stderr is a terminal, so that logs and pipes stay clean.
 */
import { SingleBar } from 'cli-progress';
import { durationText } from '../base/duration.js';
import { UserError } from '../base/errors.js';
import { printable, printableJson } from '../base/printable.js';
import type { Console, ConsoleOptions, Progress } from '../run/console.js';
import { pictureSequence, plainTerminal, type Terminal } from './terminal.js';

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
  readonly #terminal: Terminal;
  #bar: SingleBar | undefined;

  constructor(
    stdout: Stream,
    stderr: Stream,
    options: ConsoleOptions = {},
    terminal: Terminal = plainTerminal,
  ) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#options = options;
    this.#terminal = terminal;
  }

  /** The same streams under other options: a command's own view of the program's console. */
  with(options: ConsoleOptions): TerminalConsole {
    return new TerminalConsole(this.#stdout, this.#stderr, options, this.#terminal);
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
    if (!this.json) this.#stdout.write(`${this.#terminal.stdout.result(shown(text))}\n`);
  }

  picture(png: Uint8Array, cells: number): void {
    const { protocol } = this.#protocol();
    if (!this.json) this.#stdout.write(pictureSequence(png, Math.min(cells, this.width ?? cells), protocol));
  }

  requirePictures(): void {
    this.#protocol();
  }

  #protocol() {
    const { graphics } = this.#terminal;
    if ('protocol' in graphics) return graphics;
    throw new UserError(
      `--show: expected a terminal that shows pictures (kitty, Ghostty, WezTerm, iTerm2, Konsole, VS Code, mintty), got ${graphics.none}; leave it out, and open the files`,
    );
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
    this.#aside(this.#terminal.stderr.problem(`cfr: ${printable(text, 4000)}`));
  }

  /** A bar with rate and remaining time, on a terminal; elsewhere nothing. `unit` in the plural. One at a time. */
  progress(title: string, total: number, unit: string): Progress {
    if (!this.#stderr.isTTY || this.#options.quiet || total === 0) return { at() {}, tell() {}, stop() {} };
    const start = performance.now();
    let status = '';
    const bar = new SingleBar({
      format: (_, { value, progress }) => {
        const rate = value / ((performance.now() - start) / 1000);
        const line = progressLine(this.#stderr.columns ?? 80, {
          title,
          share: progress,
          done: `${Math.floor(value)}/${Math.floor(total)}`,
          unit,
          status,
          rate: value > 0 ? rateText(rate, unit) : '…',
          left: value > 0 ? durationText((total - value) / rate) : '…',
        });
        return this.#terminal.stderr.bar(line);
      },
      stream: this.#stderr as NodeJS.WritableStream,
      hideCursor: true,
      clearOnComplete: true,
      fps: 8,
    });
    bar.start(total, 0);
    this.#bar = bar;
    return {
      at: (done) => bar.update(done),
      tell: (text) => {
        status = text;
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
    this.#stderr.write(`${text}\n`);
  }
}

export interface ProgressFacts {
  readonly title: string;
  /** Of 1. */
  readonly share: number;
  readonly done: string;
  readonly unit: string;
  readonly status: string;
  readonly rate: string;
  readonly left: string;
}

const LEAST_BAR = 8;
const MOST_BAR = 24;

/** A line that fits the terminal: what counts least is left out first, and the bar takes what room there is. */
export function progressLine(columns: number, facts: ProgressFacts): string {
  const { title, share, done, unit, status, rate, left } = facts;
  const forms = [
    [`${done} ${unit}`, status, rate, `${left} left`],
    [`${done} ${unit}`, status, `${left} left`],
    [done, status, `${left} left`],
    [done, `${left} left`],
    [done],
  ].map((parts) => parts.filter((part) => part !== '').join(' | '));
  // A full last column would break the line.
  const room = (form: string) => columns - 1 - title.length - form.length - 2;
  const form = forms.find((each) => room(each) >= LEAST_BAR);
  if (form === undefined) return done.slice(0, Math.max(1, columns - 1));
  const cells = Math.min(MOST_BAR, room(form));
  const full = Math.round(cells * Math.min(1, Math.max(0, share)));
  return `${title} ${'█'.repeat(full)}${'░'.repeat(cells - full)} ${form}`;
}

/** `12.3 images/s`, or `4.5 s/image` where that reads better. */
export function rateText(perSecond: number, unit: string): string {
  if (!(perSecond > 0) || !Number.isFinite(perSecond)) return '…';
  if (perSecond >= 1) return `${perSecond.toPrecision(3)} ${unit}/s`;
  return `${(1 / perSecond).toPrecision(3)} s/${unit.replace(/s$/, '')}`;
}
