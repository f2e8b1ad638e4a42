/** The benchmark as a user runs it, on the smallest net that ships: every kind of record, checked values, no time judged. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { BenchRecord, BenchReport } from '../../bench/records.js';
import type { Timing } from '../../bench/timing.js';
import { ops } from '../../engine/ops/index.js';
import { temporaryFolder } from '../cli-fakes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('times kernels, steps, attacks and starts, and writes them', () => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root });
  const file = join(temporaryFolder(), 'bench.json');
  const argv = ['bench', '--net', 'vgg11_bn', '--batch', '1', '--iterations', '2', '--json', file];
  execFileSync(process.execPath, [join(root, 'bin/cfr.mjs'), ...argv], { cwd: root, stdio: 'pipe' });
  const { ceilings, records } = JSON.parse(readFileSync(file, 'utf8')) as BenchReport;
  expect(Math.min(ceilings.fmaGflops, ceilings.copyGBs)).toBeGreaterThan(0);

  const of = <K extends BenchRecord['kind']>(kind: K) =>
    records.filter((record): record is Extract<BenchRecord, { kind: K }> => record.kind === kind);
  const inOrder = ({ min, median, max }: Timing) => 0 < min && min <= median && median <= max;
  const kernels = of('kernel');
  const timed = new Set<string>(kernels.map(({ op }) => op));
  expect(Object.keys(ops).filter((op) => !timed.has(op))).toEqual(['reshape']);
  expect(kernels.filter(({ ms, share }) => !inOrder(ms) || !(share > 0))).toEqual([]);
  const steps = of('step');
  expect(steps.map(({ net, batch, mode }) => [net, batch, mode])).toEqual([
    ['vgg11_bn', 1, 'forward'],
    ['vgg11_bn', 1, 'gradient'],
  ]);
  expect(steps.every(({ msPerImage }) => inOrder(msPerImage))).toBe(true);
  const [attack] = of('attack');
  expect(attack).toMatchObject({ net: 'vgg11_bn', batch: 1, iterations: 2 });
  expect(inOrder(attack!.imagesPerSecond)).toBe(true);
  const [train] = of('train');
  expect(train).toMatchObject({ net: 'vgg11_bn', batch: 1 });
  expect(inOrder(train!.imagesPerSecond)).toBe(true);
  const [start] = of('start');
  expect(start).toMatchObject({ net: 'vgg11_bn', batch: 1 });
  expect(inOrder(start!.readyMs) && start!.readyMs.min < start!.firstStepMs.min).toBe(true);
});
