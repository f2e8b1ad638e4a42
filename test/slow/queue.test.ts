/** The queue at its full size: 10,000 units through a real Redis, answered at once by a stub in the place of the GPU. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { UnitQueue } from '../../cluster/queue.js';
import { unitsOf } from '../../cluster/units.js';
import { bundleProgram } from '../support/bundle.js';
import { hasRedis, startRedis } from '../support/redis.js';

const UNITS = 10_000;
const WORKERS = 4;

test.skipIf(!hasRedis)(
  `${UNITS} units, ${WORKERS} workers (needs redis-server)`,
  async () => {
    const program = await bundleProgram('queue-process');
    const redis = await startRedis();
    const out = mkdtempSync(join(tmpdir(), 'cfr-queue-'));
    const client = new Redis(redis.url);
    const memory = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
    const open = await UnitQueue.open(redis.url, 'scale');
    const before = await memory();
    const units = unitsOf(['attack', '--dataset', 'imagenet:/data', '--out', out], UNITS);
    const began = performance.now();
    await open.add(units);
    const added = performance.now();
    const queued = await memory();
    const workers = Array.from({ length: WORKERS }, () =>
      spawn(process.execPath, [program, 'worker', redis.url, 'scale', '30', '25'], {
        env: { ...process.env, QUEUE_TEST_INSTANT: '1' },
        stdio: 'ignore',
      }),
    );
    try {
      for (let done = 0; done < UNITS; done = (await open.total()).done) {
        expect((await open.total()).failed).toBe(0);
        await sleep(500);
      }
      const finished = performance.now();
      const after = await memory();
      const progress = performance.now();
      expect(await open.progress(units)).toEqual({ waiting: 0, active: 0, done: UNITS, failed: 0 });
      const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
      console.log(
        `${UNITS} units: queued in ${seconds(began, added)} s, ${Math.round((queued - before) / UNITS)} bytes each; done in ` +
          `${seconds(added, finished)} s by ${WORKERS} workers, then ${Math.round((after - before) / UNITS)} bytes each; asked in ${seconds(progress, performance.now())} s`,
      );
      expect((after - before) / UNITS).toBeLessThan(4000);
    } finally {
      for (const worker of workers) worker.kill('SIGKILL');
      client.disconnect();
      await open.close();
      redis.stop();
      rmSync(out, { recursive: true });
    }
  },
  1_800_000,
);
