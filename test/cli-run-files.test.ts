/** What a run's folder guarantees, apart from any command. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { durationText, rateText } from '../attack/cli/console';
import { TensorSpool } from '../attack/cli/tensor-spool';
import { differences, type ImageResult, openRun, readRun } from '../attack/run-files';
import { parseSafetensors } from '../weights/safetensors';
import { temporaryFolder } from './cli-fakes';

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
  cfrPixels: 1,
});

describe('run folder', () => {
  test('appended lines come back in order', async () => {
    const folder = join(temporaryFolder(), 'deep/run');
    const run = await openRun(folder, document);
    await run.describe(document);
    await run.append([result(3), result(1)]);
    await run.append([result(2)]);
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
