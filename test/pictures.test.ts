/** The pictures' pixels against values worked out by hand. */
import { describe, expect, it } from 'vitest';
import type { Image } from '../data/rgb.js';
import {
  chooseAmplification,
  enlargeMap,
  explanationPicture,
  heatColour,
  heatMap,
  imageFromTensor,
  maskPicture,
  outlineRegion,
  overlayHeat,
  perturbationPicture,
  upscale,
} from '../report/pictures.js';

const image = (width: number, height: number, ...data: number[]): Image => ({
  width,
  height,
  data: Uint8Array.from(data),
});
const flat = (width: number, height: number, level: number): Image => ({
  width,
  height,
  data: new Uint8Array(3 * width * height).fill(level),
});
const pixel = (from: Image, x: number, y: number) => [
  ...from.data.subarray(3 * (y * from.width + x), 3 * (y * from.width + x) + 3),
];

describe('imageFromTensor', () => {
  it('interleaves the planes and rounds to the nearest level', () => {
    const x = [0, 1, 0.5, 100.4 / 255, 100.6 / 255, -0.2];
    expect(imageFromTensor(x, { width: 2, height: 1 })).toEqual(image(2, 1, 0, 128, 101, 255, 100, 0));
  });

  it('keeps every level exactly, also in f32', () => {
    const x = Float32Array.from({ length: 768 }, (_, i) => (i % 256) / 255);
    const { data } = imageFromTensor(x, { width: 16, height: 16 });
    for (let level = 0; level < 256; level++) expect(data[3 * level]).toBe(level);
  });

  it('refuses a batch', () => {
    expect(() => imageFromTensor(new Float32Array(24), { width: 2, height: 2 })).toThrow(
      /expected 12 values \(3x2x2\), got 24/,
    );
  });
});

describe('enlarging', () => {
  it('repeats pixels in squares', () => {
    const got = upscale(image(2, 1, 1, 2, 3, 4, 5, 6), 2);
    expect(got).toEqual(image(4, 2, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
    expect(() => upscale(got, 1.5)).toThrow(/whole factor of at least 1, got 1.5/);
  });

  it('interpolates maps with half-pixel centres, as torch with align_corners=False', () => {
    // torch: interpolate([[0, 1]], scale_factor=2, mode='bilinear') = [0, .25, .75, 1]
    const got = enlargeMap([0, 1], { width: 2, height: 1 }, 2);
    expect([...got]).toEqual([0, 0.25, 0.75, 1, 0, 0.25, 0.75, 1]);
    expect([...enlargeMap([3, 1, 4, 1], { width: 2, height: 2 }, 1)]).toEqual([3, 1, 4, 1]);
  });
});

describe('heat', () => {
  it('follows inferno as matplotlib has it', () => {
    const published = [
      [0, [0, 0, 4]],
      [64, [87, 16, 110]],
      [128, [188, 55, 84]],
      [192, [249, 142, 9]],
      [255, [252, 255, 164]],
    ] as const;
    for (const [level, colour] of published) {
      expect(heatColour(level / 255)).toEqual(colour);
    }
  });

  it('gets lighter with every step, and takes what is out of range for the nearest end', () => {
    const lightness = (heat: number) => {
      const [r, g, b] = heatColour(heat);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (let level = 8; level < 256; level += 8)
      expect(lightness(level / 255)).toBeGreaterThan(lightness((level - 8) / 255));
    expect(heatColour(7)).toEqual(heatColour(1));
    expect(heatColour(-7)).toEqual(heatColour(0));
    expect(heatColour(Number.NaN)).toEqual(heatColour(0));
  });

  it('covers hot pixels more than cold ones', () => {
    const [r, g, b] = heatColour(1);
    const got = overlayHeat(flat(2, 1, 200), [0, 1], 0.5);
    expect(pixel(got, 0, 0)[0]).toBe(Math.round(200 * (1 - 0.175)));
    expect(pixel(got, 1, 0)).toEqual([r, g, b].map((value) => Math.round(100 + value / 2)));
    expect(heatMap([1], { width: 1, height: 1 })).toEqual(image(1, 1, r, g, b));
  });
});

describe('outlineRegion', () => {
  it('draws light inside and dark outside of the border, and nothing else', () => {
    const region = new Float32Array(49);
    for (let y = 2; y < 5; y++) region.fill(0.3, 7 * y + 2, 7 * y + 5);
    const got = outlineRegion(flat(7, 7, 100), region);
    const rows = Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: 7 }, (_, x) => pixel(got, x, y)[0]),
    );
    const dark = 45;
    expect(rows).toEqual([
      [100, 100, 100, 100, 100, 100, 100],
      [100, dark, dark, dark, dark, dark, 100],
      [100, dark, 255, 255, 255, dark, 100],
      [100, dark, 255, 100, 255, dark, 100],
      [100, dark, 255, 255, 255, dark, 100],
      [100, dark, dark, dark, dark, dark, 100],
      [100, 100, 100, 100, 100, 100, 100],
    ]);
  });

  it('keeps to one pixel of the enlarged image, and leaves a region that is everything alone', () => {
    const got = outlineRegion(flat(8, 4, 100), [1, 0], 4);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((x) => pixel(got, x, 1)[0])).toEqual([
      100, 100, 100, 255, 45, 100, 100, 100,
    ]);
    expect(outlineRegion(flat(8, 4, 100), [1, 1], 4)).toEqual(flat(8, 4, 100));
  });

  it('does not write into its input', () => {
    const input = flat(4, 4, 50);
    explanationPicture(
      input,
      new Float32Array(16).fill(0.5),
      [1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0],
    );
    expect(input).toEqual(flat(4, 4, 50));
  });
});

describe('maskPicture', () => {
  it('shows the largest value white, whatever the normalisation', () => {
    const size = { width: 4, height: 1 };
    const grey = (mask: number[]) => [0, 1, 2, 3].map((x) => pixel(maskPicture(mask, size), x, 0)[1]);
    expect(grey([0, 0.2, 0.5, 1])).toEqual([0, 51, 128, 255]);
    expect(grey([0, 0.0002, 0.0005, 0.001])).toEqual([0, 51, 128, 255]);
    expect(grey([0, 0, 0, 0])).toEqual([0, 0, 0, 0]);
  });
});

describe('perturbationPicture', () => {
  it('puts zero at 128 and tells the amplification that it chose', () => {
    const got = perturbationPicture(image(1, 1, 10, 20, 30), image(1, 1, 10, 24, 25));
    expect(got.amplification).toBe(20);
    expect(got.image).toEqual(image(1, 1, 128, 208, 28));
  });

  it('takes the largest round amplification that clips nothing', () => {
    const chosen = (difference: number) => chooseAmplification(flat(1, 1, 0), image(1, 1, 0, 0, difference));
    expect([0, 1, 2, 6, 7, 12, 13, 25, 26, 63, 64, 255].map(chosen)).toEqual([
      100, 100, 50, 20, 10, 10, 5, 5, 2, 2, 1, 1,
    ]);
  });

  it('clips what a given amplification drives out of range, and refuses images of two sizes', () => {
    const got = perturbationPicture(image(1, 1, 0, 100, 200), image(1, 1, 50, 100, 150), 10);
    expect(got).toEqual({ image: image(1, 1, 255, 128, 0), amplification: 10 });
    expect(() => perturbationPicture(flat(2, 1, 0), flat(1, 2, 0))).toThrow(/got 2x1 and 1x2/);
  });
});
