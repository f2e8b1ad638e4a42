/** `cfr train` as a user runs it: a process each, on the sample that ships; killed in the middle of an epoch, it loses only what came after its last checkpoint. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolutions } from '../cli/commands/train.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { temporaryFolder } from './cli-fakes.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = 'resnet20-w4-cifar10.safetensors';
/** A checkpoint after every step. */
const argv = ['train', 'resnet20', '--width', '4', '--dataset', 'cifar10-sample', '--batch', '32'];
const plan = ['--resolution', '8x2', '--seed', '3', '--save', '0.000001', '--evaluate', '5'];

const children = new Set<ChildProcess>();

function start(folder: string, ...more: string[]) {
  const child = spawn(
    process.execPath,
    [join(root, 'dist/cli.js'), ...argv, ...plan, '--out', folder, ...more],
    { cwd: root },
  );
  children.add(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  const finished = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, ...said })),
  );
  return { child, finished };
}

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root });
});

/** Steps that the checkpoint in a folder holds; undefined where there is none. */
function stepsIn(folder: string): number | undefined {
  const path = join(folder, 'checkpoint.safetensors');
  if (!existsSync(path)) return undefined;
  return JSON.parse(parseSafetensors(readFileSync(path), path).metadata.checkpoint!).step;
}

test('a killed run goes on from its last checkpoint, to the same bytes', async () => {
  const [whole, killed] = [join(temporaryFolder(), 'whole'), join(temporaryFolder(), 'killed')];
  const first = start(killed);
  while ((stepsIn(killed) ?? 0) < 3) {
    expect(first.child.exitCode).toBe(null);
    await sleep(20);
  }
  first.child.kill('SIGKILL');
  await first.finished;
  const kept = stepsIn(killed)!;
  // Seven steps an epoch: in the middle of the first or second.
  expect(kept).toBeGreaterThanOrEqual(3);
  expect(existsSync(join(killed, file))).toBe(false);

  const again = await start(killed).finished;
  expect(again).toMatchObject({ code: 0 });
  expect(again.err).toContain(`${kept} of 14 steps are done; going on`);
  const { code, out } = await start(whole).finished;
  expect(code).toBe(0);
  expect(readFileSync(join(killed, file))).toEqual(readFileSync(join(whole, file)));

  expect(out).toMatch(/loss by step\n.*█/);
  expect(out).toMatch(/epoch +size +loss +train +test +seconds/);
  expect(readFileSync(join(whole, 'log.csv'), 'utf8')).toMatch(
    /^epoch,size,loss,train,test,seconds\n1,8x8,[\d.]+,/,
  );
  expect(readFileSync(join(whole, 'training.svg'), 'utf8')).toMatch(/^<svg/);
  const { metadata } = parseSafetensors(readFileSync(join(whole, file)), file);
  expect(metadata).toMatchObject({ architecture: 'resnet20', dataset: 'cifar10' });
  expect(metadata.training).toMatch(
    /^none; 2 epochs at 8x8; sgd, one-cycle, lr 0.05, batch 32; seed 3; cfr train$/,
  );

  const other = await start(whole, '--lr', '0.01').finished;
  expect(other).toMatchObject({ code: 2 });
  expect(other.err).toMatch(
    /expected a checkpoint of this run, got one of another: settings.rate 0.05, here 0.01/,
  );
}, 600_000);

test('mistakes are told before anything is done', async () => {
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli.js'), 'train', ...args], { cwd: root });
    let err = '';
    child.stderr.on('data', (chunk) => (err += chunk));
    const code = await new Promise((resolve) => child.on('close', resolve));
    return { code, err };
  };
  expect(await run()).toMatchObject({
    code: 2,
    err: expect.stringMatching(/expected an architecture, such as resnet20/),
  });
  expect(await run('resnet21', '--dataset', 'cifar10-sample')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/architecture: expected one of vgg11, .*got "resnet21"/),
  });
  expect(await run('resnet20', '--lr', '-1')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/--lr: expected a number above 0/),
  });
}, 120_000);

test('resolutions are parsed', () => {
  expect(resolutions('16x3,24x2')).toEqual([
    { size: [16, 16], epochs: 3 },
    { size: [24, 24], epochs: 2 },
  ]);
  for (const text of ['16', '16x0', '4x3', '16x3,', 'ax3'])
    expect(() => resolutions(text), text).toThrow(/--resolution: expected/);
});
