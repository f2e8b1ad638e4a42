/** Entry of the program `cfr`: runs a command, tells what went wrong in one line, and ends with the right exit code. */
import { CommanderError } from 'commander';
import { EXIT, exitCodeOf } from '../base/exit-codes.js';
import { fileReason, isFileError } from '../node/file-errors.js';
import { Interrupted } from '../run/services.js';
import { TerminalConsole } from './console.js';
import { nodeServices, packageVersion } from './node-services.js';
import { wholeOutput } from './output.js';
import { createProgram, usageError } from './program.js';
import { graphicsOf, hasColours, paintOf } from './terminal.js';

/** A batch system ends a process by SIGTERM before its time is over: what is finished is kept. */
const exitCodes = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.again } as const;
type Signal = keyof typeof exitCodes;

/** How long an interrupted program waits for the device to come to rest, in milliseconds. */
const patience = 5000;

async function main(argv: readonly string[]): Promise<number> {
  const { env, stdout, stderr } = process;
  const console = new TerminalConsole(
    wholeOutput(stdout),
    stderr,
    {},
    {
      stdout: paintOf(hasColours(stdout, env)),
      stderr: paintOf(hasColours(stderr, env)),
      graphics: graphicsOf(stdout),
    },
  );
  const interruption = new AbortController();
  let signal: Signal = 'SIGINT';
  for (const name of Object.keys(exitCodes) as Signal[]) {
    process.on(name, () => {
      if (interruption.signal.aborted) void dieBy(name);
      signal = name;
      interruption.abort(new Interrupted('interrupted'));
    });
  }
  // `cfr … | head` closes the pipe early: nothing is wrong then.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  // Where nobody can be told of a problem, the work goes on.
  process.stderr.on('error', () => {});

  const version = packageVersion();
  const services = nodeServices(console, interruption.signal, { command: commandText(argv), version });
  let code: number;
  try {
    await createProgram(services, version).parseAsync([...argv], { from: 'user' });
    code = services.exitCode;
  } catch (error) {
    console.clear();
    const mistake = error instanceof CommanderError ? usageError(error) : error;
    if (mistake !== undefined) console.problem(messageOf(mistake));
    if (process.env.CFR_DEBUG && error instanceof Error) console.note(error.stack ?? '');
    if (mistake instanceof Interrupted) {
      if (!(await settles(mistake.pending))) return dieBy(signal);
      code = exitCodes[signal];
    } else if (mistake === undefined) code = EXIT.done;
    else code = exitCodeOf(mistake);
  }
  await services.close();
  return code;
}

/** The command as a shell takes it. */
function commandText(argv: readonly string[]): string {
  const quoted = argv.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  return ['cfr', ...quoted].join(' ');
}

function messageOf(error: unknown): string {
  if (isFileError(error)) return `${error.path ?? 'a file'}: ${fileReason(error)}`;
  return error instanceof Error ? error.message : String(error);
}

/** Whether abandoned work ends soon. */
function settles(work: Promise<unknown> | undefined): Promise<boolean> {
  if (!work) return Promise.resolve(true);
  const settled = work.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, new Promise<boolean>((resolve) => setTimeout(resolve, patience, false))]);
}

/**
 * Ends the process as the signal does by itself; a shell sees the same exit code. An orderly exit while a driver compiles or
 * computes on threads of its own crashes in their libraries.
 */
function dieBy(signal: Signal): Promise<never> {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  return new Promise(() => {});
}

/** Flushes what is written and ends the process: a driver's threads must not keep it alive. */
function end(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

main(process.argv.slice(2)).then(end, (error: unknown) => {
  process.stderr.write(`cfr: internal: ${error instanceof Error ? error.stack : String(error)}\n`);
  end(1);
});
