/** Runs in parts: what each takes, what is refused, and the bytes of the whole. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ownIndices, parseShard, shardOfTask } from '../run/shard.js';
import * as fakes from './cli-fakes.js';
import { contentsOf } from './support/contents.js';

const { temporaryFolder } = fakes;
const cfr = (argv: readonly string[], options: fakes.FakeOptions = {}) =>
  fakes.cfr(argv, { tiny: true, ...options });

const command = (out: string, ...more: string[]) => [
  ...['attack', '--dataset', 'cifar10-sample', '--out', out, '--limit', '9', '--offset', '1', '--batch', '2'],
  ...['--iterations', '1', '--save-tensors', '--sheet', '2', ...more],
];
const folderOf = (out: string, index: number, of: number) =>
  join(out, 'parts', `00000${index}-of-00000${of}`);

async function inShards(of: number, ...more: string[]): Promise<string> {
  const out = temporaryFolder();
  for (let index = 0; index < of; index++)
    expect((await cfr(command(out, '--shard', `${index}/${of}`, ...more))).code).toBe(0);
  return out;
}

afterEach(() => vi.unstubAllEnvs());

describe('merging', () => {
  test.each([
    ['three shards', 3, []],
    ['more shards than images', 12, []],
    ['images of the target class, that are left out', 2, ['--target', 'dog']],
  ] as const)('%s: the bytes of one run', async (_what, of, more) => {
    const whole = temporaryFolder();
    await cfr(command(whole, ...more));
    const out = temporaryFolder();
    for (let index = of - 1; index >= 0; index--)
      expect((await cfr(command(out, '--shard', `${index}/${of}`, ...more))).code).toBe(0);
    const { code, err } = await cfr(['merge', out]);
    expect([code, err]).toEqual([0, '']);
    const expected = contentsOf(whole);
    expect(expected.size).toBeGreaterThan(5 * 6);
    expect(contentsOf(out)).toEqual(expected);
    // Again: the same.
    expect((await cfr(['merge', out])).code).toBe(0);
    expect(contentsOf(out)).toEqual(expected);
  });

  test('an unreadable image is left out, and told, as by one run', async () => {
    const png = fakes.image(1);
    const files = { 'a.png': png, 'b.png': png, 'c.png': png };
    const attack = (out: string, ...more: string[]) =>
      cfr(['attack', 'a.png', 'none.png', 'b.png', 'c.png', '--out', out, '--sheet', '0', ...more], {
        files,
      });
    const whole = temporaryFolder();
    expect((await attack(whole)).code).toBe(1);
    const out = temporaryFolder();
    expect((await attack(out, '--shard', '0/2')).code).toBe(0);
    expect((await attack(out, '--shard', '1/2')).code).toBe(1);
    expect((await cfr(['merge', out])).code).toBe(1);
    expect(contentsOf(out)).toEqual(contentsOf(whole));
  });

  test.each<[string, (out: string) => unknown, RegExp]>([
    [
      'no part',
      (out) => rmSync(join(out, 'parts'), { recursive: true }),
      /expected the parts of a run in .*parts, found none/,
    ],
    [
      'a part missing',
      (out) => rmSync(folderOf(out, 1, 3), { recursive: true }),
      /expected all parts of 3; run their shards; missing: 000001-of-000003/,
    ],
    [
      'a part of another division',
      (out) => cpSync(folderOf(out, 0, 3), folderOf(out, 0, 2), { recursive: true }),
      /expected the parts of one division, got 000000-of-000002 and 000000-of-000003|got 000000-of-000002 and/,
    ],
    [
      'a part in the place of another',
      (out) => {
        rmSync(folderOf(out, 2, 3), { recursive: true });
        cpSync(folderOf(out, 1, 3), folderOf(out, 2, 3), { recursive: true });
      },
      /expected the part that its name says, got 000001-of-000003/,
    ],
    [
      'a line missing',
      (out) => {
        const path = join(folderOf(out, 1, 3), 'results.jsonl');
        const lines = readFileSync(path, 'utf8').split('\n');
        writeFileSync(path, `${lines.slice(0, -2).join('\n')}\n`);
      },
      /expected all images to be finished; run their shards again; missing: 7/,
    ],
    [
      'a picture missing',
      (out) => rmSync(join(folderOf(out, 1, 3), 'mask', '00004.png')),
      /expected all images with all their pictures; .* missing: 4/,
    ],
  ])('%s: one clear error, and nothing is written', async (_what, damage, message) => {
    const out = await inShards(3);
    damage(out);
    const { code, err } = await cfr(['merge', out]);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(existsSync(join(out, 'run.json'))).toBe(false);
  });

  test.each([
    ['seed', ['--seed', '1'], /differs|another: seed 0 there, 1 here/],
    ['batch', ['--batch', '3'], /batch 2 there, 3 here/],
    ['images', ['--limit', '5'], /images 1 to 9 there, 1 to 5 here/],
  ] as const)('parts with another %s do not belong together', async (_what, more, message) => {
    const out = await inShards(2);
    const other = temporaryFolder();
    await cfr(command(other, '--shard', '1/2', ...more));
    rmSync(folderOf(out, 1, 2), { recursive: true });
    renameSync(folderOf(other, 1, 2), folderOf(out, 1, 2));
    const { code, err } = await cfr(['merge', out]);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  test('a shard that was stopped goes on, and one that is done does nothing', async () => {
    const out = temporaryFolder();
    const shard = command(out, '--shard', '1/2');
    const first = await cfr(shard, { onBatch: (batch) => batch === 1 && fakes.interrupt() });
    expect([first.code, first.err]).toEqual([130, expect.stringContaining('2 of 5 images are finished')]);
    expect((await cfr(shard)).attacked.flat()).toEqual([5, 7, 9]);
    expect((await cfr(shard)).attacked.flat()).toEqual([]);
  });
});

describe('which images', () => {
  test('every image is in one shard', () => {
    const indices = Array.from({ length: 1000 }, (_, i) => i + 17);
    const shards = Array.from({ length: 7 }, (_, index) => ownIndices(indices, { index, of: 7 }));
    expect(shards.flat().sort((a, b) => a - b)).toEqual(indices);
    for (const own of shards) expect(Math.abs(own.length - 1000 / 7)).toBeLessThan(1);
    // Whatever else is in the run.
    expect(ownIndices([21], { index: 0, of: 7 })).toEqual([21]);
  });

  test.each(['3/3', '-1/3', '1', '1/0', '0/1000001', 'a/b', '1.5/3', ''])('--shard %s is refused', (text) => {
    expect(() => parseShard(text)).toThrow('--shard: expected i/n with i from 0 to n-1');
  });

  test.each([
    [
      { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_COUNT: '8' },
      { index: 3, of: 8 },
    ],
    [
      {
        SLURM_ARRAY_TASK_ID: '3',
        SLURM_ARRAY_TASK_COUNT: '8',
        SLURM_ARRAY_TASK_MIN: '1',
        SLURM_ARRAY_TASK_STEP: '1',
      },
      { index: 2, of: 8 },
    ],
    [
      {
        SLURM_ARRAY_TASK_ID: '14',
        SLURM_ARRAY_TASK_COUNT: '4',
        SLURM_ARRAY_TASK_MIN: '10',
        SLURM_ARRAY_TASK_STEP: '2',
      },
      { index: 2, of: 4 },
    ],
    [
      { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '4' },
      { index: 0, of: 4 },
    ],
    [{ JOB_COMPLETION_INDEX: '0' }, undefined],
    [{ JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '1' }, undefined],
    [{}, undefined],
  ])('of a task: %o', (env, shard) => {
    const found = shardOfTask(env as NodeJS.ProcessEnv);
    if (shard) expect(found).toMatchObject(shard);
    else expect(found).toBeUndefined();
  });

  test('of a task that is none of its array', () => {
    expect(() => shardOfTask({ SLURM_ARRAY_TASK_ID: '9', SLURM_ARRAY_TASK_COUNT: '8' })).toThrow(
      'SLURM_ARRAY_TASK_ID 9, SLURM_ARRAY_TASK_COUNT 8: expected i/n',
    );
  });

  test('a task of a batch system takes its share, and says so; --shard 0/1 is the whole run', async () => {
    vi.stubEnv('SLURM_ARRAY_TASK_ID', '2');
    vi.stubEnv('SLURM_ARRAY_TASK_COUNT', '4');
    const out = temporaryFolder();
    const { attacked, err } = await cfr(command(out));
    expect(attacked.flat()).toEqual([2, 6]);
    expect(err).toContain('shard 2/4 of a Slurm array');
    expect((await cfr(command(temporaryFolder(), '--shard', '0/1'))).attacked.flat()).toHaveLength(9);
  });
});
