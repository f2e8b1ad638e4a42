/** Labels for a net: data sets as they unpack, and the index of the net's outputs that each image gets, or a refusal. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { CIFAR10_CLASSES } from '../data/cifar10-format.js';
import { openDataset } from '../data/datasets.js';
import { createImage } from '../data/image.js';
import { encodePng } from '../data/image-files.js';
import { imagenetNames } from '../data/imagenet-classes.js';
import { fixturePath, rejectionOf } from './fixtures/weights/fixtures.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-labels-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const PICTURE = encodePng(createImage(1, 1, Uint8Array.of(1, 2, 3)));
const PPM = new Uint8Array([...new TextEncoder().encode('P6\n1 1\n255\n'), 1, 2, 3]);

function put(path: string, content: string | Uint8Array = PICTURE): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

const unnamed = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);

async function labelsOf(text: string, labels?: readonly string[]): Promise<Record<string, number>> {
  const data = await openDataset(text, labels ? { labels } : {});
  const samples = await Promise.all(Array.from({ length: data.length }, (_, i) => data.get(i)));
  return Object.fromEntries(samples.map(({ source, label }) => [source, label]));
}
const inFolder = (labels?: readonly string[]) => labelsOf(`imagenet:${folder}`, labels);
const refusal = (labels: readonly string[], kind = 'imagenet') =>
  rejectionOf(openDataset(`${kind}:${folder}`, { labels }));
const assignment = async (labels: readonly string[], kind = 'imagenet') =>
  (await openDataset(`${kind}:${folder}`, { labels })).assignment;

describe('a folder per class', () => {
  it("named as classes of the net, some missing: the net's own indices", async () => {
    put('cat/3.png');
    put('ship/8.png');
    expect(await inFolder(CIFAR10_CLASSES)).toEqual({ 'cat/3.png': 3, 'ship/8.png': 8 });
    expect(await assignment(CIFAR10_CLASSES)).toBe("labels by the net's class names: cat/3.png is 3 (cat)");
    put('Traffic_Light/a.png');
    expect(await inFolder(['ship', 'traffic light', 'Cat'])).toEqual({
      'cat/3.png': 2,
      'ship/8.png': 0,
      'Traffic_Light/a.png': 1,
    });
  });

  it('of which one is no class of the net: refused, by name', async () => {
    put('cat/3.png');
    put('airplanes/0.png');
    expect(await refusal(CIFAR10_CLASSES)).toMatch(
      /"airplanes" is no class of the net, and its 2 classes are not the net's 10; add classes\.txt .* or use imagefolder:DIR/,
    );
    // As many as the net has, but a known name would get another's index.
    expect(await refusal(['cat', 'dog'])).toMatch(
      /"cat" is another of its classes than the sorted order says/,
    );
    expect(await inFolder(['bird', 'cat'])).toEqual({ 'airplanes/0.png': 0, 'cat/3.png': 1 });
    put('classes.txt', 'cat\nairplanes\n');
    expect(await inFolder(unnamed(2))).toEqual({ 'airplanes/0.png': 1, 'cat/3.png': 0 });
    expect(await refusal(unnamed(3))).toMatch(
      /expected 3 classes in its list of classes, as the net has, got 2/,
    );
    put('classes.txt', 'cat\ndog\n');
    expect(await refusal(unnamed(2))).toMatch(/"airplanes" is not in its list of classes/);
  });

  it('as many as the net has classes without names: sorted order, said', async () => {
    put('b/1.png');
    put('a/2.png');
    expect(await inFolder(unnamed(2))).toEqual({ 'a/2.png': 0, 'b/1.png': 1 });
    expect(await assignment(unnamed(2))).toBe('labels in the sorted order of the names: a/2.png is 0 (a)');
    expect(await refusal(unnamed(3))).toMatch(/its 2 classes are not the net's 3/);
  });

  it('empty and hidden folders and files are none', async () => {
    put('b/1.png');
    put('a/.ipynb_checkpoints/2.png');
    put('a/notes.txt', '');
    put('.git/1.png');
    put('__MACOSX/b/1.png');
    put('b/._1.png', 'no picture');
    expect(await inFolder(unnamed(1))).toEqual({ 'b/1.png': 0 });
  });

  it('numbered: these numbers, padded or not; ImageFolder counts names', async () => {
    for (const name of ['00000', '00014']) put(`${name}/00000.ppm`, PPM);
    expect(await inFolder(unnamed(43))).toEqual({ '00000/00000.ppm': 0, '00014/00000.ppm': 14 });
    rmSync(folder, { recursive: true });
    for (const name of ['0', '2', '10']) put(`${name}/a.png`);
    expect(await inFolder(unnamed(11))).toEqual({ '0/a.png': 0, '10/a.png': 10, '2/a.png': 2 });
    expect(await assignment(unnamed(11))).toMatch(/^labels by number \(imagefolder:DIR would count them/);
    expect(await refusal(unnamed(10))).toMatch(
      /class 10: expected numbers from 0 to 9, .* imagefolder:DIR takes them in order/,
    );
    expect(await labelsOf(`imagefolder:${folder}`, unnamed(3))).toEqual({
      '0/a.png': 0,
      '10/a.png': 1,
      '2/a.png': 2,
    });
    expect(await assignment(unnamed(3), 'imagefolder')).toMatch(/^labels in ImageFolder's order: 0\/a\.png/);
    expect(await refusal(unnamed(2), 'imagefolder')).toMatch(
      /expected at most 2 classes, as the net has, got 3/,
    );
  });

  it('WordNet ids, for nets of 1,000, of as many, of these names, and of other numbers', async () => {
    put('val/n02979186/a.png');
    put('val/n01440764/a.png');
    const [tench, player] = [join('val', 'n01440764', 'a.png'), join('val', 'n02979186', 'a.png')];
    expect(await inFolder(imagenetNames)).toEqual({ [tench]: 0, [player]: 482 });
    expect(await inFolder(unnamed(2))).toEqual({ [tench]: 0, [player]: 1 });
    expect(await inFolder(['cassette player', 'English springer', 'tench'])).toEqual({
      [tench]: 2,
      [player]: 0,
    });
    expect(await refusal(unnamed(10))).toMatch(
      /expected 10 WordNet ids for the net's classes, got 2; add wnids/,
    );
    for (const id of ['n01440764', 'n02102040', 'n02979186']) put(`train/${id}/a.png`);
    expect(await inFolder(unnamed(3))).toEqual({ [tench]: 0, [player]: 2 });
  });
});

describe('lists', () => {
  it('Tiny-ImageNet as it unpacks: the sorted order of wnids.txt', async () => {
    const ids = ['n02124075', 'n04067472', 'n04540053', 'n01443537'];
    put('wnids.txt', `${ids.join('\n')}\n`);
    put('val/val_annotations.txt', ids.map((id, i) => `val_${i}.JPEG\t${id}\t0\t0\t63\t63\n`).join(''));
    for (let i = 0; i < 4; i++) put(`val/images/val_${i}.JPEG`);
    const path = (i: number) => join('val', 'images', `val_${i}.JPEG`);
    const expected = { [path(0)]: 1, [path(1)]: 2, [path(2)]: 3, [path(3)]: 0 };
    expect(await inFolder(unnamed(4))).toEqual(expected);
    expect(await inFolder(unnamed(200))).toEqual(expected);
    expect((await inFolder(imagenetNames))[path(3)]).toBe(1);
    expect(await assignment(unnamed(4))).toMatch(
      /in the sorted order of its 4 WordNet ids: .*val_0\.JPEG is 1/,
    );
  });

  it('val.txt with indices or names of a net of ten', async () => {
    put('my cat.png');
    put('dog.png');
    put('val.txt', 'my cat.png 3\ndog.png 5\n');
    expect(await inFolder(CIFAR10_CLASSES)).toEqual({ 'my cat.png': 3, 'dog.png': 5 });
    expect(await assignment(CIFAR10_CLASSES)).toBe('labels by number: my cat.png is 3 (cat)');
    put('val.txt', 'my cat.png cat\ndog.png dog\n');
    expect(await inFolder(CIFAR10_CLASSES)).toEqual({ 'my cat.png': 3, 'dog.png': 5 });
    put('val.txt', 'my cat.png 3\ndog.png 10\n');
    expect(await refusal(CIFAR10_CLASSES)).toMatch(/class 10: expected numbers from 0 to 9/);
  });

  it('never lead out of the folder', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'cfr-outside-'));
    try {
      writeFileSync(join(outside, 'a.png'), PICTURE);
      put('data/a.png');
      for (const name of [join(outside, 'a.png'), '../a.png', 'x/../../a.png']) {
        put('data/val.txt', `a.png 0\n${name} 1\n`);
        const open = openDataset(`imagenet:${join(folder, 'data')}`);
        expect(await rejectionOf(open)).toMatch(/val\.txt, line 2: expected a path within the data's folder/);
        put('data/list.csv', `file,label\na.png,0\n${name},1\n`);
        expect(await rejectionOf(openDataset(`csv:${join(folder, 'data', 'list.csv')}`))).toMatch(
          /image 2: expected a path within/,
        );
      }
      symlinkSync(join(outside, 'a.png'), join(folder, 'data', 'link.png'));
      symlinkSync('loop.png', join(folder, 'data', 'loop.png'));
      put('data/val.txt', `a.png 0\nlink.png 1\nloop.png 1\n${'x'.repeat(300)}.png 1\na\u0001.png 1`);
      const data = await openDataset(`imagenet:${join(folder, 'data')}`);
      expect((await data.get(0)).label).toBe(0);
      const problems = [];
      for (let i = 1; i < data.length; i++) {
        await expect(data.get(i)).rejects.toThrow(UserError);
        problems.push(await rejectionOf(data.get(i)));
      }
      expect(problems[0]).toMatch(/got a link out of it/);
      expect(problems[1]).toMatch(/got a link that leads to itself/);
      expect(problems[2]).toMatch(/got no possible name of a file/);
      expect(problems[3]).toMatch(/a\\x01\.png: .* no such file/);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('a CSV of file and class, with or without a head', async () => {
    put('a, b.png');
    put('sub/c.png');
    put('list.csv', 'path,label\n"a, b.png",ship\nsub/c.png,cat\n');
    expect(await labelsOf(`csv:${join(folder, 'list.csv')}`, CIFAR10_CLASSES)).toEqual({
      'a, b.png': 8,
      'sub/c.png': 3,
    });
    put('list.csv', 'sub/c.png,1\n');
    expect(await labelsOf(`csv:${join(folder, 'list.csv')}`, unnamed(2))).toEqual({ 'sub/c.png': 1 });
    put('list.csv', 'sub/c.png\n');
    expect(await rejectionOf(openDataset(`csv:${join(folder, 'list.csv')}`))).toMatch(
      /expected a file and its class/,
    );
  });
});

describe('CIFAR and arrays', () => {
  const level = (i: number, p: number, c: number): number => (i * 31 + p + 85 * c) & 255;
  const expectPixels = async (text: string, labels: readonly string[], expected: readonly number[]) => {
    const data = await openDataset(text, { labels });
    const samples = await Promise.all(expected.map((_, i) => data.get(i)));
    expect(samples.map(({ label }) => label)).toEqual(expected);
    const { data: pixels, width, height } = samples[2]!.image;
    expect([data.length, width, height]).toEqual([3, 32, 32]);
    expect([...pixels]).toEqual(Array.from({ length: 3072 }, (_, k) => level(2, Math.floor(k / 3), k % 3)));
  };

  it('the Python versions, of Python 2 and 3', async () => {
    for (const place of ['python2', 'python3', 'python3/cifar-10-batches-py'])
      await expectPixels(`cifar10:${fixturePath(`../data/${place}`)}`, CIFAR10_CLASSES, [3, 5, 1]);
    const hundred = `cifar100:${fixturePath('../data')}`;
    await expectPixels(hundred, unnamed(100), [99, 0, 7]);
    const reversed = Array.from({ length: 100 }, (_, k) => `name ${String(99 - k).padStart(2, '0')}`);
    await expectPixels(hundred, reversed, [0, 99, 92]);
    expect(await rejectionOf(openDataset(hundred, { labels: unnamed(20) }))).toMatch(
      /expected a net of its 100 classes, got one of 20/,
    );
  });

  it("CIFAR-10 for a net with its classes in another order: the net's", async () => {
    const labels = [...CIFAR10_CLASSES].reverse();
    const data = await openDataset('cifar10-sample', { labels });
    expect((await data.get(3)).label).toBe(6);
    expect(data.assignment).toBe("labels by the net's class names: cifar10:test/3 is 9 (airplane)");
    expect(await rejectionOf(openDataset('cifar10-sample', { labels: imagenetNames }))).toMatch(
      /expected a net of its 10 classes, got one of 1000/,
    );
  });

  it('.npz: images and labels', async () => {
    const file = (name: string) => `npz:${fixturePath(`../data/${name}.npz`)}`;
    for (const name of ['last', 'first']) await expectPixels(file(name), unnamed(3), [2, 0, 1]);
    const grey = await openDataset(file('grey'));
    expect([...(await grey.get(1)).image.data.subarray(0, 6)]).toEqual([31, 31, 31, 32, 32, 32]);
    expect(await rejectionOf(openDataset(file('last'), { labels: unnamed(2) }))).toMatch(
      /expected labels below 2/,
    );
  });
});
