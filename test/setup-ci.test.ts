/** The closing line and exit code of a CI run. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../scripts/ci-summary.mjs', import.meta.url));

function close(files: Record<string, string[]> | undefined, exitCode: string) {
  const folder = mkdtempSync(join(tmpdir(), 'cfr-test-'));
  const report = join(folder, 'vitest.json');
  const testResults = Object.entries(files ?? {}).map(([name, statuses]) => ({
    name,
    status: statuses.length === 0 || statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: statuses.map((status) => ({ status })),
  }));
  if (files) writeFileSync(report, JSON.stringify({ testResults }));
  const { status, stdout } = spawnSync(process.execPath, [script, report, exitCode], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return [status, stdout.trimEnd()];
}

it.each([
  ['all pass', { a: ['passed', 'passed'], b: ['passed', 'skipped'] }, '0', 0, '3 passed, 0 failed'],
  ['one fails', { a: ['passed', 'failed'] }, '1', 1, '1 passed, 1 failed'],
  ['a file does not load', { a: ['passed'], b: [] }, '1', 1, '1 passed, 1 failed'],
  ['all pass but the run breaks', { a: ['passed'] }, '1', 1, '1 passed, 1 failed'],
  ['nothing ran', {}, '0', 1, '0 passed, 1 failed'],
  ['no report, as after a time-out', undefined, '124', 1, '0 passed, 1 failed'],
])('%s', (_, files, exitCode, status, line) => {
  expect(close(files, exitCode)).toEqual([status, line]);
});
