/** `cfr queue`, `cfr worker`: a command shared among workers by way of Redis. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { UserError } from '../../base/errors.js';
import { EXIT, exitCodeOf } from '../../base/exit-codes.js';
import { serveUnits } from '../../cluster/child.js';
import { type Progress, UnitQueue } from '../../cluster/queue.js';
import { partPath, type Unit, unitsOf } from '../../cluster/units.js';
import { work } from '../../cluster/worker.js';
import type { Console } from '../../run/console.js';
import { mergeParts } from '../../run/merge.js';
import { Interrupted, type Services, untilInterrupted } from '../../run/services.js';
import { addOutputOptions, integer, type OutputOptions, value } from '../options.js';
import { tellOutcome } from './attack.js';

interface RedisOptions extends OutputOptions {
  readonly redis: string;
  readonly queue: string;
}

interface QueueOptions extends RedisOptions {
  readonly units: number;
  readonly wait?: boolean;
  readonly retry?: boolean;
}

interface WorkerOptions extends RedisOptions {
  readonly lockSeconds: number;
  readonly drainSeconds: number;
  readonly untilEmpty?: boolean;
}

function addRedis(command: Command): Command {
  return addOutputOptions(command)
    .addOption(
      new Option('--redis <url>', 'redis://[user:password@]host:port/db')
        .env('REDIS_URL')
        .default('redis://127.0.0.1:6379'),
    )
    .addOption(
      new Option('--queue <name>', 'of the queue: workers of one name do the same work').default('cfr'),
    );
}

export function registerQueue(program: Command, services: Services): void {
  addRedis(program.command('queue'))
    .argument('[command...]', 'attack with --out, in units; or fit, compare, sweep…, which are one unit')
    .passThroughOptions()
    .description('Shares a command among workers, by way of Redis.')
    .addOption(
      value(
        '--units <count>',
        'parts of a run: so many that each takes some 30 s',
        integer('--units', { min: 1, max: 1_000_000 }),
      ).default(64),
    )
    .addOption(new Option('--wait', 'wait until it is done, then merge the parts'))
    .addOption(new Option('--retry', 'try the units that failed for good once more'))
    .addHelpText(
      'after',
      `
Without a command: how far the queue is, and what failed for good. Needs the packages bullmq and ioredis. Workers see the same --out, data
and weights, under the same paths. A unit whose worker dies is done by another; each counts once.

Examples:
  cfr queue --units 200 --wait attack --dataset imagenet:/data --out /shared/run
  cfr worker --redis redis://10.0.0.1:6379
  cfr queue`,
    )
    .action((command: string[], options: QueueOptions) => queue(command, options, services));
}

async function queue(command: readonly string[], options: QueueOptions, services: Services): Promise<void> {
  const console = services.console.with(options);
  const units = command.length > 0 ? unitsOf(command, options.units) : [];
  const open = await UnitQueue.open(options.redis, options.queue);
  try {
    if (options.retry) await open.retry();
    if (units.length > 0) {
      await open.add(units);
      console.note(
        `${options.queue}: ${progressText(await open.progress(units))} of ${units.length} units of ${units[0]!.out}`,
      );
    }
    if (units.length === 0 || !options.wait)
      return await tellQueue(open, units.length === 0, services, console);
    await waitFor(open, units, services, console);
    await mergeUnits(open, units, services, console);
  } finally {
    await open.close();
  }
}

const progressText = ({ waiting, active, done, failed }: Progress) =>
  `${done} done, ${active} active, ${waiting} waiting, ${failed} failed`;

async function tellQueue(
  open: UnitQueue,
  tells: boolean,
  services: Services,
  console: Console,
): Promise<void> {
  const total = await open.total();
  const letters = await open.deadLetters();
  if (console.json) console.document({ ...total, deadLetters: letters });
  else if (tells) console.say(progressText(total));
  if (!tells) return;
  for (const { unit, reason, attempts } of letters)
    console.problem(`${partOrOut(unit)}: given up after ${attempts} attempts: ${reason}`);
  if (letters.length > 0) services.exitCode = EXIT.failed;
}

const partOrOut = (unit: Unit) => (unit.shard ? partPath(unit) : unit.out);

/** @throws Error where units failed for good: the others are done then */
async function waitFor(
  open: UnitQueue,
  units: readonly Unit[],
  services: Services,
  console: Console,
): Promise<void> {
  const progress = console.progress('queue', units.length, 'units');
  try {
    for (;;) {
      const now = await untilInterrupted(open.progress(units), services.signal);
      progress.at(now.done);
      if (now.waiting + now.active === 0) {
        if (now.failed === 0) return;
        const [letter] = await open.deadLetters(1);
        throw new Error(
          `${now.failed} of ${units.length} units failed for good, the first by: ${letter?.reason}; \`cfr queue\` lists them, --retry tries them again`,
        );
      }
      await untilInterrupted(sleep(500), services.signal);
    }
  } finally {
    progress.stop();
  }
}

async function mergeUnits(
  open: UnitQueue,
  units: readonly Unit[],
  services: Services,
  console: Console,
): Promise<void> {
  const [{ out, shard, argv }] = units as [Unit];
  if (!shard) {
    console.say(`done: ${argv.join(' ')}`);
    return;
  }
  await open.verify(units);
  // What killed workers left.
  for (const name of await readdir(join(out, 'parts')))
    if (name.startsWith('.')) await rm(join(out, 'parts', name), { recursive: true, force: true });
  const outcome = await mergeParts(out, services, console);
  services.exitCode = outcome.exitCode;
  tellOutcome(outcome, outcome.run.document.labels as readonly string[], console);
}

export function registerWorker(program: Command, services: Services): void {
  addRedis(program.command('worker'))
    .description('Works on the units of a queue, one at a time, until it is told to end.')
    .addOption(
      value(
        '--lock-seconds <s>',
        'not heard of for so long, a worker has lost its unit',
        integer('--lock-seconds', { min: 1 }),
      ).default(30),
    )
    .addOption(
      value(
        '--drain-seconds <s>',
        'on SIGTERM, how long it may still work on its unit; then that goes back',
        integer('--drain-seconds', { min: 0 }),
      ).default(25),
    )
    .addOption(new Option('--until-empty', 'end when nothing is left to do'))
    .addHelpText(
      'after',
      `
One worker per GPU: CFR_ADAPTER chooses it by name, containers by what they see. Runs until SIGTERM or Ctrl-C.

Example:
  CFR_ADAPTER=gpu cfr worker --redis redis://10.0.0.1:6379`,
    )
    .action(async (options: WorkerOptions) => {
      const { redis, queue: name, lockSeconds: lock, drainSeconds: drain, untilEmpty = false } = options;
      const console = services.console.with(options);
      // Whether there is a Redis is told at once.
      await (await UnitQueue.open(redis, name)).close();
      // In the bundle this module is the program.
      const child = [fileURLToPath(import.meta.url), 'unit'] as const;
      await work({ redis, queue: name, child, lock, drain, untilEmpty }, services.signal, console);
    });
}

/** The process behind a worker: `run` is the program with the services that stay open from unit to unit. */
export function registerUnit(
  program: Command,
  services: Services,
  create: (services: Services) => Command,
): void {
  program.command('unit', { hidden: true }).action(async () => {
    if (!process.send) throw new UserError('cfr unit: expected to be started by `cfr worker`, got no parent');
    await serve(services, create);
  });
}

/** Answers the units of a worker until it is gone. */
export async function serve(services: Services, create: (services: Services) => Command): Promise<void> {
  const own = { ...services, loadNet: once(services.loadNet), openDataset: once(services.openDataset) };
  await serveUnits(async (argv) => {
    own.exitCode = 0;
    own.invocation = { ...services.invocation, command: `cfr ${argv.join(' ')}` };
    try {
      await create(own).parseAsync([...argv], { from: 'user' });
      return { code: own.exitCode };
    } catch (error) {
      const code = error instanceof Interrupted ? EXIT.again : exitCodeOf(error);
      return { code, error: (error as Error).message };
    }
  });
}

/** The last answer again, where the question is the same: units of one run read the net and the lists of its images once. */
function once<Q, A>(ask: (question: Q, console: Console, ...more: never[]) => Promise<A>): typeof ask {
  let known: { readonly key: string; readonly answer: Promise<A> } | undefined;
  return (question, console, ...more) => {
    const key = JSON.stringify([question, ...more]);
    if (known?.key !== key) {
      const answer = ask(question, console, ...more);
      answer.catch(() => {
        known = undefined;
      });
      known = { key, answer };
    }
    return known.answer;
  };
}
