/** The shell scripts of examples/cluster, with stand-ins for the programs that they call. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './cli-fakes.js';

const examples = fileURLToPath(new URL('../examples/cluster', import.meta.url));

/** A folder of programs that write down how they were called; `bodies` is what each does then. */
function standIns(bodies: Readonly<Record<string, string>>) {
  const folder = temporaryFolder();
  const log = join(folder, 'calls');
  for (const [name, body] of Object.entries(bodies)) {
    const path = join(folder, name);
    writeFileSync(path, `#!/usr/bin/env bash\necho "${name} $*" >> '${log}'\n${body}\n`);
    chmodSync(path, 0o755);
  }
  const calls = () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []);
  return { folder, calls, env: { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` } };
}

describe.skipIf(process.platform === 'win32')('slurm.sh', () => {
  const script = join(examples, 'slurm.sh');
  const task = { SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: '3', OUT: '/o', DATA: 'imagenet:/d' };
  const command = 'cfr attack --dataset imagenet:/d --batch 16 --take-over --out /o';

  test.each([0, 1, 2])('a task that ends with %i ends so', (code) => {
    const { calls, env } = standIns({ cfr: `exit ${code}`, scontrol: '' });
    expect(spawnSync('bash', [script], { env: { ...env, ...task } }).status).toBe(code);
    expect(calls()).toEqual([command]);
  });

  test('one that says try again is queued again', () => {
    const { calls, env } = standIns({ cfr: 'exit 75', scontrol: '' });
    expect(spawnSync('bash', [script], { env: { ...env, ...task } }).status).toBe(0);
    expect(calls()).toEqual([command, 'scontrol requeue 7_3']);
  });

  test('the signal before the time is over reaches the work, whose end is waited for', async () => {
    const body = `trap 'sleep 0.3; echo saved >> "$(dirname "$0")/saved"; exit 75' TERM\necho begun >> "$(dirname "$0")/begun"\nwhile :; do sleep 0.05; done`;
    const { folder, calls, env } = standIns({ cfr: body, scontrol: '' });
    const running = spawn('bash', [script], { env: { ...env, ...task } });
    const ended = once(running, 'exit');
    await expect.poll(() => existsSync(join(folder, 'begun')), { timeout: 30_000 }).toBe(true);
    running.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(existsSync(join(folder, 'saved'))).toBe(true);
    expect(calls()).toEqual([command, 'scontrol requeue 7_3']);
  });
});

describe.skipIf(process.platform === 'win32')('ray.sh', () => {
  const script = join(examples, 'ray.sh');

  test('queues the units, then starts the workers, then waits', () => {
    const { calls, env } = standIns({ cfr: '', ray: '' });
    const given = { REDIS_URL: 'redis://r:1', WORKERS: '2', UNITS: '4', DATA: 'd', OUT: '/o' };
    expect(spawnSync('bash', [script], { env: { ...env, ...given } }).status).toBe(0);
    const worker =
      'ray job submit --no-wait --entrypoint-num-gpus 1 --entrypoint-num-cpus 2 --runtime-env-json ' +
      '{"env_vars": {"REDIS_URL": "redis://r:1", "CFR_ADAPTER": "gpu"}} -- cfr worker --until-empty';
    const queue = 'attack --dataset d --out /o';
    expect(calls()).toEqual([
      `cfr queue --units 4 ${queue}`,
      worker,
      worker,
      `cfr queue --units 4 --wait ${queue}`,
    ]);
  });

  test('says that it wants a Redis, and queues nothing where that fails', () => {
    const { calls, env } = standIns({ cfr: 'exit 2', ray: '' });
    const { REDIS_URL: _, ...without } = env as NodeJS.ProcessEnv;
    const none = spawnSync('bash', [script], { env: without, encoding: 'utf8' });
    expect([none.status === 0, none.stderr]).toEqual([
      false,
      expect.stringContaining('the Redis that all nodes reach'),
    ]);
    expect(spawnSync('bash', [script], { env: { ...env, REDIS_URL: 'redis://r:1' } }).status).toBe(2);
    expect(calls()).toHaveLength(1);
  });
});
