/** Finding drivers, the environment they read, what to install, and the checks on what was downloaded. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { driverAdvice, installedDrivers, prepareDriverEnvironment } from '../node/drivers.js';
import { useSwiftShader } from '../node/swiftshader.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-test-'));
  vi.stubEnv('CFR_CACHE', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('installedDrivers', () => {
  it('lists manifests of the standard folders', () => {
    mkdirSync(join(folder, 'vulkan/icd.d'), { recursive: true });
    writeFileSync(join(folder, 'vulkan/icd.d/lvp_icd.json'), '{}');
    writeFileSync(join(folder, 'vulkan/icd.d/README'), '');
    const env = { XDG_DATA_DIRS: folder, HOME: join(folder, 'home') };
    expect(installedDrivers(env)).toContain(join(folder, 'vulkan/icd.d/lvp_icd.json'));
    expect(installedDrivers(env)).not.toContain(join(folder, 'vulkan/icd.d/README'));
  });

  it('lists only what the environment names, and of that only what exists', () => {
    const there = join(folder, 'there.json');
    writeFileSync(there, '{}');
    const named = [there, join(folder, 'absent.json')].join(delimiter);
    expect(installedDrivers({ VK_ICD_FILENAMES: named })).toEqual([there]);
    expect(installedDrivers({ VK_DRIVER_FILES: folder, VK_ICD_FILENAMES: '/absent/a.json' })).toEqual([
      there,
    ]);
    expect(installedDrivers({ VK_ICD_FILENAMES: '/absent/none.json' })).toEqual([]);
  });
});

describe('prepareDriverEnvironment', () => {
  it('gives a private runtime folder, and a shader cache for each width of vectors', () => {
    const env: NodeJS.ProcessEnv = {};
    prepareDriverEnvironment(env);
    expect(env.LP_NATIVE_VECTOR_WIDTH).toBeUndefined();
    expect(existsSync(env.XDG_RUNTIME_DIR!)).toBe(true);
    expect(existsSync(env.MESA_SHADER_CACHE_DIR!)).toBe(true);
    const wide: NodeJS.ProcessEnv = { LP_NATIVE_VECTOR_WIDTH: '512' };
    prepareDriverEnvironment(wide);
    expect(wide.XDG_RUNTIME_DIR).toBe(env.XDG_RUNTIME_DIR);
    expect(wide.MESA_SHADER_CACHE_DIR).not.toBe(env.MESA_SHADER_CACHE_DIR);
  });

  it('leaves what the user set', () => {
    const own = {
      LP_NATIVE_VECTOR_WIDTH: '128',
      XDG_RUNTIME_DIR: '/run/user/7',
      MESA_SHADER_CACHE_DIR: '/var/cache/mesa',
    };
    const env = { ...own };
    prepareDriverEnvironment(env);
    expect(env).toEqual(own);
  });
});

describe('driverAdvice', () => {
  it.each([
    [
      'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
      /bookworm-backports.*-t bookworm-backports mesa-vulkan-drivers/,
    ],
    [
      'ID=debian\nVERSION_ID="13"\n',
      /^install Mesa: "apt-get update && apt-get install mesa-vulkan-drivers libvulkan1"$/,
    ],
    ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', /^install Mesa: "apt-get/],
    ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n', /24 or newer, as in Ubuntu 24\.04/],
    ['ID=fedora\nVERSION_ID=41\n', /dnf install/],
    ['ID=arch\n', /pacman/],
    ['', /Mesa 24 or newer/],
  ])('on Linux with %j', (osRelease, expected) => {
    expect(driverAdvice('linux', osRelease)).toMatch(expected);
  });

  it('on macOS and Windows', () => {
    expect(driverAdvice('darwin', '')).toMatch(/Metal/);
    expect(driverAdvice('win32', '')).toMatch(/Direct3D 12/);
  });
});

describe.skipIf(process.platform !== 'linux')('useSwiftShader', () => {
  /** Puts a program of that name before all others. */
  function fakeNpm(script: string): void {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, 'npm'), 0o755);
    vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH}`);
  }

  it('says size and place first, gives npm’s reason, and leaves nothing behind', async () => {
    fakeNpm('echo "npm error request to x failed, reason: getaddrinfo ENOTFOUND x" >&2; exit 1');
    const lines: string[] = [];
    await expect(useSwiftShader((line) => lines.push(line))).rejects.toThrow(
      /^npm pack @sparticuz\/chromium@143\.0\.4: getaddrinfo ENOTFOUND x; check the connection and npm's settings$/,
    );
    expect(lines).toEqual([
      expect.stringMatching(/^downloading the CPU driver SwiftShader .*67 MB.*swiftshader-143\.0\.4/),
    ]);
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });

  it('refuses files other than those published', async () => {
    const driver = tarOf('libvk_swiftshader.so', Buffer.from('not what it says'));
    const archive = join(folder, 'made.tgz');
    writeFileSync(archive, gzipSync(tarOf('package/bin/swiftshader.tar.br', brotliCompressSync(driver))));
    fakeNpm(`cp ${archive} .`);
    await expect(useSwiftShader(() => {})).rejects.toThrow(
      /expected libvk_swiftshader\.so with sha256 55571f33.*, got [0-9a-f]{64}$/,
    );
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });
});

/** A ustar archive of one file. */
function tarOf(name: string, data: Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(data.length.toString(8).padStart(11, '0'), 124);
  header.write('        0ustar\x0000', 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, data, Buffer.alloc(1024 + 512 - (data.length % 512))]);
}
