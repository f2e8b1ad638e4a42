/** The pictures' pixels against values worked out by hand, and that sheets show what they say without clipping it. */
import { describe, expect, it } from 'vitest';
import type { Image } from '../data/image.js';
import { glyphOf } from '../report/font.js';
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
import { contactSheet, type SheetRow } from '../report/sheet.js';
import { drawText, fitText, textWidth } from '../report/text.js';

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
      // The polynomial is a fit of the table: six levels off at most.
      for (const [c, value] of heatColour(level / 255).entries())
        expect(Math.abs(value - colour[c]!)).toBeLessThanOrEqual(6);
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

describe('text', () => {
  it('has a glyph of its own for every printable ASCII character', () => {
    const unknown = JSON.stringify(glyphOf('\u0001'));
    for (let code = 33; code < 127; code++) {
      const character = String.fromCharCode(code);
      expect(glyphOf(character).segments.length, character).toBeGreaterThan(0);
      if (character !== '?') expect(JSON.stringify(glyphOf(character)), character).not.toBe(unknown);
    }
    const shapes = new Set(
      Array.from({ length: 94 }, (_, i) => JSON.stringify(glyphOf(String.fromCharCode(33 + i)))),
    );
    expect(shapes.size).toBe(94);
    expect(glyphOf('é')).toEqual(glyphOf('e'));
    expect(glyphOf('→')).not.toEqual(glyphOf('?'));
  });

  it('stays inside the width that it measures, with ink in it', () => {
    for (const text of ['Wij', 'cat 98.2 %', '@lmW', 'f(j)y']) {
      const sheet = flat(200, 40, 255);
      drawText(sheet, text, 20, 26, { size: 10, colour: [0, 0, 0] });
      const inked = Array.from({ length: 200 }, (_, x) => x).filter((x) =>
        Array.from({ length: 40 }, (_, y) => pixel(sheet, x, y)[0]!).some((value) => value < 200),
      );
      expect(Math.min(...inked), text).toBeGreaterThanOrEqual(19);
      expect(Math.min(...inked), text).toBeLessThanOrEqual(22);
      expect(Math.max(...inked), text).toBeLessThanOrEqual(20 + textWidth(text, 10));
      expect(Math.max(...inked), text).toBeGreaterThan(20 + textWidth(text, 10) - 6);
    }
  });

  it('clips at the edges of the image', () => {
    const small = flat(10, 6, 255);
    drawText(small, 'WWWW', -4, 3, { size: 10, colour: [0, 0, 0] });
    expect(small.data.some((value) => value < 100)).toBe(true);
  });

  it('shortens at the end until it fits', () => {
    const long = 'American Staffordshire terrier';
    const short = fitText(long, 9, 80);
    expect(short).toMatch(/^Ameri.*…$/);
    expect(textWidth(short, 9)).toBeLessThanOrEqual(80);
    expect(fitText(long, 9, 1000)).toBe(long);
    expect(fitText(long, 9, 2)).toBe('');
  });
});

describe('contactSheet', () => {
  const row = (side: number, level: number): SheetRow => {
    const original = flat(side, side, level);
    const adversarial = flat(side, side, level);
    adversarial.data[0] = level + 5;
    return {
      original,
      adversarial,
      cam: new Float32Array(side * side).fill(0.5),
      mask: new Float32Array(side * side).fill(0.25),
      clean: { label: 'cat', confidence: 0.982 },
      attacked: { label: 'dog', confidence: 0.871 },
      success: true,
      cfr: 'ok',
      cfrPixels: side * side,
      l2: 0.02,
      linf: 0.02,
      ssim: 0.9999,
      name: '#0',
    };
  };

  it('shows each image four times as large, in its row and columns', () => {
    const sheet = contactSheet([row(32, 40), row(32, 90)]);
    expect(sheet.width).toBe(2 * 32 + 5 * 128 + 4 * 14);
    const column = (c: number) => 32 + c * (128 + 14);
    const top = 32 + 24;
    expect(pixel(sheet, column(0), top)).toEqual([40, 40, 40]);
    expect(pixel(sheet, column(0) + 127, top + 127)).toEqual([40, 40, 40]);
    expect(pixel(sheet, column(2) + 60, top + 60)).toEqual([255, 255, 255]);
    expect(pixel(sheet, column(3) + 3, top + 3)).toEqual([228, 128, 128]);
    expect(pixel(sheet, column(3) + 4, top + 4)).toEqual([128, 128, 128]);
    expect(pixel(sheet, column(4) + 3, top + 3)).toEqual([45, 40, 40]);
    expect(pixel(sheet, column(0) + 60, top + 60 + 128 + 2 * 17 + 6 + 22)).toEqual([90, 90, 90]);
  });

  it('keeps the margins free of ink, in both themes, with texts that do not fit', () => {
    const long = { label: 'American Staffordshire terrier, pit bull terrier', confidence: 1 };
    const wide: SheetRow = {
      ...row(32, 90),
      clean: long,
      attacked: long,
      name: 'photographs/of/a/dog.png',
      l2: 1234.5678,
    };
    for (const [theme, paper] of [
      ['light', [252, 252, 251]],
      ['dark', [20, 22, 26]],
    ] as const) {
      const sheet = contactSheet([wide], {
        theme,
        title: 'title '.repeat(40),
        subtitle: 'subtitle '.repeat(40),
      });
      let inked = 0;
      for (let y = 0; y < sheet.height; y++) {
        for (let x = 0; x < 28; x++) {
          if (pixel(sheet, x, y).join() !== paper.join()) inked++;
          if (pixel(sheet, sheet.width - 1 - x, y).join() !== paper.join()) inked++;
        }
      }
      expect(inked, theme).toBe(0);
    }
  });

  it('stands many rows in two blocks, and takes ImageNet sizes as they are', () => {
    const one = contactSheet(Array.from({ length: 16 }, () => row(32, 9)));
    const two = contactSheet(Array.from({ length: 17 }, () => row(32, 9)));
    expect(two.width).toBe(2 * one.width - 2 * 32 + 56);
    expect(two.height).toBeLessThan(one.height);
    const large = contactSheet([row(224, 77)]);
    expect(large.width).toBe(2 * 32 + 5 * 224 + 4 * 14);
    expect(pixel(large, 32 + 223, 32 + 26 + 223)).toEqual([77, 77, 77]);
  });

  it('says what differs: fooled or not, empty CFR, wrong from the start', () => {
    const base = contactSheet([row(32, 90)]);
    const same = (changed: SheetRow) => Buffer.compare(contactSheet([changed]).data, base.data) === 0;
    const variants: Partial<SheetRow>[] = [
      { success: false },
      { cfr: 'empty' },
      { truth: 'frog' },
      { ssim: 0.9 },
      { name: '#1' },
    ];
    for (const variant of variants) {
      expect(contactSheet([{ ...row(32, 90), ...variant }]).data, JSON.stringify(variant)).not.toEqual(
        base.data,
      );
    }
    expect(same(row(32, 90))).toBe(true);
  });

  it('refuses none, too many, and images of two sizes', () => {
    expect(() => contactSheet([])).toThrow(/expected 1 to 64 rows, got 0/);
    expect(() => contactSheet(Array.from({ length: 65 }, () => row(11, 9)))).toThrow(/got 65/);
    expect(() => contactSheet([row(32, 9), row(16, 9)])).toThrow(/got 32x32 and 16x16/);
  });
});
