/** JPEG files of every form against Pillow's pixels (test/golden/make_jpeg.py), and files that are damaged. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { decodeImage } from '../data/image-files.js';
import { frameIn, MARKERS, segmentsOf } from '../data/jpeg-segments.js';
import { rejectionOf } from './fixtures/weights/fixtures.js';

const folder = fileURLToPath(new URL('fixtures/jpeg/', import.meta.url));
const file = (name: string) => new Uint8Array(readFileSync(`${folder}${name}`));
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.jpg'))
  .map((name) => name.slice(0, -4));

/** The file with other bytes at offsets from a segment's marker. */
function changed(name: string, marker: number, bytes: Readonly<Record<number, number>>): Uint8Array {
  const data = file(`${name}.jpg`);
  const at = data.findIndex((byte, i) => byte === 0xff && data[i + 1] === marker);
  for (const [offset, byte] of Object.entries(bytes)) data[at + Number(offset)] = byte;
  return data;
}

const SOF0 = 0xc0;
const message = (data: Uint8Array) => rejectionOf(decodeImage(data, 'cat.jpg'));

describe('decoding as Pillow', () => {
  it.each(names)('%s', async (name) => {
    const image = await decodeImage(file(`${name}.jpg`), name);
    const { width, height, data } = await decodeImage(file(`${name}.png`), name);
    expect([image.width, image.height]).toEqual([width, height]);
    const most = image.data.reduce((max, value, i) => Math.max(max, Math.abs(value - data[i]!)), 0);
    // Newer libjpeg-turbo interpolates between rows here; the WebAssembly build repeats them.
    if (name === '440') expect(most).toBe(2);
    else expect(most).toBe(0);
  });

  it('covers the forms that it names', () => {
    expect(names).toHaveLength(19);
    const form = (name: string) => {
      const data = file(`${name}.jpg`);
      const { marker, components } = [...segmentsOf(data)].map(frameIn).find((frame) => frame)!;
      return [marker, components.map(({ across, down }) => `${across}${down}`).join()];
    };
    expect(form('420')).toEqual([SOF0, '22,11,11']);
    expect(form('440')).toEqual([SOF0, '12,11,11']);
    expect(form('420-progressive')).toEqual([0xc2, '22,11,11']);
    expect(form('grey')).toEqual([SOF0, '11']);
    expect(form('cmyk')).toEqual([SOF0, '11,11,11,11']);
    expect(form('ycck-420-progressive')).toEqual([0xc2, '22,11,11,11']);
    const markers = (name: string) => [...segmentsOf(file(`${name}.jpg`))].map(({ marker }) => marker);
    for (const name of ['420-restart', 'cmyk-restart']) expect(markers(name)).toContain(MARKERS.DRI);
    expect(markers('cmyk-without-adobe')).not.toContain(MARKERS.APP14);
  });

  it('many at once, good and bad, do not disturb each other', async () => {
    const bad = changed('420', SOF0, { 4: 12 });
    const expected = (await decodeImage(file('420.png'), '')).data;
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => decodeImage(i % 3 === 1 ? bad : file('420.jpg'), `${i}.jpg`)),
    );
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') expect(result.value.data).toEqual(expected);
      else
        expect(result.reason.message).toMatch(
          new RegExp(`^${i}\\.jpg: .*: Unsupported JPEG data precision 12$`),
        );
      expect(result.status).toBe(i % 3 === 1 ? 'rejected' : 'fulfilled');
    }
  });
});

describe('files that can’t be decoded', () => {
  it.each(names)('%s cut anywhere', async (name) => {
    const data = file(`${name}.jpg`);
    const end = name === 'stray-bytes' ? data.length - 'after the end'.length : data.length;
    for (let length = 0; length < end; length += length < end - 8 ? 23 : 1)
      await expect(decodeImage(data.subarray(0, length), name), `to ${length}`).rejects.toThrow(UserError);
  });

  it('says what is wrong', async () => {
    const data = file('420.jpg');
    const problem = (what: string) => `cat.jpg: damaged, truncated or unsupported JPEG: ${what}`;
    expect(await message(data.subarray(0, 100))).toBe(problem('it ends before its frame header'));
    expect(await message(data.subarray(0, data.length - 1))).toBe(problem('it ends before its end marker'));
    expect(await message(changed('420', SOF0, { 5: 0xff, 6: 0xff, 7: 0xff, 8: 0xff }))).toBe(
      'cat.jpg: expected an image of at most 3 megapixels of a file so small (truncated, or a decompression bomb?), got 65535x65535; make it smaller',
    );
    expect(await message(changed('420', SOF0, { 5: 0, 6: 0 }))).toBe(
      problem('Empty JPEG image (DNL not supported)'),
    );
    expect(await message(changed('420', SOF0, { 1: 0xc3 }))).toBe(
      problem('Unsupported JPEG process: SOF type 0xc3'),
    );
    expect(await message(changed('420', MARKERS.DQT, { 1: 0xfe }))).toMatch(
      /Quantization table 0x00 was not defined$/,
    );
  });

  it('CMYK too', async () => {
    const scan = (name: string, bytes: Readonly<Record<number, number>>) =>
      message(changed(name, MARKERS.SOS, bytes));
    const problem = 'cat.jpg: damaged, truncated or unsupported JPEG: ';
    expect(await scan('cmyk', { 60: 0xff, 61: 0xd9 })).toBe(`${problem}coded data that ends too early`);
    expect(await scan('cmyk', { 5: 99 })).toBe(`${problem}a scan of a component that is not there`);
    expect(await message(changed('cmyk', MARKERS.DHT, { 1: 0xfe }))).toBe(
      `${problem}a missing Huffman table`,
    );
    expect(await message(changed('cmyk', SOF0, { 1: 0xc9 }))).toBe(`${problem}arithmetic coded or lossless`);
    // K is the only one at full size.
    expect(await message(changed('cmyk', SOF0, { 20: 0x22 }))).toBe(
      `${problem}an unusual subsampling of CMYK`,
    );
  });

  it('random damage ends in an error of one line or in an image', async () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < 150; round++) {
      const data = file(`${names[round % names.length]}.jpg`);
      for (let i = 0; i < 3; i++) data[2 + random(data.length - 2)] = random(256);
      try {
        const { width, height, data: pixels } = await decodeImage(data, 'cat.jpg');
        expect(pixels).toHaveLength(3 * width * height);
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(UserError);
        expect((error as Error).message).toMatch(/^cat\.jpg: [^\n]+$/);
      }
    }
  });
});
