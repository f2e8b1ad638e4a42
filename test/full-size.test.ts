/** What a net was shown, carried back to photos: preprocessing of the changed photo gives it again, to the bit. */
import { describe, expect, test } from 'vitest';
import { carryBack } from '../data/full-size.js';
import { type PreprocessOptions, placement, preprocess } from '../data/image.js';
import type { Image } from '../data/rgb.js';
import { photoExplanation } from '../report/pictures.js';
import { Random } from './support/random.js';

/** Smooth, with noise; with an amplitude above 125 saturated in parts. */
function photo(width: number, height: number, amplitude = 95): Image {
  const random = new Random(1);
  const data = Uint8ClampedArray.from({ length: 3 * width * height }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return (
      125 +
      amplitude * Math.sin((5 * x) / width + c) * Math.cos((4 * y) / height) +
      30 * random.uniform(-0.5, 0.5)
    );
  });
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** A perturbation of `levels` at a third of the values. */
function perturbed(image: Image, levels: number): Image {
  const random = new Random(7);
  const data = Uint8ClampedArray.from(image.data, (value) =>
    random.uniform() < 1 / 3 ? value + Math.round(random.uniform(-levels, levels)) : value,
  );
  return { ...image, data: new Uint8Array(data.buffer) };
}

const cifar: PreprocessOptions = { inputSize: 32, form: 'cifar' };
const imagenet: PreprocessOptions = { inputSize: [48, 64], form: 'imagenet' };

describe('an adversarial photo', () => {
  test.each<[string, number, number, PreprocessOptions, number]>([
    ['squashed', 150, 100, cifar, 4],
    ['far larger', 400, 300, cifar, 8],
    ['twice as large', 64, 64, cifar, 3],
    ['cropped', 200, 150, imagenet, 3],
    ['of another aspect, cut to a square', 90, 160, { ...cifar, mode: 'crop' }, 3],
  ])('%s', (_what, width, height, options, levels) => {
    const original = photo(width, height);
    const seen = preprocess(original, options);
    const wanted = perturbed(seen, levels);
    const changed = carryBack(original, wanted, options)!;
    expect([changed.width, changed.height]).toEqual([width, height]);
    expect(Buffer.compare(preprocess(changed, options).data, wanted.data)).toBe(0);
    expect(Buffer.compare(original.data, photo(width, height).data)).toBe(0);
    // As small as it can be: of the order of the perturbation on the scale of the photo.
    const norm = (a: Image, b: Image) =>
      Math.sqrt(a.data.reduce((sum, value, i) => sum + (value - b.data[i]!) ** 2, 0));
    const place = placement(original, options);
    const scale = Math.sqrt((width * height) / (place.width * place.height));
    expect(norm(changed, original)).toBeLessThan(3 * scale * norm(wanted, seen));
  });

  test.each([
    ['hardly larger', 33, 33, 95],
    ['larger on one side alone', 32, 80, 95],
    ['white and black in parts', 200, 200, 150],
  ])('%s: what can not be met is missed by little', (_what, width, height, amplitude) => {
    const original = photo(width, height, amplitude);
    const wanted = perturbed(preprocess(original, cifar), 2);
    const got = preprocess(carryBack(original, wanted, cifar)!, cifar).data;
    const off = [...got.keys()].filter((i) => got[i] !== wanted.data[i]);
    expect(off.length).toBeLessThan(0.02 * got.length);
    for (const i of off) expect(Math.abs(got[i]! - wanted.data[i]!)).toBeLessThan(5);
  });

  test('where nothing changes for the net, nothing changes in the photo; elsewhere only there', () => {
    const original = photo(160, 120);
    const seen = preprocess(original, cifar);
    expect(carryBack(original, seen, cifar)!.data).toEqual(original.data);
    const data = seen.data.slice();
    const at = 3 * (16 * 32 + 16);
    data[at]! += data[at]! > 127 ? -3 : 3;
    const changed = carryBack(original, { ...seen, data }, cifar)!;
    const touched = [...changed.data.keys()].filter((i) => changed.data[i] !== original.data[i]);
    expect(touched.length).toBeGreaterThan(0);
    for (const i of touched) {
      const [x, y, c] = [Math.floor(i / 3) % 160, Math.floor(i / 3 / 160), i % 3];
      expect([Math.abs(x - 82) < 40, Math.abs(y - 62) < 30, c]).toEqual([true, true, 0]);
    }
  });

  test('photos that are smaller than what the net sees have none, nor one of its own size', () => {
    for (const [width, height] of [
      [20, 20],
      [20, 90],
      [32, 32],
    ] as const) {
      const original = photo(width, height);
      expect(carryBack(original, perturbed(preprocess(original, cifar), 3), cifar)).toBeUndefined();
    }
  });
});

test('an overlay of full size: heat where the map is, an outline where the region ends, the photo where the net does not look', () => {
  const grey: Image = { width: 120, height: 80, data: new Uint8Array(3 * 120 * 80).fill(100) };
  const size = { width: 4, height: 4 };
  const map = Float32Array.from({ length: 16 }, (_, i) => (i % 4 >= 2 ? 1 : 0));
  const picture = photoExplanation(grey, map, map, size, { left: 20, top: 0, width: 80, height: 80 });
  const pixel = (x: number, y: number) => [
    ...picture.data.subarray(3 * (y * 120 + x), 3 * (y * 120 + x) + 3),
  ];
  for (const x of [0, 19, 100, 119]) expect(pixel(x, 40)).toEqual([100, 100, 100]);
  expect(pixel(25, 40)[0]).toBeLessThan(100);
  expect(pixel(90, 40)[0]).toBeGreaterThan(150);
  // Cells are 20 pixels wide: the region begins at 60.
  expect([pixel(60, 40), pixel(59, 40)]).toEqual([
    [255, 255, 255],
    expect.arrayContaining([expect.any(Number)]),
  ]);
  expect(Math.max(...pixel(59, 40))).toBeLessThan(80);
});
