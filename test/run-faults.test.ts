/** A run whose disk fails at every change in turn, or whose process or power ends there: the same command goes on to the same bytes. */
import { readFileSync, statSync } from 'node:fs';
import type * as Promises from 'node:fs/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { writeAtomic } from '../node/files.js';
import * as fakes from './cli-fakes.js';
import { type FaultKind, failAt, faultKinds, filesBelow, recover } from './support/faulty-files.js';

vi.mock('node:fs/promises', async (original) => {
  const { faulty } = await import('./support/faulty-files.js');
  return faulty(await original<typeof Promises>());
});

const { temporaryFolder } = fakes;
const cfr = (argv: readonly string[]) => fakes.cfr(argv, { tiny: true });

/** Two batches of an image. */
const command = (out: string) => [
  ...['attack', '--dataset', 'cifar10-sample', '--out', out],
  ...['--limit', '2', '--batch', '1', '--iterations', '1', '--save-tensors', '--sheet', '0'],
];
const again = (out: string) => [...command(out), '--overwrite'];

/** Names and contents of a folder's files. */
function contentsOf(folder: string): Map<string, string> {
  const files = filesBelow(folder).filter((path) => statSync(path).isFile());
  return new Map(
    files.map((path) => [path.slice(folder.length), withoutSessions(readFileSync(path, 'latin1'))]),
  );
}

/** By which commands a run was made is another matter. */
function withoutSessions(text: string): string {
  return text
    .replace(/"sessions": \[[^\]]*\]/, '"sessions": []')
    .replace(/\["Command",.*?(?=\["Adapter",)/, '')
    .replace(/(made up \(vulkan, software\)).{0,4}2026-\S+ \S+ UTC/, '$1');
}

const whole = temporaryFolder();
await cfr(command(whole));
const expected = contentsOf(whole);

test('the whole run has everything', () => {
  expect([...expected.keys()].filter((name) => name.endsWith('.png'))).toHaveLength(2 * 6);
  expect(expected.get('/tensors.safetensors')!.length).toBeGreaterThan(1000);
});

/** Lets the n-th change fail, for every n; returns how many there are. */
async function walk(kindOf: (at: number) => FaultKind): Promise<number> {
  for (let at = 1; ; at++) {
    const kind = kindOf(at);
    const out = join(temporaryFolder(), 'run');
    failAt(out, at, kind);
    const first = await cfr(command(out));
    if (!recover()) return at - 1;
    const where = `${kind} at change ${at}; ${first.err}`;
    const second = await cfr(command(out));
    expect([second.code, second.err], where).toEqual([0, expect.not.stringMatching(/^cfr: /m)]);
    expect(contentsOf(out), where).toEqual(expected);
    // What was said to be finished is not done again.
    const finished = Number(/(\d) of 2 images are finished/.exec(first.err)?.[1] ?? 0);
    expect(second.attacked.length, where).toBeLessThanOrEqual(2 - finished);
    expect(second.err, where).not.toMatch(/missing or damaged/);
  }
}

/** Some hundred runs: minutes on a busy machine. */
const patience = 600_000;

// Pictures, tensors and lines of two batches: a walk that ends early has seen nothing.
const fewest = 100;

test('every change, the kinds of failure in turn', { timeout: patience }, async () => {
  expect(await walk((at) => faultKinds[at % faultKinds.length]!)).toBeGreaterThan(fewest);
});

test.runIf(process.env.CFR_TEST_ALL_FAULTS).each(faultKinds)(
  'every change, %s',
  { timeout: patience },
  async (kind) => {
    expect(await walk(() => kind)).toBeGreaterThan(fewest);
  },
);

test('what is written whole stays, with the folders that were made for it', async () => {
  for (let at = 1; ; at++) {
    const root = join(temporaryFolder(), 'made');
    const file = join(root, 'deep', 'file');
    failAt(root, at, 'cut');
    const isDone = await writeAtomic(file, Buffer.from('whole')).then(
      () => true,
      () => false,
    );
    await writeFile(join(root, 'next'), '').catch(() => {});
    if (!recover()) break;
    if (isDone) expect(readFileSync(file, 'utf8')).toBe('whole');
    expect(at).toBeLessThan(50);
  }
});

test('--overwrite, while the old run goes', async () => {
  // Its files are gone by then: later changes are those of any run.
  for (let at = 1; at < 20; at++) {
    const kind = faultKinds[at % faultKinds.length]!;
    const out = join(temporaryFolder(), 'run');
    await cfr([...command(out), '--seed', '1']);
    failAt(out, at, kind);
    await cfr(again(out));
    expect(recover()).toBe(true);
    const second = await cfr(again(out));
    const where = `${kind} at change ${at}`;
    expect([second.code, second.err], where).toEqual([0, expect.not.stringMatching(/^cfr: /m)]);
    expect(contentsOf(out), where).toEqual(expected);
  }
});
