/** A run shared among workers by a real Redis: killed workers, a Redis that stands still, dead letters; the bytes of one run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectionOf, withoutPassword } from '../../cluster/bullmq.js';
import { UnitQueue } from '../../cluster/queue.js';
import { unitName, unitsOf } from '../../cluster/units.js';
import * as fakes from '../cli-fakes.js';
import { bundleProgram } from '../support/bundle.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';

let program: string;
const options: fakes.FakeOptions = { tiny: true, images: 100_000 };
const cfr = (argv: readonly string[]) => fakes.cfr(argv, options);
const { temporaryFolder } = fakes;

const IMAGES = 24;
const command = (out: string) => [
  ...['attack', '--dataset', 'cifar10-sample', '--limit', String(IMAGES), '--batch', '1'],
  ...['--iterations', '1', '--sheet', '2', '--out', out],
];

/** Names and contents of a run's files, but for its parts, and for what says when and by which processes it was made. */
function contentsOf(folder: string): Map<string, string> {
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter(
    (name) => !/^parts|^report\.html$/.test(name) && statSync(join(folder, name)).isFile(),
  );
  return new Map(
    files.map((name) => {
      const content = readFileSync(join(folder, name), 'latin1');
      return [name, name === 'run.json' ? JSON.stringify({ ...JSON.parse(content), sessions: [] }) : content];
    }),
  );
}

describe('units', () => {
  test('of a command, by name: the same ones twice', () => {
    const units = unitsOf(['attack', 'a.png', '-o', '/x/out', '--seed', '1'], 3);
    expect(units).toHaveLength(3);
    expect(units[2]).toEqual({
      argv: ['attack', 'a.png', '--out', '/x/out', '--seed', '1'],
      out: '/x/out',
      shard: { index: 2, of: 3 },
    });
    expect(new Set(units.map(unitName)).size).toBe(3);
    expect(unitName(units[0]!)).toMatch(/^[0-9a-f]{12}-000000-of-000003$/);
    expect(unitsOf(['fit', 'a.png', '--out', '/x/patch'], 3)).toHaveLength(1);
  });

  test.each([
    [['doctor'], /expected one of the commands attack, fit, .*, got "doctor"/],
    [['attack', 'a.png'], /expected attack with --out, a folder that all workers share/],
    [['attack', '--out'], /expected attack with --out/],
  ])('%j is none for workers', (words, message) => {
    expect(() => unitsOf(words, 2)).toThrow(message);
  });

  test('addresses', () => {
    expect(connectionOf('rediss://me:a%40b@[::1]:7/2')).toMatchObject({
      host: '::1',
      port: 7,
      db: 2,
      username: 'me',
      password: 'a@b',
      tls: {},
    });
    expect(connectionOf('redis://h')).toMatchObject({ host: 'h', port: 6379, db: 0 });
    expect(() => connectionOf('http://h')).toThrow('--redis: expected redis://host:port, got "http://h"');
    expect(withoutPassword('redis://me:secret@h:1')).toBe('redis://…@h:1');
  });

  test('no Redis: one line, exit code 2', async () => {
    const { code, err } = await cfr(['queue', '--redis', 'redis://me:secret@127.0.0.1:1']);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(
        /--redis redis:\/\/…@127\.0\.0\.1:1: expected a Redis server, got .*ECONNREFUSED/,
      ),
    ]);
  });
});

describe.skipIf(!hasRedis)('workers (needs redis-server)', { timeout: 180_000 }, () => {
  let redis: TestRedis;
  const workers: ChildProcess[] = [];

  beforeAll(async () => {
    program = await bundleProgram('queue-process');
    redis = await startRedis();
  });
  afterEach(() => {
    for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  });
  afterAll(() => redis?.stop());

  /** What it says is in `said`. */
  function worker(
    queue: string,
    env: NodeJS.ProcessEnv = {},
    ...more: string[]
  ): ChildProcess & { said: string } {
    const child = spawn(
      process.execPath,
      [program, 'worker', redis.url, queue, '2', more[0] ?? '25', ...more.slice(1)],
      {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    workers.push(child);
    const speaking = Object.assign(child, { said: '' });
    child.stderr!.on('data', (text: Buffer) => {
      speaking.said += text.toString();
    });
    return speaking;
  }

  async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
    for (let left = 600; left > 0; left--) {
      if (await done()) return;
      await sleep(100);
    }
    throw new Error(`waited a minute in vain for: ${what}`);
  }

  /** It may have ended already. */
  const exitOf = (child: ChildProcess) =>
    new Promise((resolve) => {
      const ended = () => resolve(child.signalCode ?? child.exitCode);
      if (child.signalCode !== null || child.exitCode !== null) ended();
      else child.once('exit', ended);
    });
  const partsOf = (out: string) => (existsSync(join(out, 'parts')) ? readdirSync(join(out, 'parts')) : []);
  const doneOf = (out: string) => partsOf(out).filter((name) => !name.startsWith('.'));

  test('killed in mid-unit, Redis standing still, a process that dies: the bytes of one run', async () => {
    const whole = temporaryFolder();
    await cfr(command(whole));
    const out = temporaryFolder();
    const mark = join(temporaryFolder(), 'died');
    const env = { QUEUE_TEST_MS: '100', QUEUE_TEST_DIES: '5/8', QUEUE_TEST_MARK: mark };
    const queued = cfr([
      'queue',
      '--redis',
      redis.url,
      '--queue',
      'a',
      '--units',
      '8',
      '--wait',
      ...command(out),
    ]);
    const first = worker('a', env);
    await until('a unit under way', () => partsOf(out).some((name) => name.startsWith('.')));
    first.kill('SIGKILL');
    expect(await exitOf(first)).toBe('SIGKILL');
    worker('a', env);
    worker('a', env);
    await until('two units done', () => doneOf(out).length >= 2);
    redis.process.kill('SIGSTOP');
    // Longer than a lock lasts.
    await sleep(3000);
    redis.process.kill('SIGCONT');
    const { code, err } = await queued;
    expect([code, err]).toEqual([0, expect.not.stringMatching(/^cfr: /m)]);
    expect(existsSync(mark)).toBe(true);
    expect(contentsOf(out)).toEqual(contentsOf(whole));
    expect(doneOf(out)).toHaveLength(8);
    expect(partsOf(out)).toHaveLength(8);
    // Queued once more: nothing is left to do, and the result is the same.
    expect(
      (await cfr(['queue', '--redis', redis.url, '--queue', 'a', '--units', '8', '--wait', ...command(out)]))
        .code,
    ).toBe(0);
    expect(contentsOf(out)).toEqual(contentsOf(whole));
  });

  test('a unit that fails for good is a dead letter, told, and tried again when asked', async () => {
    const out = temporaryFolder();
    const queue = ['queue', '--redis', redis.url, '--queue', 'b', '--units', '4'];
    const failing = worker('b', { QUEUE_TEST_FAILS: '2/4' });
    const { code, err } = await cfr([...queue, '--wait', ...command(out)]);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/1 of 4 units failed for good, the first by: made up: this unit fails for good/),
    ]);
    expect(doneOf(out)).toHaveLength(3);
    const told = await cfr([...queue]);
    expect(told).toMatchObject({ code: 1, out: '3 done, 0 active, 0 waiting, 1 failed\n' });
    expect(told.err).toMatch(/000002-of-000004: given up after 1 attempts: made up/);
    failing.kill('SIGKILL');
    worker('b');
    expect((await cfr([...queue, '--retry', '--wait', ...command(out)])).code).toBe(0);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
  });

  test('drains: a unit that is nearly done is finished, a long one goes back to the others', async () => {
    const out = temporaryFolder();
    const open = await UnitQueue.open(redis.url, 'c');
    const units = unitsOf(command(out), 2);
    try {
      await open.add(units);
      const patient = worker('c', { QUEUE_TEST_MS: '200' });
      await until('a unit under way', () => partsOf(out).length > 0);
      patient.kill('SIGTERM');
      expect(await exitOf(patient)).toBe(0);
      expect(doneOf(out)).toHaveLength(1);
      const hurried = worker('c', { QUEUE_TEST_MS: '400' }, '0');
      await until('the other under way', () => partsOf(out).length > 1);
      hurried.kill('SIGTERM');
      expect(await exitOf(hurried)).toBe(0);
      expect(await open.progress(units)).toMatchObject({ done: 1, active: 0, waiting: 1, failed: 0 });
      const last = worker('c', {}, '25', '--until-empty');
      await until('all done', async () => (await open.progress(units)).done === 2);
      expect(await exitOf(last)).toBe(0);
      await open.verify(units);
    } finally {
      await open.close();
    }
  });

  test('a part that is another than its worker made is refused', async () => {
    const out = temporaryFolder();
    worker('d');
    const queue = ['queue', '--redis', redis.url, '--queue', 'd', '--units', '2', '--wait', ...command(out)];
    expect((await cfr(queue)).code).toBe(0);
    const picture = join(out, 'parts', '000001-of-000002', 'adversarial', '00001.png');
    const other = readFileSync(join(out, 'parts', '000001-of-000002', 'adversarial', '00003.png'));
    writeFileSync(picture, other);
    expect(await cfr(queue)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/000001-of-000002: expected the part that its worker made, got another/),
    });
  });
});
