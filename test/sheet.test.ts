/** Pictures with text: the typeface's widths, SVG to pixels, and that contact sheets show what they say without cutting it. */
import { describe, expect, it } from 'vitest';
import type { Image } from '../data/rgb.js';
import { rasterise } from '../report/raster.js';
import { contactSheet, contactSheetSvg } from '../report/sheet.js';
import type { SheetRow } from '../report/sheet-row.js';
import { imageElement, inlineSvg, svgDocument, text } from '../report/svg.js';
import { fitText, textWidth } from '../report/typeface.js';

const flat = (width: number, height: number, level: number): Image => ({
  width,
  height,
  data: new Uint8Array(3 * width * height).fill(level),
});
const pixel = (from: Image, x: number, y: number) => [
  ...from.data.subarray(3 * (y * from.width + x), 3 * (y * from.width + x) + 3),
];
/** Columns of an image that hold ink. */
const inked = (image: Image) =>
  Array.from({ length: image.width }, (_, x) => x).filter((x) =>
    Array.from({ length: image.height }, (_, y) => pixel(image, x, y)[0]!).some((value) => value < 160),
  );
const draw = (content: string, weight: 'regular' | 'bold' = 'regular') =>
  rasterise(svgDocument(300, 40, '', [text(content, 20, 26, { size: 16, fill: '#000', weight })]));

describe('typeface', () => {
  it('has the widths of DejaVu Sans', () => {
    // Advances in 2048ths of an em from the font's hmtx table: A 1401, space 651, Я 1423.
    expect(textWidth('A', 2048)).toBe(1401);
    expect(textWidth(' ', 2048)).toBe(651);
    expect(textWidth('Я', 2048)).toBe(1423);
    expect(textWidth('', 12)).toBe(0);
  });

  it('measures what the renderer draws, in all its scripts', async () => {
    for (const weight of ['regular', 'bold'] as const) {
      for (const content of ['Hinfall', 'кошка', 'γάτα', '→ × ≥ –', 'AVATAR']) {
        const columns = inked(await draw(content, weight));
        const end = 20 + textWidth(content, 16, weight);
        expect(columns[0]!, content).toBeGreaterThanOrEqual(19);
        expect(columns.at(-1)!, content).toBeLessThanOrEqual(end);
        expect(columns.at(-1)!, content).toBeGreaterThan(end - 4);
      }
    }
  });

  it('draws a box for each character that it lacks, and keeps the character in the SVG', async () => {
    const lacking = await draw('猫');
    expect(inked(lacking).length).toBeGreaterThan(4);
    expect(lacking).toEqual(await draw('犬'));
    expect(await draw('к')).not.toEqual(await draw('о'));
    expect(text('猫', 0, 0, { size: 9, fill: '#000', room: 50 })).toContain('>猫<');
  });

  it('shortens at the end until it fits, and parts no letter from its marks', () => {
    const long = 'American Staffordshire terrier';
    const short = fitText(long, 80, 12);
    expect(short).toMatch(/^Ameri.*…$/);
    expect(textWidth(short, 12)).toBeLessThanOrEqual(80);
    const next = `${long.slice(0, short.length + 1)}…`;
    expect(textWidth(next, 12)).toBeGreaterThan(80);
    expect(fitText(long, 1000, 12)).toBe(long);
    expect(fitText(long, 2, 12)).toBe('');
    // One sign of three code points.
    const signs = '👩‍🔬'.repeat(20);
    for (let width = 20; width < 100; width += 7) expect(fitText(signs, width, 12)).toMatch(/^(👩‍🔬)*…$/u);
  });
});

describe('SVG', () => {
  it('lets no text become markup, and shows the whole of what it shortens as a tooltip', () => {
    const evil = '<script>"&\'';
    const got = text(evil, 1, 2, { size: 10, fill: '#000', room: 30 });
    expect(got).not.toContain('<script');
    expect(got).toContain('<title>&lt;script&gt;&quot;&amp;&#39;</title>&lt;');
    expect(svgDocument(1, 1, evil, [])).not.toContain('<script');
  });

  it('writes the same bytes again, and goes into a page without an address', () => {
    const svg = svgDocument(10.123456, 5, 'x', [imageElement(flat(2, 2, 7), -0.001, 0, 4, 4)]);
    expect(svg).toBe(svgDocument(10.123456, 5, 'x', [imageElement(flat(2, 2, 7), 0, 0, 4, 4)]));
    expect(svg).toContain('width="10.12"');
    expect(inlineSvg(svg)).not.toMatch(/https?:/);
  });

  it('becomes pixels: images as squares, at any whole scale, white where nothing is', async () => {
    const image: Image = { width: 2, height: 1, data: Uint8Array.from([10, 20, 30, 200, 100, 50]) };
    const svg = svgDocument(12, 6, '', [imageElement(image, 1, 1, 8, 4)]);
    for (const scale of [1, 2]) {
      const got = await rasterise(svg, scale);
      expect([got.width, got.height]).toEqual([12 * scale, 6 * scale]);
      for (let y = scale; y < 5 * scale; y++) {
        expect(pixel(got, scale, y)).toEqual([10, 20, 30]);
        expect(pixel(got, 5 * scale - 1, y)).toEqual([10, 20, 30]);
        expect(pixel(got, 5 * scale, y)).toEqual([200, 100, 50]);
        expect(pixel(got, 9 * scale - 1, y)).toEqual([200, 100, 50]);
      }
      expect(pixel(got, 0, 0)).toEqual([255, 255, 255]);
      expect(pixel(got, 9 * scale, scale)).toEqual([255, 255, 255]);
    }
  });
});

describe('contactSheet', () => {
  const row = (side: number, level: number, change: Partial<SheetRow> = {}): SheetRow => {
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
      ...change,
    };
  };
  /** The texts of a sheet in the order of its drawing, without tooltips. */
  const texts = (svg: string) =>
    [...svg.matchAll(/<text [^>]*>(?:<title>[^<]*<\/title>)?([^<]*)<\/text>/g)].map((match) => match[1]!);

  it('shows each image five times as large, in its row and columns', async () => {
    const sheet = await contactSheet([row(32, 40), row(32, 90)]);
    expect(sheet.width).toBe(2 * 32 + 5 * 160 + 4 * 16);
    const column = (c: number) => 32 + c * (160 + 16);
    const top = 32 + 13 + 18;
    expect(pixel(sheet, column(0), top)).toEqual([40, 40, 40]);
    expect(pixel(sheet, column(0) + 159, top + 159)).toEqual([40, 40, 40]);
    expect(pixel(sheet, column(2) + 60, top + 60)).toEqual([255, 255, 255]);
    expect(pixel(sheet, column(3) + 4, top + 4)).toEqual([228, 128, 128]);
    expect(pixel(sheet, column(3) + 5, top + 5)).toEqual([128, 128, 128]);
    expect(pixel(sheet, column(4) + 4, top + 4)).toEqual([45, 40, 40]);
    expect(pixel(sheet, column(0) + 60, top + 60 + 160 + 38 + 20)).toEqual([90, 90, 90]);
  });

  it('says what became of each attack', () => {
    const outcome = (change: Partial<SheetRow>) =>
      texts(contactSheetSvg([row(32, 90, change)])).slice(-5, -2);
    expect(outcome({})).toEqual(['→ dog', '87.1 %', 'fooled']);
    expect(outcome({ success: false })).toEqual(['dog', '87.1 %', 'not fooled']);
    expect(outcome({ truth: 'frog', success: false })).toEqual(['dog', '87.1 %', 'wrong when clean']);
    expect(outcome({ truth: 'frog', success: true })).toEqual(['dog', '87.1 %', 'wrong when clean']);
    expect(outcome({ labelled: false })).toEqual(['→ dog', '87.1 %', 'prediction changed']);
    expect(outcome({ labelled: false, success: false })).toEqual(['dog', '87.1 %', 'prediction kept']);
  });

  it('captions the other columns with class, name, CFR, mask and measures', () => {
    const captions = (change: Partial<SheetRow>) =>
      texts(contactSheetSvg([row(32, 90, change)])).slice(5, -5);
    expect(captions({ truth: 'frog', cfrPixels: 256 })).toEqual([
      'cat, is frog',
      '98.2 % · #0',
      'CFR 25.0 %',
      '256 pixels',
      '1.00 – 1.00',
      'mean 1.00 of the max',
      '×20',
      'SSIM 0.9999',
      'l2 0.020',
      'linf 0.020',
    ]);
    expect(captions({ cfr: 'empty', cfrPixels: 0 }).slice(2, 6)).toEqual([
      'CFR empty',
      'no evidence',
      'everywhere',
      'fallback: all ones',
    ]);
    expect(captions({ l2: 123456789.123 })[8]).toMatch(/^l2 1234.*…$/);
    expect(captions({ mask: new Float32Array(1024) }).slice(4, 6)).toEqual(['zero', 'nothing may change']);
    expect(captions({ adversarial: flat(32, 32, 90) })[6]).toBe('no change');
  });

  it('keeps margins and gaps free of ink, in both themes, with texts that do not fit', async () => {
    const long = { label: 'American Staffordshire terrier, pit bull terrier', confidence: 1 };
    const wide = row(32, 90, {
      clean: long,
      attacked: long,
      name: 'photographs/of/a/dog.png',
      l2: 1234.5678,
    });
    for (const [theme, paper] of [
      ['light', [252, 252, 251]],
      ['dark', [20, 22, 26]],
    ] as const) {
      const options = { theme, title: 'title '.repeat(40), subtitle: 'subtitle '.repeat(40) };
      const sheet = await contactSheet([wide], options);
      const captions = sheet.height - 32 - 22 - 20 - 38;
      let inkedPixels = 0;
      const check = (x: number, y: number) => {
        if (pixel(sheet, x, y).join() !== paper.join()) inkedPixels++;
      };
      for (let y = 0; y < sheet.height; y++) {
        for (let x = 0; x < 28; x++) {
          check(x, y);
          check(sheet.width - 1 - x, y);
        }
      }
      for (let y = captions; y < captions + 38; y++) {
        for (let c = 0; c < 4; c++) for (let x = 4; x < 12; x++) check(32 + 160 + c * 176 + x, y);
      }
      expect(inkedPixels, theme).toBe(0);
    }
  });

  it('stands many rows in two blocks, and takes ImageNet sizes as they are', async () => {
    const one = await contactSheet(Array.from({ length: 16 }, () => row(32, 9)));
    const two = await contactSheet(Array.from({ length: 17 }, () => row(32, 9)));
    expect(two.width).toBe(2 * one.width - 2 * 32 + 56);
    expect(two.height).toBeLessThan(one.height);
    const large = await contactSheet([row(224, 77)]);
    expect(large.width).toBe(2 * 32 + 5 * 224 + 4 * 16);
    expect(pixel(large, 32 + 223, 32 + 31 + 223)).toEqual([77, 77, 77]);
  });

  it('is the same picture for the same rows', async () => {
    const base = await contactSheet([row(32, 90)]);
    const same = async (change: Partial<SheetRow>) =>
      Buffer.compare((await contactSheet([row(32, 90, change)])).data, base.data) === 0;
    expect(await same({})).toBe(true);
    expect(await same({ ssim: 0.9 })).toBe(false);
  });

  it('refuses none, too many, and images of two sizes', () => {
    expect(() => contactSheetSvg([])).toThrow(/expected 1 to 64 rows, got 0/);
    expect(() => contactSheetSvg(Array.from({ length: 65 }, () => row(11, 9)))).toThrow(/got 65/);
    expect(() => contactSheetSvg([row(32, 9), row(16, 9)])).toThrow(/got 32x32 and 16x16/);
  });
});
