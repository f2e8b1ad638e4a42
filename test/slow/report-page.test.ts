/**
 * The pages of results in headless Chromium, opened from the disk as readers open them. Skipped where there is no Chromium (CHROMIUM names
 * another path).
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { source as axe } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writePng } from '../../data/image-files.js';
import { buildPage } from '../../report/page.js';
import { columnsOf, type StudyPage } from '../../report/page-data.js';
import { greyPicture } from '../../run/pictures.js';
import { madeRun, madeStudy } from '../support/made-pages.js';

const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
const folder = mkdtempSync(join(tmpdir(), 'cfr-page-'));
let browser: Browser;

const side = 32;
/** Pictures of a few images, in which the perturbation is known: channel c of pixel p changes by (p + c) % 5 - 2. */
const PICTURES = 4;
const clean = (index: number) =>
  Uint8Array.from({ length: 3 * side * side }, (_, i) => 40 + ((i * 7 + index * 31) % 170));
const change = (i: number) => ((Math.floor(i / 3) + (i % 3)) % 5) - 2;

beforeAll(async () => {
  if (!executablePath) return;
  for (const kind of ['clean', 'adversarial', 'cam', 'mask', 'overlay', 'perturbation'])
    mkdirSync(join(folder, kind));
  const size = { width: side, height: side };
  for (let index = 0; index < PICTURES; index++) {
    const path = (kind: string) => join(folder, kind, `0000${index}.png`);
    const x = clean(index);
    const map = Float32Array.from({ length: side * side }, (_, p) => p / (side * side));
    await writePng(path('clean'), { ...size, data: x });
    await writePng(path('adversarial'), { ...size, data: x.map((value, i) => value + change(i)) });
    const grey = greyPicture(map, size);
    for (const kind of ['cam', 'mask', 'overlay', 'perturbation']) await writePng(path(kind), grey);
  }
  const write = (name: string, page: Parameters<typeof buildPage>[0]) =>
    writeFileSync(join(folder, name), buildPage(page));
  write('few.html', madeRun(PICTURES));
  write('some.html', madeRun(60));
  write('many.html', madeRun(10_000));
  write('empty.html', {
    ...madeRun(4),
    images: columnsOf([]),
    figures: [],
    empty: 'No image is finished yet.',
  });
  for (const command of ['compare', 'sweep', 'transfer', 'regions'] as const)
    write(`${command}.html`, madeStudy(command));
  browser = await chromium.launch({ executablePath, args: ['--headless=new', '--no-sandbox'] });
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const needsBrowser = test.skipIf(!executablePath);
if (!executablePath)
  console.warn('report-page: no Chromium found (CHROMIUM names its path); its tests are skipped');

/** Opens a page; what it says on the console, and where it reaches out to, is a failure. */
async function open(
  name: string,
  { hash = '', ...options }: BrowserContextOptions & { readonly hash?: string } = {},
): Promise<{ page: Page; close(): Promise<void> }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const said: string[] = [];
  // Made-up images have no pictures on the disk.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('ERR_FILE_NOT_FOUND'))
      said.push(message.text());
  });
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) said.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(join(folder, name)).href + hash);
  await page.locator('h1').waitFor();
  return {
    page,
    async close() {
      await context.close();
      expect(said).toEqual([]);
    },
  };
}

async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { run } = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe;
    type Violation = { id: string; nodes: { html: string; failureSummary: string }[] };
    return (await run()).violations.map(
      ({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`,
    );
  });
  expect(violations).toEqual([]);
}

/** Nothing is cut off or scrolls sideways. */
async function expectFits(page: Page): Promise<void> {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(excess).toBeLessThanOrEqual(0);
}

describe('accessible, and no wider than the window', () => {
  const pages = [
    'few.html',
    'some.html',
    'empty.html',
    'compare.html',
    'sweep.html',
    'transfer.html',
    'regions.html',
  ];
  for (const name of pages)
    for (const [kind, options] of [
      ['desktop', {}],
      ['dark', { colorScheme: 'dark' }],
      ['phone', { viewport: { width: 390, height: 844 } }],
    ] as const)
      needsBrowser(`${name}, ${kind}`, async () => {
        const { page, close } = await open(name, options);
        await expectAccessible(page);
        await expectFits(page);
        await close();
      });

  needsBrowser('table and lightbox', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, close } = await open('some.html', { hash: '#view=table&image=2', colorScheme });
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await expectAccessible(page);
      await expectFits(page);
      // The table of the chosen columns needs no scrolling at 1280 pixels.
      const sideways = await page
        .getByRole('region', { name: 'Table of images' })
        .evaluate((box) => box.scrollWidth - box.clientWidth);
      expect(sideways).toBeLessThanOrEqual(0);
      await close();
    }
  });
});

describe('the images', () => {
  needsBrowser('filters by a bin, by classes, outcome and words, and takes each away again', async () => {
    const { page, close } = await open('some.html');
    const status = page.getByRole('status');
    await expect.poll(() => status.textContent()).toBe('60 of 60 images');
    const bin = page.getByRole('button', { name: /^l2 .*: [1-9]\d* images$/ }).first();
    const count = /: (\d+) images/.exec((await bin.getAttribute('aria-label'))!)![1]!;
    await bin.focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => status.textContent()).toBe(`${count} of 60 images`);
    await page.getByRole('button', { name: /^Remove the filter l2/ }).click();
    await expect.poll(() => status.textContent()).toBe('60 of 60 images');
    const cell = page.getByRole('button', { name: /^\w+ to \w+: \d+$/ }).first();
    const moved = /: (\d+)$/.exec((await cell.getAttribute('aria-label'))!)![1]!;
    await cell.click();
    await expect.poll(() => status.textContent()).toMatch(new RegExp(`^${moved} of 60`));
    await page.getByRole('button', { name: 'all', exact: true }).click();
    await page.getByRole('searchbox').fill('image-7.png');
    await expect.poll(() => status.textContent()).toBe('1 of 60 images');
    await page.getByRole('searchbox').fill('nothing like it');
    await expect.poll(() => page.getByText('No image is like that.').count()).toBe(1);
    await close();
  });

  needsBrowser('sorts the table, chooses columns, and names them in its CSV', async () => {
    const { page, close } = await open('some.html', { hash: '#view=table' });
    const region = page.getByRole('region', { name: 'Table of images' });
    await region.getByRole('button', { name: 'l2' }).click();
    const sizes = await region.locator('tbody td:nth-child(9)').allTextContents();
    expect(sizes.length).toBeGreaterThan(5);
    expect(sizes.map(Number)).toEqual(sizes.map(Number).sort((a, b) => a - b));
    expect(await region.getByRole('columnheader', { name: 'l0' }).count()).toBe(0);
    await page.getByText('Columns', { exact: true }).click();
    await page.getByLabel('l0', { exact: true }).check();
    expect(await region.getByRole('columnheader', { name: 'l0' }).count()).toBe(1);
    await page.getByText('Columns', { exact: true }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ]);
    const csv = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\r\n');
    expect(csv[0]).toMatch(/^source,index,cleanClass,adversarialClass,outcome,l2,/);
    expect(csv).toHaveLength(61);
    await close();
  });

  needsBrowser('10,000 images: nothing stalls, and few elements are there', async () => {
    const { page, close } = await open('many.html', { hash: '#view=table' });
    const slowest = (act: string) =>
      page.evaluate(async (what) => {
        const box = document.querySelector('.table-scroll')!;
        let most = 0;
        let last = performance.now();
        const frame = () => new Promise<void>((resolve) => requestAnimationFrame(() => resolve()));
        for (let i = 0; i < 40; i++) {
          if (what === 'scroll') box.scrollTop += 20_000;
          await frame();
          const now = performance.now();
          if (i > 3) most = Math.max(most, now - last);
          last = now;
        }
        return most;
      }, act);
    // A busy machine without a GPU: what counts is that it is no stall of seconds.
    expect(await slowest('scroll')).toBeLessThan(1500);
    expect(await page.locator('.table-scroll tr').count()).toBeLessThan(60);
    const filtering = await page.evaluate(async () => {
      const search = document.querySelector<HTMLInputElement>('input[type=search]')!;
      const start = performance.now();
      search.value = 'image-77';
      search.dispatchEvent(new Event('input', { bubbles: true }));
      while (!/^111 of/.test(document.querySelector('[role=status]')!.textContent!))
        await new Promise((resolve) => setTimeout(resolve, 1));
      return performance.now() - start;
    });
    expect(filtering).toBeLessThan(3000);
    await page.getByRole('button', { name: 'grid' }).click();
    await page.evaluate(() => scrollTo(0, 100_000));
    await expect.poll(() => page.locator('.image-card').count()).toBeLessThan(120);
    await close();
  });
});

describe('the lightbox', () => {
  needsBrowser('opens by key, goes on by arrows, flips, closes; the address names the image', async () => {
    const { page, close } = await open('few.html');
    await page.locator('.image-card').first().focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    expect(page.url()).toContain('#image=0');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.url()).toContain('#image=1');
    await page.getByRole('button', { name: /flip/ }).click();
    await expect.poll(() => dialog.getByText('Showing the clean').count()).toBe(1);
    // Small images are squares of whole pixels.
    const width = await dialog.locator('.stage-picture').evaluate((box) => box.clientWidth);
    expect(width % side).toBe(0);
    expect(width).toBeGreaterThan(300);
    expect(
      await dialog
        .locator('img.layer')
        .first()
        .evaluate((image) => getComputedStyle(image).imageRendering),
    ).toBe('pixelated');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(page.url()).not.toContain('image=');
    await page.evaluate(() => {
      location.hash = '#image=3';
    });
    await dialog.waitFor();
    expect(await dialog.getByText('4 of 4').count()).toBe(1);
    await close();
  });

  needsBrowser('the perturbation is amplified to the bit, and its scale is told', async () => {
    const data = madeRun(PICTURES);
    const address = (kind: string) =>
      `data:image/png;base64,${readFileSync(join(folder, kind, '00000.png')).toString('base64')}`;
    // Pixels of files on a disk may not be read, so the test embeds them, as --single-file does.
    const pictures = { clean: address('clean'), adversarial: address('adversarial') };
    const images = { ...data.images, pictures: data.images.pictures!.map(() => pictures) };
    writeFileSync(join(folder, 'single.html'), buildPage({ ...data, images }));
    const { page, close } = await open('single.html', { hash: '#image=0' });
    await page.getByRole('button', { name: 'Perturbation', exact: true }).click();
    for (const times of [1, 20, 50]) {
      await page.getByRole('slider', { name: 'Amplified' }).fill(String(times));
      const expected = Array.from({ length: 3 * side * side }, (_, i) =>
        Math.min(255, Math.max(0, 128 + times * change(i))),
      );
      await expect
        .poll(() =>
          page.locator('.stage canvas').evaluate((canvas) => {
            const { width, height } = canvas as HTMLCanvasElement;
            const { data: rgba } = (canvas as HTMLCanvasElement)
              .getContext('2d')!
              .getImageData(0, 0, width, height);
            return [...rgba].filter((_, i) => i % 4 < 3);
          }),
        )
        .toEqual(expected);
    }
    // 127 levels of 255 over 50.
    expect(await page.getByText('+0.0100').count()).toBe(1);
    await close();
  });
});

describe('print', () => {
  needsBrowser('has all rows and columns, dark text on white', async () => {
    const { page, close } = await open('some.html', { hash: '#view=table', colorScheme: 'dark' });
    const heads = await page.locator('table.images thead th').count();
    const asked = new Set<string>();
    page.on('request', (request) => asked.add(request.url()));
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.setViewportSize({ width: 720, height: 1000 });
    await expect.poll(() => page.locator('table.images tbody tr:not(.spacer)').count()).toBe(60);
    const cut = await page.locator('.table-scroll').evaluate((box) => {
      const right = Math.max(
        ...[...box.querySelectorAll('th, td')].map((cell) => cell.getBoundingClientRect().right),
      );
      return right - document.documentElement.clientWidth;
    });
    expect(heads).toBeGreaterThan(10);
    // Pictures of rows that were never in sight are fetched, too.
    await expect
      .poll(() => [...asked].filter((address) => /clean\/\d+59\.png$/.test(address)))
      .toHaveLength(1);
    const sizes = await page
      .locator('table.images tbody tr:not(.spacer) td')
      .evaluateAll((cells) =>
        cells.flatMap((cell) =>
          [cell, ...cell.querySelectorAll('span')].map((part) => getComputedStyle(part).fontSize),
        ),
      );
    expect(new Set(sizes)).toEqual(new Set(['9px']));
    expect(cut).toBeLessThanOrEqual(1);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      'rgb(255, 255, 255)',
    );
    await close();
  });
});

describe('experiments', () => {
  needsBrowser(
    'compare: curves in any norm, a table that sorts, the same images under each attack',
    async () => {
      const { page, close } = await open('compare.html');
      const study: StudyPage = madeStudy('compare');
      const table = page.getByRole('region', { name: 'Table of results' });
      expect(await table.locator('tbody tr').count()).toBe(study.rows.length);
      await table.getByRole('button', { name: 'ASR' }).click();
      const rates = await table.locator('tbody td:nth-child(3)').allTextContents();
      expect(rates.map(Number.parseFloat)).toEqual(rates.map(Number.parseFloat).sort((a, b) => b - a));
      await page.getByRole('group', { name: 'Norm' }).getByRole('button', { name: 'linf' }).click();
      expect(await page.getByText('linf of the perturbation').count()).toBe(1);
      const heads = await page
        .getByRole('region', { name: 'Images by attack' })
        .getByRole('columnheader')
        .allTextContents();
      expect(heads).toEqual(['Original', ...study.images!.cells.map(({ title }) => title)]);
      await close();
    },
  );
});
