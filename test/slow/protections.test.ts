/**
 * Takes out every protection of the tables in `protections/` in turn, in a copy of the project, and sees the test named beside it fail.
 * `PROTECTIONS`: only those whose promise matches this expression; `PROTECTIONS_DEVICE=0`: none that needs an adapter.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEVICE } from './protections/device.js';
import { FILES } from './protections/files.js';
import { RUNS } from './protections/runs.js';
import type { Protection } from './protections/table.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'cfr-protections-'));

/** Most modules are those of the run before. */
const CACHED = ['--experimental.fsModuleCache', `--experimental.fsModuleCachePath=${join(copy, '.modules')}`];

const { PROTECTIONS = '', PROTECTIONS_DEVICE } = process.env;
const all: readonly Protection[] = [...RUNS, ...FILES, ...(PROTECTIONS_DEVICE === '0' ? [] : DEVICE)];
const chosen = all.filter(({ promise }) => new RegExp(PROTECTIONS).test(promise));

beforeAll(() => {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0');
  for (const file of files)
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Runs the tests of a protection in the copy. @returns the names of those that failed, and how many passed */
function run({ test, only }: Protection): { failed: string[]; passed: number; said: string } {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const argv = [
    vitest,
    'run',
    `test/${test}.test.ts`,
    '--reporter=json',
    `--outputFile=${report}`,
    ...CACHED,
  ];
  const { stdout, stderr } = spawnSync(process.execPath, [...argv, ...(only ? ['-t', escaped(only)] : [])], {
    cwd: copy,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (!existsSync(report)) return { failed: [], passed: 0, said: stdout + stderr };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { message: string; assertionResults: { fullName: string; status: string }[] }[];
  };
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  return {
    failed: results.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    passed: results.filter(({ status }) => status === 'passed').length,
    said: testResults.map(({ message }) => message).join('\n'),
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

it.each(chosen)('$promise', (protection) => {
  const { file, from, to } = protection;
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  expect(text.split(from), `${file} holds the protection once`).toHaveLength(2);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  try {
    const { failed, said } = run(protection);
    // A test that cannot even be loaded has shown nothing.
    expect(
      failed.length,
      `${file} without "${from}": a test of ${protection.test} fails; ${said}`,
    ).toBeGreaterThan(0);
    console.log(`${protection.promise}: ${failed.join('; ')}`);
  } finally {
    writeFileSync(path, text);
  }
});
