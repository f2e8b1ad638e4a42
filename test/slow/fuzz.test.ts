/**
 * Seeded damage to every fixture, read in child processes by every reader: an error of ours or a result, each within 2 s and 20 times the
 * file's size and 64 MB above the idle process. `FUZZ_CASES`, `FUZZ_SEED`: how many, and from where; `FUZZ_FOLDER`: more files to damage,
 * which are read as they are too. A million are 25 minutes of a processor.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../support/bundle.js';
import { damagedCase, originals } from '../support/damage.js';
import type { Answer, Order } from '../support/fuzz-child.js';
import { legacy, pickles, tables, zips } from '../support/hostile-dicts.js';
import { jpegs, others, pngs } from '../support/hostile-images.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const CASES = Number(process.env.FUZZ_CASES ?? 1_000_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const given = process.env.FUZZ_FOLDER;
const folders = [join(root, 'test', 'fixtures'), ...(given ? [given] : [])];
const LIMIT_MS = 2000;
/** What hangs is waited for so long, of its own time where the system tells that. */
const PATIENCE_MS = 10_000;
/** And so long by the clock: it may wait for what never comes. */
const LONG_MS = 600_000;
/** So long the whole may take: on a busy machine, many times what it takes on an idle one. */
const DAY_MS = 86_400_000;
/** Cases of one order: the parent hears nothing for so long. */
const BLOCK = 200;

// In memory where the system has such a folder.
const folder = mkdtempSync(
  join(statSync('/dev/shm', { throwIfNoEntry: false }) ? '/dev/shm' : tmpdir(), 'cfr-fuzz-'),
);
// Inside the project, so that its packages are found.
let program: string;

let child: ChildProcess | undefined;

/** Processor time of a process in milliseconds, on Linux (`man 5 proc_pid_stat`; ticks are of 10 ms); else undefined. */
function processorTime({ pid }: ChildProcess): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return undefined;
  }
}

/** Calls `take` with each message until it returns true; false where the process hangs, with no message for `ms`, or ended. */
function listen(child: ChildProcess, ms: number, take: (message: unknown) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = performance.now();
    let time = processorTime(child);
    const done = (well: boolean) => {
      clearInterval(timer);
      child.off('message', onMessage).off('exit', onExit);
      resolve(well);
    };
    const onMessage = (message: unknown) => {
      heard = performance.now();
      time = processorTime(child);
      if (take(message)) done(true);
    };
    const onExit = () => done(false);
    // The limit is one of processor time, of which a busy machine gives little.
    const look = () => {
      const silent = performance.now() - heard;
      const now = processorTime(child);
      const known = now !== undefined && time !== undefined;
      if (known ? now - time! >= ms || silent > LONG_MS : silent > ms) done(false);
    };
    const timer = setInterval(look, 1000);
    child.on('message', onMessage).on('exit', onExit);
  });
}

async function start(): Promise<ChildProcess> {
  child?.kill('SIGKILL');
  child = fork(program, [folder, String(LIMIT_MS), ...folders], { execArgv: ['--expose-gc'] });
  expect(await listen(child, LONG_MS, (message) => message === 'ready')).toBe(true);
  return child;
}

/** What is wrong with how a file is read by a process that has read no other, if anything. */
async function judge(bytes: Uint8Array): Promise<string | undefined> {
  const path = join(folder, 'file');
  writeFileSync(path, bytes);
  const alone = await start();
  let answer: Answer | undefined;
  alone.send({ path } satisfies Order);
  await listen(alone, PATIENCE_MS, (message) => {
    answer = message as Answer;
    return true;
  });
  child?.kill('SIGKILL');
  child = undefined;
  if (!answer) return 'no answer in time, or the process died';
  if (answer.bytes > 20 * bytes.length + 2 ** 26 || answer.ms > LIMIT_MS)
    return `${Math.round(answer.ms)} ms, ${(answer.bytes / 2 ** 20).toFixed(0)} MiB of a file of ${bytes.length} bytes`;
  return answer.failed[0];
}

/** Reads cases from `from` on. @returns the next, and those that may be wrong */
async function block(
  from: number,
  end: number,
): Promise<{ readonly next: number; readonly doubtful: number[] }> {
  const to = Math.min(end, from + BLOCK);
  const doubtful: number[] = [];
  const reader = child ?? (await start());
  let next = from;
  reader.send({ from, to } satisfies Order);
  const well = await listen(reader, PATIENCE_MS, (message) => {
    const { number, failed, ms, bytes, done } = message as Answer;
    if (failed.length > 0 || ms > LIMIT_MS / 4 || bytes > 2 ** 26) doubtful.push(number!);
    next = number! + 1;
    return done;
  });
  if (!well) {
    const hanging = readFileSync(join(folder, `case-${reader.pid}.number`)).readDoubleLE();
    doubtful.push(hanging);
    next = hanging + 1;
  }
  if (!well || next < to || doubtful.length > 0) {
    reader.kill('SIGKILL');
    child = undefined;
  } else next = to;
  return { next, doubtful };
}

describe('damaged files', () => {
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    program = await bundleProgram('fuzz-child');
  });
  afterAll(() => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    'would be seen to hang, to take memory, and to throw what is no error of ours',
    async () => {
      const doubtful: number[] = [];
      for (let at = -3; at < 0; ) {
        const read = await block(at, 0);
        doubtful.push(...read.doubtful);
        at = read.next;
      }
      expect(doubtful).toEqual([-3, -2, -1]);
      expect(await judge(damagedCase([], -1).bytes)).toMatch(/no answer in time/);
      // 200 MiB, less what the child let go of meanwhile; the limit for this file is 64.
      expect(await judge(damagedCase([], -2).bytes)).toMatch(/ms, (1[5-9]|2)\d+ MiB/);
      expect(await judge(damagedCase([], -3).bytes)).toMatch(/SyntaxError/);
    },
    DAY_MS,
  );

  it(
    `are read or refused within their limits: ${CASES} from number ${SEED}`,
    async () => {
      const all = originals(folders);
      expect(all.length).toBeGreaterThan(80);
      const began = performance.now();
      const found: string[] = [];
      const end = SEED + CASES;
      let judgedAlone = 0;
      for (let at = SEED; at < end && found.length < 10; ) {
        const { next, doubtful } = await block(at, end);
        at = next;
        for (const number of doubtful) {
          const { name, bytes } = damagedCase(all, number);
          judgedAlone++;
          const problem = await judge(bytes);
          if (problem === undefined) continue;
          const kept = join(tmpdir(), `cfr-fuzz-found-${number}`);
          writeFileSync(kept, bytes);
          found.push(`${kept} (${name}): ${problem}`);
        }
      }
      const seconds = (performance.now() - began) / 1000;
      console.log(
        `${CASES} cases in ${seconds.toFixed(0)} s, ${judgedAlone} of them judged alone, ${found.length} found`,
      );
      expect(found).toEqual([]);
    },
    DAY_MS,
  );

  it(
    'each kind of hostile file is read or refused within the same limits',
    async () => {
      const found: string[] = [];
      for (const [what, bytes] of [pngs, jpegs, others, zips, pickles, legacy, tables].flat()) {
        const problem = await judge(bytes);
        if (problem !== undefined) found.push(`${what}: ${problem}`);
      }
      expect(found).toEqual([]);
    },
    DAY_MS,
  );

  it.runIf(given)(
    'files of the given folder as they are',
    async () => {
      const found: string[] = [];
      for (const name of readdirSync(given!)) {
        const problem = await judge(new Uint8Array(readFileSync(join(given!, name))));
        if (problem !== undefined) found.push(`${name}: ${problem}`);
      }
      expect(found).toEqual([]);
    },
    600_000,
  );
});
