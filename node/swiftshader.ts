/**
 * SwiftShader, Vulkan on the CPU, for machines with no usable Vulkan driver: taken from an npm package without root, once,
 * into the cache folder. Slower than every other driver, but it needs nothing installed.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { readTar } from '../base/tar.js';
import { cacheFolder } from './files.js';
import { npmPack } from './npm.js';

const PACKAGE = '@sparticuz/chromium';
const VERSION = '143.0.4';
const DOWNLOAD_MB = 67;
/** A machine without a connection is told soon. */
const PATIENCE = ['--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=2000'];
const MEMBER = 'package/bin/swiftshader.tar.br';
const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';

/** sha256 of the files that are kept, as published in that version. */
const FILES: Readonly<Record<string, string>> = {
  'libvk_swiftshader.so': '55571f337145a70e32bb64f07ceb413796cc7e9dc1ecac2144728777faf75c8c',
  [LOADER]: '858e4d3fd0fc5d1409f9c9c076e7611c0967459bab153c5cb4ec81124a24e53c',
  [MANIFEST]: 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd',
};

/** glibc keeps the library loaded although it is no Node addon; Node does not export this flag. */
const RTLD_NODELETE = 0x1000;

/** True where the package's binaries run. */
export function hasSwiftShader(platform: string = process.platform, arch: string = process.arch): boolean {
  return platform === 'linux' && arch === 'x64';
}

/** Where the extracted driver is or will be. */
export function swiftShaderFolder(): string {
  return join(cacheFolder(), `swiftshader-${VERSION}`);
}

/**
 * Makes SwiftShader the process's Vulkan driver; call before `create()` of the package `webgpu`.
 * Downloads it first where the cache lacks it.
 * @param log takes one line for the user
 * @throws Error where it can't be downloaded, or what arrived is not what was published
 */
export async function useSwiftShader(log: (line: string) => void): Promise<void> {
  const folder = swiftShaderFolder();
  if (!(await isWhole(folder))) await download(folder, log);
  // Overrules the older variable in newer loaders.
  delete process.env.VK_DRIVER_FILES;
  process.env.VK_ICD_FILENAMES = join(folder, MANIFEST);
  // Dawn opens the Vulkan loader by its bare name, and finds the one that is loaded already.
  // Node rejects a library that is no addon, after having loaded it.
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen as Record<string, number>;
  try {
    process.dlopen({ exports: {} }, join(folder, LOADER), RTLD_NOW! | RTLD_GLOBAL! | RTLD_NODELETE);
  } catch (error) {
    if (!/did not self-register/.test(String(error))) throw error;
  }
}

async function isWhole(folder: string): Promise<boolean> {
  for (const [name, sha256] of Object.entries(FILES)) {
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    if (!bytes || digest(bytes) !== sha256) return false;
  }
  return true;
}

async function download(folder: string, log: (line: string) => void): Promise<void> {
  log(`downloading the CPU driver SwiftShader from npm (${DOWNLOAD_MB} MB, once, into ${folder}) …`);
  // Beside the target, so that the rename stays on one file system.
  const scratch = `${folder}.${randomUUID()}`;
  try {
    await mkdir(join(scratch, 'files'), { recursive: true });
    const archive = await npmPack(`${PACKAGE}@${VERSION}`, scratch, PATIENCE);
    const packed = fileIn(gunzipSync(await readFile(archive)), MEMBER);
    if (!packed) throw new Error(`npm package ${PACKAGE}@${VERSION}: expected the file ${MEMBER}, got none`);
    const driver = brotliDecompressSync(packed);
    for (const [name, sha256] of Object.entries(FILES)) {
      const bytes = fileIn(driver, name) ?? new Uint8Array();
      const got = digest(bytes);
      if (got !== sha256) {
        throw new Error(
          `npm package ${PACKAGE}@${VERSION}: expected ${name} with sha256 ${sha256}, got ${got}`,
        );
      }
      await writeFile(join(scratch, 'files', name), bytes);
    }
    await rm(folder, { recursive: true, force: true });
    // Another process may have been faster; its files passed the same check.
    await rename(join(scratch, 'files'), folder).catch(async (error) => {
      if (!(await isWhole(folder))) throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function fileIn(archive: Uint8Array, name: string): Uint8Array | undefined {
  return readTar(archive).find((entry) => entry.name === name)?.bytes;
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
