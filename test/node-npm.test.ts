/** `npm pack` as the fetchers call it, by a made-up npm: what it is told, what comes back, and how its failures read. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { npmPack } from '../node/npm.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-npm-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe.skipIf(process.platform === 'win32')('npmPack', () => {
  /** Packs into a fresh folder with a shell script in npm's place. */
  async function pack(script: string, options: readonly string[] = []): Promise<string> {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, 'npm'), 0o755);
    vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH}`);
    const target = join(folder, 'target');
    mkdirSync(target);
    return npmPack('thing@1.2.3', target, options);
  }

  it('works in the folder, passes options on, and returns the archive', async () => {
    const archive = await pack('echo "$@" > thing-1.2.3.tgz', ['--cache', 'here']);
    expect(archive).toBe(join(folder, 'target', 'thing-1.2.3.tgz'));
    expect(readFileSync(archive, 'utf8')).toBe(
      `pack thing@1.2.3 --pack-destination ${join(folder, 'target')} --loglevel=error --cache here\n`,
    );
  });

  it.each([
    [
      'npm error code ENOTFOUND\nnpm error errno ENOTFOUND\nnpm error network request to x failed, reason: getaddrinfo ENOTFOUND x',
      'getaddrinfo ENOTFOUND x',
    ],
    ['npm ERR! code E404\nnpm ERR! 404 Not Found - GET x', '404 Not Found - GET x'],
    ['npm error code ENOSPC\nnpm error A complete log of this run can be found in: x', 'exit code 7'],
    ['', 'exit code 7'],
  ])('tells npm’s reason in one line: %j', async (complaints, reason) => {
    await expect(pack(`cat >&2 <<'END'\n${complaints}\nEND\nexit 7`)).rejects.toThrow(
      new Error(`npm pack thing@1.2.3: ${reason}; check the connection and npm's settings`),
    );
  });

  it('an npm that leaves no archive, and no npm at all', async () => {
    await expect(pack('exit 0')).rejects.toThrow(/^npm pack thing@1\.2\.3: expected an archive, got none$/);
    vi.stubEnv('PATH', '');
    await expect(npmPack('thing@1.2.3', folder)).rejects.toThrow(
      /^npm pack thing@1\.2\.3: expected npm on the path \(it comes with Node\), got none$/,
    );
  });
});
