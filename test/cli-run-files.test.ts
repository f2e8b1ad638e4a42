/** What a run's folder guarantees, apart from any command. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../base/errors.js';
import { durationText, rateText } from '../cli/console.js';
import type { ImageResult } from '../report/run-files.js';
import { differences, openRun, readRun } from '../run/folder.js';
import { TensorSpool } from '../run/tensor-spool.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { temporaryFolder } from './cli-fakes.js';

const document = { format: 1, fingerprint: { method: 'cfr', settings: { tau: 0.2 } } } as const;
const result = (index: number): ImageResult => ({
  index,
  source: `image ${index}`,
  label: 0,
  clean: { class: 0, confidence: 1 },
  adversarial: { class: 1, confidence: 1 },
  correct: true,
  success: true,
  l0: 1,
  l1: 1,
  l2: 1,
  linf: 1,
  ssim: 1,
  iterations: 1,
  cfr: 'ok',
  forwards: 31,
  backwards: 30,
  found: 40,
  float: null,
  regionPixels: 500,
  cfrPixels: 1,
});

describe('run folder', () => {
  test('appended lines come back in order', async () => {
    const folder = join(temporaryFolder(), 'deep/run');
    const run = await openRun(folder, document);
    await run.describe(document);
    await run.append([result(3), result(1)]);
    await run.append([result(2)]);
    await run.close();
    expect((await readRun(folder)).results.map(({ index }) => index)).toEqual([3, 1, 2]);
    expect((await openRun(folder, document)).results).toHaveLength(3);
  });

  test('reading for a report changes nothing, not even a cut line', async () => {
    const folder = temporaryFolder();
    const run = await openRun(folder, document);
    await run.describe(document);
    await run.append([result(0)]);
    appendFileSync(join(folder, 'results.jsonl'), '{"index":1');
    expect((await readRun(folder)).results).toHaveLength(1);
    expect(readFileSync(join(folder, 'results.jsonl'), 'utf8')).toMatch(/\{"index":1$/);
  });

  test('results without a description are not taken for a run', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'results.jsonl'), '');
    await expect(openRun(folder, document)).rejects.toThrow(
      /expected an empty folder or a run of this program/,
    );
  });

  test('differences are named by setting, nested or not', () => {
    expect(
      differences(
        { a: 1, settings: { tau: 0.2, x: [1, 2] } },
        { a: 1, settings: { tau: 0.3, x: [1, 2] }, b: 'new' },
      ),
    ).toEqual(['tau 0.2 there, 0.3 here', 'b unset there, "new" here']);
  });
});

describe('the lock of a run folder', () => {
  const locked = (content: string) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, '.lock'), content);
    return folder;
  };
  const open = async (folder: string) => {
    const notes: string[] = [];
    const run = await openRun(folder, document, { note: (line) => notes.push(line) });
    await run.close();
    return notes;
  };

  test('a living process is left alone, as is one of another machine', async () => {
    const folder = locked(JSON.stringify({ pid: process.ppid, host: hostname() }));
    await expect(open(folder)).rejects.toThrow(UserError);
    await expect(open(folder)).rejects.toThrow(`got one that process ${process.ppid} works in; wait for it`);
    // Of another machine's processes nothing is known here.
    const { pid } = spawnSync(process.execPath, ['--version']);
    const far = locked(JSON.stringify({ pid, host: 'elsewhere' }));
    await expect(open(far)).rejects.toThrow(`got one that process ${pid} on elsewhere works in`);
    expect(readFileSync(join(far, '.lock'), 'utf8')).toContain('elsewhere');
  });

  test('this process’s own number, and a file cut short, are locks of processes that ended', async () => {
    const folder = locked(JSON.stringify({ pid: process.pid, host: hostname() }));
    expect(await open(folder)).toEqual([
      `${folder}: took over from process ${process.pid}, which ended without finishing`,
    ]);
    const cut = locked('{"pid":');
    expect(await open(cut)).toEqual([`${cut}: took over from a process, which ended without finishing`]);
    expect(readdirSync(cut)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('a killed process that nobody waited for has ended', async () => {
    // The shell's successor knows nothing of the child that it takes over. The shell itself would wait for one that
    // ends early, so the child ends only once the successor is there.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 61']);
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said);
    try {
      const folder = locked(JSON.stringify({ pid, host: hostname() }));
      await expect.poll(() => readFileSync(`/proc/${parent.pid}/cmdline`, 'utf8')).toBe('sleep\x0061\x00');
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
      expect(await open(folder)).toEqual([
        `${folder}: took over from process ${pid}, which ended without finishing`,
      ]);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  test('of many in this process that come at once exactly one gets the folder', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    for (const folder of [temporaryFolder(), locked(JSON.stringify({ pid, host: hostname() }))]) {
      const runs = await Promise.allSettled(Array.from({ length: 8 }, () => openRun(folder, document)));
      const opened = runs.filter((run) => run.status === 'fulfilled');
      expect(opened).toHaveLength(1);
      await opened[0]!.value.close();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test('what fails after the lock gives it back', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'results.jsonl'), '');
    await expect(open(folder)).rejects.toThrow(/expected an empty folder/);
    expect(readdirSync(folder)).toEqual(['results.jsonl']);
  });
});

describe('tensor spool', () => {
  const shapes = { x: [2, 2], y: [] };

  test('rows of an unfinished batch are cut off on resume', async () => {
    const folder = temporaryFolder();
    const first = await TensorSpool.open(folder, shapes, 0);
    await first.append(2, { x: Float32Array.from({ length: 8 }, (_, i) => i), y: Float32Array.of(1, 2) });
    const second = await TensorSpool.open(folder, shapes, 1);
    await second.append(1, { x: Float32Array.of(9, 9, 9, 9), y: Float32Array.of(9) });
    await second.pack({ model: 'm' });
    const { tensors, metadata } = parseSafetensors(readFileSync(join(folder, 'tensors.safetensors')), 't');
    expect([...tensors.get('x')!.toFloat32()]).toEqual([0, 1, 2, 3, 9, 9, 9, 9]);
    expect([...tensors.get('y')!.toFloat32()]).toEqual([1, 9]);
    expect(metadata).toEqual({ model: 'm' });
  });

  test('tensors that are gone are an error, not zeros', async () => {
    await expect(TensorSpool.open(temporaryFolder(), shapes, 3)).rejects.toThrow(
      /expected the tensors of 3 finished images/,
    );
  });
});

test('rates and durations read well', () => {
  expect(rateText(12.345, 'images')).toBe('12.3 images/s');
  expect(rateText(0.25, 'images')).toBe('4.00 s/image');
  expect(rateText(0, 'images')).toBe('…');
  expect(durationText(41.2)).toBe('42 s');
  expect(durationText(185)).toBe('3 min 05 s');
  expect(durationText(7800)).toBe('2 h 10 min');
  expect(durationText(Infinity)).toBe('…');
});
