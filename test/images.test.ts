/** Images: decoded as Pillow decodes, resized and cropped as Pillow and torchvision do, to the bit. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import {
  centerCrop,
  createImage,
  fromTensor,
  preprocess,
  resizeAntialias,
  resizeShorterSide,
  toTensor,
} from '../data/image.js';
import { decodeImage, encodePng, readImage, writePng } from '../data/image-files.js';
import type { Image } from '../data/rgb.js';
import { parseStateDict } from '../weights/state-dict.js';
import { fixture, fixturePath, messageOf, parseFixture, rejectionOf } from './fixtures/weights/fixtures.js';

const scratch = mkdtempSync(join(tmpdir(), 'cfr-images-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const imageFixture = (name: string) => decodeImage(fixture(`images/${name}`), name);
const decoded = parseFixture('decoded.safetensors').tensors;
const resized = parseFixture('resized.safetensors').tensors;
const prepared = parseFixture('prepared.safetensors').tensors;

function imageOf(tensor: { shape: readonly number[]; toFloat32(): Float32Array }): Image {
  return createImage(tensor.shape[1]!, tensor.shape[0]!, Uint8Array.from(tensor.toFloat32()));
}

/** The greatest difference of two images of one size. */
function difference(a: Image, b: Image): number {
  expect([a.width, a.height, a.data.length]).toEqual([b.width, b.height, b.data.length]);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);
}

describe('decoding as Pillow', () => {
  for (const [name, tensor] of decoded) {
    it(name, async () => {
      expect(difference(await imageFixture(name), imageOf(tensor))).toBe(0);
    });
  }

  it('covers every PNG and JPEG fixture', () => {
    const names = readdirSync(fixturePath('images')).filter((name) => !name.startsWith('prepare'));
    expect([...decoded.keys()].sort((a, b) => (a < b ? -1 : 1))).toEqual(
      names.sort((a, b) => (a < b ? -1 : 1)),
    );
  });

  it('gives plain Uint8Arrays, whose slices are copies', async () => {
    for (const name of ['rgb.png', 'baseline.jpg']) {
      const { data } = await readImage(fixturePath(`images/${name}`));
      expect(data.constructor).toBe(Uint8Array);
    }
  });
});

describe.each([
  ['PNG of every colour type, depth and interlace', 'png', 44],
  ['WebP, PPM and PGM', 'webp-ppm', 12],
])('%s', (_, file, count) => {
  const { tensors } = parseStateDict(fixture(`../${file}.safetensors`), file);
  const names = [...tensors.keys()].filter((key) => key.startsWith('rgb.')).map((key) => key.slice(4));
  const bytesOf = (name: string) => Uint8Array.from(tensors.get(`file.${name}`)!.toFloat32());

  it.each(names)('%s', async (name) => {
    expect(difference(await decodeImage(bytesOf(name), name), imageOf(tensors.get(`rgb.${name}`)!))).toBe(0);
  });

  it('covers them', () => expect(names).toHaveLength(count));

  it('cut anywhere', async () => {
    for (const name of names) {
      const bytes = bytesOf(name);
      for (let length = 0; length < bytes.length; length += 13)
        await expect(decodeImage(bytes.subarray(0, length), name), `${name} to ${length}`).rejects.toThrow(
          UserError,
        );
    }
  });
});

describe('files that are no images', () => {
  it('an empty, unknown or foreign file', async () => {
    const text = (content: string) => rejectionOf(decodeImage(new TextEncoder().encode(content), 'cat'));
    expect(await text('')).toBe(
      'cat: expected a PNG, JPEG, WebP, PPM or PGM image, got an empty file (0 bytes)',
    );
    expect(await text('hello')).toBe(
      'cat: expected a PNG, JPEG, WebP, PPM or PGM image, got something else; convert it to PNG',
    );
    expect(await text('GIF89a')).toMatch(/got a GIF/);
    expect(await text('RIFF\0\0\0\0WEBP')).toMatch(/unsupported WebP: it ends inside its header/);
    expect(await text('P3 1 1 255 0 0 0')).toMatch(/got Netpbm in a form other than P5 and P6/);
    expect(await text('<svg>')).toMatch(/got HTML, SVG or XML text/);
  });

  it('a missing file or a folder', async () => {
    expect(await rejectionOf(readImage(join(scratch, 'none.png')))).toMatch(
      /expected an image file, got no such file/,
    );
    expect(await rejectionOf(readImage(scratch))).toMatch(/expected an image file, got a folder/);
  });

  it('PNG and JPEG cut anywhere', async () => {
    for (const name of [
      'rgb.png',
      'interlaced.png',
      'palette4.png',
      'baseline.jpg',
      'progressive.jpg',
      'grey.jpg',
    ]) {
      const bytes = fixture(`images/${name}`);
      for (let length = 0; length < bytes.length; length += 11) {
        await expect(
          decodeImage(bytes.subarray(0, length), name),
          `${name} cut to ${length}`,
        ).rejects.toThrow(UserError);
      }
    }
  });

  it('a PNG with a changed byte fails its checksum; one that claims a huge size is not decoded', async () => {
    const bytes = fixture('images/rgb.png');
    bytes[200] = bytes[200]! ^ 1;
    expect(await rejectionOf(decodeImage(bytes, 'cat.png'))).toMatch(/^cat\.png: damaged or truncated PNG/);
    const huge = fixture('images/rgb.png');
    const view = new DataView(huge.buffer);
    view.setUint32(16, 10_000_000);
    view.setUint32(29, crc32(huge.subarray(12, 29)));
    expect(await rejectionOf(decodeImage(huge, 'cat.png'))).toMatch(
      /at most 10 megapixels of a file so small .*, got 10000000x23/,
    );
  });
});

describe('resizing as Pillow, to the bit', () => {
  for (const [key, tensor] of resized) {
    const [group, size] = key.split('.') as [string, string];
    if (size === 'input') continue;
    const input = imageOf(resized.get(`${group}.input`)!);
    it(`${input.width}x${input.height} to ${size}`, () => {
      const [width, height] = size.split('x').map(Number) as [number, number];
      expect(difference(resizeAntialias(input, width, height), imageOf(tensor))).toBe(0);
    });
  }

  it('leaves an image of the right size alone', async () => {
    const image = await imageFixture('rgb.png');
    expect(resizeAntialias(image, image.width, image.height)).toBe(image);
    expect(() => resizeAntialias(image, 0, 5)).toThrow(/positive whole sizes, got 0x5/);
  });
});

describe('preprocessing as torchvision', () => {
  for (const size of ['300x201', '201x300', '257x259', '75x50']) {
    it(`${size} to 256, then the centre 224`, async () => {
      const image = await imageFixture(`prepare-${size}.png`);
      const shorter = resizeShorterSide(image, 256);
      expect([shorter.width, shorter.height]).toEqual([...prepared.get(`${size}.size`)!.toFloat32()]);
      const got = preprocess(image, { inputSize: 224, form: 'imagenet' });
      const sums = [0, 0, 0];
      got.data.forEach((value, i) => {
        sums[i % 3]! += value;
      });
      expect(sums).toEqual([...prepared.get(`${size}.sum`)!.toFloat32()].map((sum) => sum));
      expect(Math.fround(crc32(got.data))).toBe(prepared.get(`${size}.crc`)!.toFloat32()[0]);
    });
  }

  it('takes the centre with halves rounded to even', () => {
    const image = createImage(
      7,
      6,
      Uint8Array.from({ length: 126 }, (_, i) => i),
    );
    // (6 - 3) / 2 = 1.5 -> 2 rows down; (7 - 2) / 2 = 2.5 -> 2 columns in.
    expect([...centerCrop(image, 3).data.subarray(0, 3)]).toEqual([2 * 21 + 6, 2 * 21 + 7, 2 * 21 + 8]);
    expect([...centerCrop(image, 2).data.subarray(0, 3)]).toEqual([2 * 21 + 6, 2 * 21 + 7, 2 * 21 + 8]);
    expect(() => centerCrop(image, 7)).toThrow(/at least 7x7, got 7x6/);
  });

  it('takes an image of the input size as it is, unless told otherwise', async () => {
    const image = resizeAntialias(await imageFixture('rgb.png'), 224, 224);
    expect(preprocess(image, { inputSize: 224, form: 'imagenet' })).toBe(image);
    expect(preprocess(image, { inputSize: 224, form: 'imagenet', mode: 'resize' })).toBe(image);
    expect(preprocess(image, { inputSize: 224, form: 'imagenet', mode: 'crop' }).data).not.toEqual(
      image.data,
    );
    const small = preprocess(image, { inputSize: 32, form: 'cifar' });
    expect(small.data).toEqual(resizeAntialias(image, 32, 32).data);
    expect(() => preprocess(image, { inputSize: 32, form: 'cifar', mode: 'none' })).toThrow(UserError);
    expect(messageOf(() => preprocess(image, { inputSize: 32, form: 'cifar', mode: 'none' }))).toBe(
      'preprocess: expected an image of 32x32, got 224x224; leave out --preprocess none',
    );
    const wide = await imageFixture('prepare-300x201.png');
    const cropped = preprocess(wide, { inputSize: 32, form: 'cifar', mode: 'crop' });
    expect(cropped.data).toEqual(centerCrop(resizeAntialias(wide, 47, 32), 32).data);
  });
});

describe('tensors and files', () => {
  it('k/255 in planes, and back', () => {
    const image = createImage(2, 1, Uint8Array.of(0, 51, 255, 1, 2, 3));
    const x = toTensor(image);
    expect([...x]).toEqual([0, 1 / 255, 51 / 255, 2 / 255, 1, 3 / 255].map(Math.fround));
    expect(fromTensor(x, 2, 1)).toEqual(image);
    expect([...fromTensor([-0.1, 1.2, 0.5], 1, 1).data]).toEqual([0, 255, 128]);
    const all = createImage(
      256,
      1,
      Uint8Array.from({ length: 768 }, (_, i) => i / 3),
    );
    expect(fromTensor(toTensor(all), 256, 1)).toEqual(all);
    expect(() => createImage(2, 2, new Uint8Array(3))).toThrow(/expected 12 bytes for 2x2 RGB, got 3/);
  });

  it('writes PNG that reads back the same, whole or not at all', async () => {
    const image = await imageFixture('rgb.png');
    const path = join(scratch, 'new', 'folder', 'x.png');
    await writePng(path, image);
    expect(await readImage(path)).toEqual(image);
    expect(readFileSync(path)[25], 'colour type RGB').toBe(2);
    expect(readdirSync(join(scratch, 'new', 'folder'))).toEqual(['x.png']);
    expect(await decodeImage(encodePng(image), 'x')).toEqual(image);
    writeFileSync(join(scratch, 'file'), '');
    expect(await rejectionOf(writePng(join(scratch, 'file', 'x.png'), image))).toMatch(/file/);
  });
});
