/**
 * Workers as processes of their own, with a made-up device: bundled by `queue.ts` and started as `worker OPTIONS` or, by the worker, as
 * `unit`. `QUEUE_TEST_MS`: how long a batch takes; `QUEUE_TEST_FAILS`: a unit i/n that fails for good, `QUEUE_TEST_DIES`: one whose process is
 * killed once; `QUEUE_TEST_INSTANT`: units are answered at once and make nothing.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { serve } from '../../cli/commands/queue.js';
import { TerminalConsole } from '../../cli/console.js';
import { createProgram } from '../../cli/program.js';
import { serveUnits } from '../../cluster/child.js';
import { work } from '../../cluster/worker.js';
import { Interrupted } from '../../run/services.js';
import { fakeServices } from './fake-services.js';

const {
  QUEUE_TEST_MS: ms = '1',
  QUEUE_TEST_FAILS: fails,
  QUEUE_TEST_DIES: dies,
  QUEUE_TEST_MARK: mark = '',
} = process.env;
const [what, ...options] = process.argv.slice(2);
const console = new TerminalConsole(process.stdout, process.stderr);
const controller = new AbortController();
process.on('SIGTERM', () => controller.abort(new Interrupted('interrupted')));

if (what === 'worker') {
  const [redis, queue, lock, drain] = options as [string, string, string, string];
  const child = [process.argv[1]!, 'unit'] as const;
  const untilEmpty = options.includes('--until-empty');
  await work(
    { redis, queue, child, lock: Number(lock), drain: Number(drain), untilEmpty },
    controller.signal,
    console,
  );
  process.exit();
}

let shard = '';
const services = fakeServices(
  {
    tiny: true,
    images: 100_000,
    onBatch() {
      if (shard === fails) throw new UserError('made up: this unit fails for good');
      if (shard === dies && !existsSync(mark)) {
        writeFileSync(mark, '');
        process.kill(process.pid, 'SIGKILL');
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms));
    },
  },
  console,
  controller.signal,
);
if (process.env.QUEUE_TEST_INSTANT)
  await serveUnits(async (argv) => {
    const part = argv[argv.indexOf('--part') + 1]!;
    mkdirSync(part, { recursive: true });
    writeFileSync(join(part, 'run.json'), '{"format":1,"fingerprint":{}}');
    return { code: 0 };
  });
else
  await serve(services, (own) => {
    const program = createProgram(own, '1.2.3');
    const parse = program.parseAsync.bind(program);
    program.parseAsync = (argv, from) => {
      shard = argv?.[argv.indexOf('--shard') + 1] ?? '';
      return parse(argv, from);
    };
    return program;
  });
process.exit();
