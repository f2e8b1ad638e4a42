/** Commands without a GPU: services whose net, device and files are made up, and a record of what the program said. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterAll } from 'vitest';
import { exitCodeOf } from '../base/exit-codes.js';
import { TerminalConsole } from '../cli/console.js';
import { createProgram, usageError } from '../cli/program.js';
import type { Terminal } from '../cli/terminal.js';
import { Interrupted } from '../run/services.js';
import { type FakeOptions, fakeServices } from './support/fake-services.js';

export { type FakeOptions, image, labels, loseDevice, model } from './support/fake-services.js';

const folders: string[] = [];

/** A fresh folder, removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cfr-cli-'));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Indices of the images that were attacked, batch by batch. */
  readonly attacked: readonly (readonly number[])[];
  readonly batches: readonly number[];
  /** That was asked for. */
  readonly adapter: string | undefined;
}

/** Runs the program as the entry does, but for signals: `onBatch` may call `interrupt`. */
export async function cfr(
  argv: readonly string[],
  options: FakeOptions & { readonly terminal?: Terminal } = {},
): Promise<Outcome> {
  const said = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    write(text: string) {
      said[name] += text;
    },
  });
  const console = new TerminalConsole(stream('out'), stream('err'), {}, options.terminal);
  const controller = new AbortController();
  interrupt = () => controller.abort(new Interrupted('interrupted'));
  const attacked: number[][] = [];
  const batches: number[] = [];
  const services = {
    ...fakeServices(options, console, controller.signal, attacked, batches),
    // Runs in other folders are the same.
    invocation: {
      command: `cfr ${argv.map((word) => (word.startsWith(tmpdir()) ? 'FOLDER' : word)).join(' ')}`,
      version: '1.2.3',
    },
  };
  const code = await createProgram(services, '1.2.3')
    .parseAsync([...argv], { from: 'user' })
    .then(() => services.exitCode)
    .catch((error: unknown) => {
      const mistake = error instanceof CommanderError ? usageError(error) : error;
      if (mistake === undefined) return 0;
      console.problem((mistake as Error).message);
      if (mistake instanceof Interrupted) return 130;
      return exitCodeOf(mistake);
    });
  return { code, ...said, attacked, batches, adapter: services.adapter };
}

/** Ctrl-C for the program that runs now. */
export let interrupt = () => {};
