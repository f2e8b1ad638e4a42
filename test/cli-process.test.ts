/** The built program where the system gives it little: a full disk behind its output, no home, few descriptors. */
import { execFileSync, spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { FileOutput } from '../cli/output.js';
import { temporaryFolder } from './cli-fakes.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/cfr.mjs');

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root });
});

describe.runIf(process.platform === 'linux')('on Linux', () => {
  test.each([['--help'], ['attack', '--help'], ['--version']])('%s to a full disk ends with 1', (...argv) => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [bin, ...argv], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    expect(stderr).toBe('cfr: the output: no space left on the disk; what was written is not whole\n');
    expect(status).toBe(1);
  });

  test('a problem that nobody can be told of keeps its exit code', () => {
    const full = openSync('/dev/full', 'w');
    const { status } = spawnSync(process.execPath, [bin, 'report', '/nonexistent'], {
      stdio: ['ignore', 'ignore', full],
    });
    expect(status).toBe(2);
  });

  test('too few descriptors: one line', () => {
    // Enough for Node itself, not for the program's modules.
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `ulimit -n 20; exec "${process.execPath}" "${bin}" --help`],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('cfr: too many open files; allow more with `ulimit -n`\n');
    expect(status).toBe(1);
  });

  test.runIf(process.getuid?.() === 0)('a user without an entry and without HOME', () => {
    const { HOME: _, XDG_CACHE_HOME: __, CFR_CACHE: ___, ...env } = process.env;
    const run = (...argv: string[]) =>
      spawnSync(process.execPath, [join(root, 'dist/cli.js'), ...argv], {
        uid: 54_321,
        env,
        cwd: '/',
        encoding: 'utf8',
      });
    expect(run('--help')).toMatchObject({ status: 0, stderr: '' });
    expect(run('eval', '--dataset', 'cifar10')).toMatchObject({
      status: 2,
      stderr:
        'cfr: cache folder: expected CFR_CACHE or a home folder, got neither; set CFR_CACHE to a folder that can be written\n',
    });
  });
});

test('all of a long text is written', () => {
  const path = join(temporaryFolder(), 'out.txt');
  const output = new FileOutput(openSync(path, 'w'));
  output.write('ä'.repeat(3e6));
  output.write('end\n');
  expect(Number(execFileSync('wc', ['-c', path], { encoding: 'utf8' }).split(' ')[0])).toBe(6e6 + 4);
});
