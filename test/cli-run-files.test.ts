/** What a run's folder guarantees, apart from any command. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { durationText } from '../base/duration.js';
import { UserError } from '../base/errors.js';
import { rateText } from '../cli/console.js';
import { writePng } from '../data/image-files.js';
import { lockFolder } from '../node/folder-lock.js';
import { type ImageResult, pictureFolders } from '../report/run-files.js';
import { differences, openRun, type RunFolder, readRun } from '../run/folder.js';
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
  sha256: '00',
  cfrPixels: 1,
});

/** Opens a run and describes it. */
async function begin(folder: string) {
  const run = await openRun(folder, document);
  await run.describe(document);
  return run;
}

/** Appends lines with their pictures. */
async function append(run: RunFolder, ...indices: number[]) {
  for (const kind of pictureFolders)
    for (const index of indices)
      await writePng(run.picture(kind, { index }), { width: 1, height: 1, data: new Uint8Array(3) });
  await run.append(indices.map(result));
}

describe('run folder', () => {
  test('appended lines come back in order', async () => {
    const folder = join(temporaryFolder(), 'deep/run');
    const run = await begin(folder);
    await append(run, 3, 1);
    await append(run, 2);
    await run.close();
    expect((await readRun(folder)).results.map(({ index }) => index)).toEqual([3, 1, 2]);
    expect((await openRun(folder, document)).results).toHaveLength(3);
  });

  test('reading for a report changes nothing, not even a cut line', async () => {
    const folder = temporaryFolder();
    const run = await begin(folder);
    await append(run, 0);
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

  const pictures = [
    ['gone', (path: string) => rmSync(path)],
    ['empty', (path: string) => writeFileSync(path, '')],
    ['cut short', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, -1))],
    ['no PNG', (path: string) => writeFileSync(path, 'x'.repeat(100))],
  ] as const;
  test.each(pictures)('an image with a picture that is %s is not finished', async (_, damage) => {
    const folder = temporaryFolder();
    const run = await begin(folder);
    await append(run, 0, 1, 2);
    await run.close();
    damage(run.picture('mask', { index: 1 }));
    expect((await readRun(folder)).missingPictures({ index: 1 })).toEqual(['mask']);
    const notes: string[] = [];
    const resumed = await openRun(folder, document, { note: (line) => notes.push(line) });
    expect(resumed.results.map(({ index }) => index)).toEqual([0, 2]);
    expect(notes.join()).toMatch(
      /pictures of finished images are missing or damaged; 1 images are done again/,
    );
    await append(resumed, 1);
    await resumed.close();
    expect((await readRun(folder)).results.map(({ index }) => index)).toEqual([0, 2, 1]);
  });

  test('where there are tensors, those after such an image are done again too', async () => {
    const folder = temporaryFolder();
    const run = await begin(folder);
    await append(run, 0, 1, 2);
    await run.close();
    writeFileSync(join(folder, 'tensors.safetensors'), '');
    rmSync(run.picture('clean', { index: 1 }));
    expect((await openRun(folder, document)).results.map(({ index }) => index)).toEqual([0]);
  });

  test('--overwrite replaces a description that was cut short, and lines that are none', async () => {
    for (const text of ['', '{"format": 1,']) {
      const folder = temporaryFolder();
      await (await begin(folder)).close();
      writeFileSync(join(folder, 'run.json'), text);
      writeFileSync(join(folder, 'results.jsonl'), 'nonsense\nnonsense\n');
      for (const open of [readRun(folder), openRun(folder, document)])
        await expect(open).rejects.toThrow(/run\.json: .*cut short; use --overwrite to start again/);
      const run = await openRun(folder, document, { overwrite: true });
      expect(run.results).toEqual([]);
      expect(readdirSync(folder)).toEqual(['.lock']);
      await run.close();
    }
  });

  test('a description of something else is left alone', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'run.json'), '{"mine": true}');
    await expect(openRun(folder, document, { overwrite: true })).rejects.toThrow(/got something else/);
    expect(readdirSync(folder)).toEqual(['run.json']);
  });

  test.each([
    [{ clean: null }, /line 2, clean: expected Object, got null/],
    [{ l2: null }, /line 2, l2: expected number, got null/],
    [{ adversarial: { class: -1, confidence: 1 } }, /line 2, adversarial\.class: expected >=0, got -1/],
    [{ cfr: undefined }, /line 2, cfr: expected "cfr", got undefined/],
    [{ index: 0 }, /line 2: expected an image of its own, got image 0, which line 1 has/],
  ])('a line with %j is named', async (change, message) => {
    const folder = temporaryFolder();
    const run = await begin(folder);
    await append(run, 0);
    await run.close();
    appendFileSync(join(folder, 'results.jsonl'), `${JSON.stringify({ ...result(1), ...change })}\n`);
    for (const open of [readRun(folder), openRun(folder, document)])
      await expect(open).rejects.toThrow(message);
  });

  test('what a killed process was writing is removed, and nothing else', async () => {
    const folder = temporaryFolder();
    await (await begin(folder)).close();
    mkdirSync(join(folder, 'mask'));
    const ours = [
      'run.json.12.tmp',
      'tensors.safetensors.7.tmp',
      'mask/00003.png.99999.tmp',
      'mask/cat.png.5.tmp',
    ];
    const others = ['notes.txt.12.tmp', 'run.json.tmp', 'mask/cat.txt.5.tmp'];
    for (const name of [...ours, ...others]) writeFileSync(join(folder, name), '');
    await (await openRun(folder, document)).close();
    expect(ours.filter((name) => existsSync(join(folder, name)))).toEqual([]);
    expect(others.filter((name) => existsSync(join(folder, name)))).toEqual(others);
  });

  test('a folder that was removed meanwhile gets no more lines, made again or not', async () => {
    const folder = join(temporaryFolder(), 'run');
    const run = await begin(folder);
    await append(run, 0);
    rmSync(folder, { recursive: true });
    await expect(run.requireHeld()).rejects.toThrow(/got it removed, or in the hands of another process/);
    // Another process begins there.
    mkdirSync(folder);
    const other = JSON.stringify({ pid: process.ppid, host: hostname() });
    for (const [name, text] of [
      ['.lock', other],
      ['run.json', JSON.stringify(document)],
      ['results.jsonl', ''],
    ] as const)
      writeFileSync(join(folder, name), text);
    await expect(append(run, 1)).rejects.toThrow(/nothing more is written there; run the command again/);
    await run.close();
    expect(readFileSync(join(folder, '.lock'), 'utf8')).toBe(other);
    expect(readFileSync(join(folder, 'results.jsonl'), 'utf8')).toBe('');
  });

  test('a folder whose description was removed meanwhile gets no more lines', async () => {
    const folder = temporaryFolder();
    const run = await begin(folder);
    rmSync(join(folder, 'run.json'));
    await expect(append(run, 2)).rejects.toThrow(/got it without run\.json/);
    await run.close();
  });

  test.runIf(process.platform === 'linux').each(['/proc/x', '/proc/x/y', '/dev/null/x', '/sys/x'])(
    '--out %s ends at once',
    async (folder) => {
      await expect(openRun(folder, document)).rejects.toThrow(
        `--out ${folder}: expected a folder that can be written, got: `,
      );
    },
  );

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

  test.runIf(process.platform === 'linux')(
    'another process under its old number is not taken for it',
    async () => {
      const own = temporaryFolder();
      const run = await openRun(own, document);
      const { started } = JSON.parse(readFileSync(join(own, '.lock'), 'utf8')) as { started: string };
      expect(started).toMatch(/^\d+ of [\da-f-]{36}$/);
      await run.close();
      const owner = { pid: process.ppid, host: hostname(), started: started.replace(/^\d+/, '1') };
      const folder = locked(JSON.stringify(owner));
      expect(await open(folder)).toEqual([
        `${folder}: took over from process ${process.ppid}, which ended without finishing`,
      ]);
    },
  );

  test('a living process is left alone, as is one of another machine', async () => {
    const folder = locked(JSON.stringify({ pid: process.ppid, host: hostname() }));
    await expect(open(folder)).rejects.toThrow(UserError);
    await expect(open(folder)).rejects.toThrow(`got one that process ${process.ppid} works in; wait for it`);
    // Of another machine's processes nothing is known here.
    const { pid } = spawnSync(process.execPath, ['--version']);
    const far = locked(JSON.stringify({ pid, host: 'elsewhere' }));
    const hour = new Date(Date.now() - 3_600_000);
    utimesSync(join(far, '.lock'), hour, hour);
    await expect(open(far)).rejects.toThrow(
      `got one that process ${pid} on elsewhere works in (last sign of life 1 h 00 min ago); wait for it, choose another --out, or use --take-over if it has ended`,
    );
    expect(readFileSync(join(far, '.lock'), 'utf8')).toContain('elsewhere');
  });

  /** Takes over `folder` in little time. @returns the lock, and what was said */
  const takeOver = async (folder: string) => {
    const notes: string[] = [];
    const note = (line: string) => notes.push(line);
    return { lock: await lockFolder(folder, { note, takeOver: true, beat: 40, watch: 400 }), notes };
  };
  const elsewhere = JSON.stringify({ pid: 12, host: 'else\x1bwhere' });
  const anotherStart = JSON.stringify({
    pid: 12,
    host: hostname(),
    started: '1 of 00000000-0000-0000-0000-000000000000',
  });

  test.each([
    ['another machine', elsewhere, ' on else\\x1bwhere'],
    ...(process.platform === 'linux' ? [['another start of this one', anotherStart, '']] : []),
  ])(
    'a process of %s that gives no sign of life is taken over, where that is asked for',
    async (_, text, where) => {
      const folder = locked(text!);
      const { lock, notes } = await takeOver(folder);
      expect(await lock.isHeld()).toBe(true);
      expect(notes).toEqual([
        `${folder}: looking for a sign of life of process 12${where} for 1 s`,
        `${folder}: took over from process 12${where}, which gave no sign of life for 1 s`,
      ]);
      await lock.release();
      // Long since: nothing has to be looked for.
      const old = locked(text!);
      utimesSync(join(old, '.lock'), 0, 0);
      const again = await takeOver(old);
      expect(again.notes).toEqual([expect.stringMatching(/which gave no sign of life for \d+ h/)]);
      await again.lock.release();
    },
  );

  test('a process gives signs of life, and is not taken over then', async () => {
    const folder = temporaryFolder();
    const path = join(folder, '.lock');
    const own = await lockFolder(folder, { note: () => {}, beat: 40 });
    utimesSync(path, 1, 1);
    await expect.poll(() => statSync(path).mtimeMs).toBeGreaterThan(Date.now() - 10_000);
    await own.release();
    // Of another machine it looks like this.
    const far = locked(elsewhere);
    let beats = 0;
    const beat = () => utimesSync(join(far, '.lock'), 1e9 + ++beats, Date.now() / 1000 - 60 + beats);
    beat();
    const timer = setInterval(beat, 40);
    await expect(takeOver(far)).rejects.toThrow(/process 12 on else\\x1bwhere works in/);
    clearInterval(timer);
    expect(readFileSync(join(far, '.lock'), 'utf8')).toBe(elsewhere);
  });

  test('whoever had the lock that was taken over does not touch it, nor write any more', async () => {
    const folder = temporaryFolder();
    const path = join(folder, '.lock');
    const slow = await lockFolder(folder, { note: () => {}, beat: 20 });
    writeFileSync(path, elsewhere);
    utimesSync(path, 1, 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([await slow.isHeld(), statSync(path).mtimeMs]).toEqual([false, 1000]);
    await slow.release();
    expect(readFileSync(path, 'utf8')).toBe(elsewhere);
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
