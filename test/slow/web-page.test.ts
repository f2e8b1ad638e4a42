/**
 * The page in headless Chromium, on its CPU adapter: attacks a bundled image and sees the class change, with the numbers that the command line
 * gives on the same kind of adapter; errors, keyboard, axe, a phone's width, dark mode. Skipped where there is no Chromium (CHROMIUM: its path).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../../data/image-files.js';
import { hasSwiftShader } from '../../node/swiftshader.js';
import type { ImageResult } from '../../report/run-files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
const GPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const IMAGE = 3;
const NET = 'vgg11_bn-cifar10';
const ITERATIONS = 8;
const PATIENCE = 300_000;

let server: { close(): void; address(): AddressInfo };
let browser: Browser;
let url: string;

async function launch(...more: readonly string[]): Promise<Browser> {
  const args = ['--headless=new', '--no-sandbox', '--disable-background-networking', ...more];
  return chromium.launch({ executablePath: executablePath!, args });
}

beforeAll(async () => {
  if (!executablePath) return;
  const web = await import(new URL('../../scripts/web.mjs', import.meta.url).href);
  await web.buildWeb();
  server = await web.serveWeb(0);
  url = `http://localhost:${server.address().port}/`;
  browser = await launch(...GPU);
}, 600_000);

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** A page whose complaints are kept. */
async function open(path = '', options: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.setDefaultTimeout(PATIENCE);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(url + path);
  return { page, complaints };
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: AxeViolation[] }> } };
    const found = (await axe.run()).violations;
    return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
  });
}
interface AxeViolation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

const attackButton = (page: Page) => page.getByRole('button', { name: 'Attack', exact: true });

/** The bytes of what a click downloads. */
async function downloaded(page: Page, name: string): Promise<Buffer> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name }).click(),
  ]);
  return readFileSync(await download.path());
}

describe.skipIf(!executablePath)('the page', { timeout: 2 * PATIENCE }, () => {
  test('attacks by keyboard alone, shows every step, and gives away what the command line gives', async () => {
    const { page, complaints } = await open(`?net=${NET}&image=${IMAGE}&method=cfr&iterations=${ITERATIONS}`);
    await page.waitForSelector('.lane canvas');
    await expect.poll(() => page.textContent('.verdict')).toContain('cat');
    expect(await page.textContent('.chip')).toMatch(/swiftshader.*software, no GPU/i);
    await attackButton(page).focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('.verdict .fooled');
    await page.waitForSelector('summary:has-text("Download")');
    const verdict = await page.textContent('.verdict');
    expect(verdict).toMatch(/cat.*becomes.*(?!cat)/);
    // Back through the steps: another image is shown.
    const slider = page.getByLabel('Step shown');
    await slider.focus();
    for (let i = 0; i < ITERATIONS; i++) await page.keyboard.press('ArrowLeft');
    await page.waitForSelector('figcaption:has-text("step 1")');
    await page.getByRole('button', { name: 'Result' }).click();
    await page.click('summary:has-text("Download")');
    const settings = JSON.parse((await downloaded(page, 'Settings and numbers')).toString());
    expect(settings).toMatchObject({
      method: 'cfr',
      model: NET,
      index: IMAGE,
      label: 3,
      labelled: true,
      success: true,
    });
    expect(settings.settings).toMatchObject({ mode: 'minimal', iterations: ITERATIONS });
    const png = await decodeImage(await downloaded(page, 'Adversarial PNG'), 'adversarial');
    expect([png.width, png.height]).toEqual([32, 32]);
    const clean = await decodeImage(await downloaded(page, 'Original PNG'), 'original');
    const squares = png.data.reduce((sum, value, i) => sum + (value - clean.data[i]!) ** 2, 0);
    expect(Math.sqrt(squares) / 255).toBeCloseTo(settings.l2, 6);
    expect(complaints).toEqual([]);

    if (hasSwiftShader()) {
      const line = commandLine();
      expect(line).toMatchObject({
        success: true,
        label: 3,
        cfr: settings.cfr,
        cfrPixels: settings.cfrPixels,
      });
      expect(line.clean.class).toBe(settings.clean.class);
      expect(settings.clean.confidence).toBeCloseTo(line.clean.confidence, 3);
      expect(settings.adversarial.class).toBe(line.adversarial.class);
      // Chromium's SwiftShader is of another version than npm's: sums in another order, so 8-bit roundings may fall otherwise.
      expect(Math.abs(settings.l2 - line.l2) / line.l2).toBeLessThan(0.02);
      expect(Math.abs(settings.ssim - line.ssim)).toBeLessThan(2e-4);
      expect([settings.forwards, settings.backwards]).toEqual([line.forwards, line.backwards]);
    }
    await page.close();
  });

  test('two methods beside each other, pause, step, stop; the address holds it all', async () => {
    const { page, complaints } = await open(`?net=${NET}&image=6&method=pgd&iterations=6`);
    await page.waitForSelector('.lane canvas');
    await page.getByRole('button', { name: 'Compare with another method' }).click();
    await page.getByRole('combobox', { name: 'Second method' }).selectOption('fmn');
    await expect.poll(() => page.url()).toContain('b.method=fmn');
    await page.getByRole('button', { name: 'Attack with both' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.lane .verdict dl').length === 2);
    const second = page.getByRole('region', { name: 'Attack with fmn' });
    await second.getByRole('button', { name: 'Pause' }).click();
    await second.getByRole('button', { name: 'Step' }).click();
    await second.getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => second.getByRole('button', { name: 'Pause' }).count()).toBe(0);
    await page
      .getByRole('region', { name: 'Attack with pgd' })
      .locator('summary:has-text("Download")')
      .waitFor();
    expect(complaints).toEqual([]);
    await page.reload();
    await expect.poll(() => page.getByRole('combobox', { name: 'Second method' }).inputValue()).toBe('fmn');
    expect(await page.getByLabel('iterations').first().inputValue()).toBe('6');
    await page.close();
  });

  test('mistakes are told where they are made, and nothing breaks', async () => {
    const { page, complaints } = await open(`?net=${NET}&image=${IMAGE}`);
    await page.waitForSelector('.lane canvas');
    await page.getByLabel('tau').fill('7');
    await page.getByLabel('tau').press('Tab');
    await page.waitForSelector('.error:has-text("tau: expected a number from 0 to 1, got 7")');
    expect(await attackButton(page).isDisabled()).toBe(true);
    await page.getByLabel('tau').fill('');
    await page.getByLabel('tau').press('Tab');
    await expect.poll(() => attackButton(page).isEnabled()).toBe(true);
    const [own, weights] = [page.locator('input[type=file]').nth(0), page.locator('input[type=file]').nth(1)];
    await own.setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no image') });
    await page.waitForSelector('.error:has-text("x.png: expected an image that this browser can decode")');
    await weights.setInputFiles({ name: 'x.pth', mimeType: '', buffer: Buffer.from('no weights') });
    await page.waitForSelector('.error:has-text("x.pth: expected safetensors or a PyTorch file")');
    // A net and a photo of the visitor's own.
    await weights.setInputFiles(join(root, 'weights/files', `${NET}.safetensors`));
    await own.setInputFiles(join(root, 'test/fixtures/jpeg/420.jpg'));
    await page.waitForSelector('.lane canvas');
    await expect.poll(() => page.getByRole('combobox', { name: 'Network' }).inputValue()).toBe('own file');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('weights are kept: the next visit fetches none', async () => {
    const context = await browser.newContext();
    const fetched: string[] = [];
    for (let visit = 0; visit < 2; visit++) {
      const page = await context.newPage();
      page.on('request', (request) => {
        if (request.url().includes('/weights/')) fetched.push(request.url());
      });
      await page.goto(`${url}?net=${NET}`);
      await page.waitForSelector('.lane canvas', { timeout: PATIENCE });
      await page.close();
    }
    expect(fetched).toHaveLength(1);
    await context.close();
  });

  test.each(['light', 'dark'] as const)(
    '%s: axe finds nothing, at 390 px nothing sticks out',
    async (colorScheme) => {
      const { page } = await open(`?net=${NET}&image=${IMAGE}&iterations=2`, { colorScheme });
      await page.waitForSelector('.lane canvas');
      await attackButton(page).click();
      await page.waitForSelector('summary:has-text("Download")');
      expect(await violations(page)).toEqual([]);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(ground).toBe(colorScheme === 'dark' ? 'rgb(14, 13, 18)' : 'rgb(246, 244, 241)');
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      expect(await violations(page)).toEqual([]);
      await page.close();
    },
  );

  test('the leaderboard ranks methods at equal cost', async () => {
    const { page, complaints } = await open(`?net=${NET}&image=${IMAGE}`);
    await page.waitForSelector('.lane canvas');
    await page.getByLabel('passes').selectOption('20');
    await page.getByRole('button', { name: 'Rank them' }).click();
    await page.waitForFunction(
      () => document.querySelectorAll('.leaderboard tbody tr:not(.out)').length >= 3,
    );
    await page.getByRole('button', { name: /^Stop/ }).click();
    const passes = await page.locator('.leaderboard tbody tr td:nth-child(7)').allTextContents();
    expect(passes.map(Number).every((count) => count <= 20)).toBe(true);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('the page of benchmarks tests kernels, tells what is wrong, and can be stopped', async () => {
    const { page, complaints } = await open('bench/');
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.waitForSelector('.progress:has-text("testing 11 of")');
    expect(await page.textContent('dl')).toMatch(/adapter \(software, no GPU\).*swiftshader/i);
    expect(await page.locator('.notice.bad').count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('without WebGPU it says what to do in this browser', async () => {
    const plain = await launch(
      '--disable-gpu',
      '--disable-features=WebGPU',
      '--disable-blink-features=WebGPU',
    );
    try {
      const page = await plain.newPage();
      // Whatever this Chromium is able to do.
      await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined }));
      await page.goto(url);
      await page.waitForSelector('.notice.bad', { timeout: PATIENCE });
      expect(await page.textContent('.notice.bad')).toMatch(
        /No WebGPU in Chrome here.*chrome:\/\/(settings|gpu|flags)/s,
      );
      expect(await violations(page)).toEqual([]);
    } finally {
      await plain.close();
    }
  });
});

/** The line of `results.jsonl` that the command line writes for the same image, on SwiftShader. */
function commandLine(): ImageResult {
  const folder = mkdtempSync(join(tmpdir(), 'cfr-test-'));
  try {
    const what = ['--dataset', 'cifar10-sample', '--offset', String(IMAGE), '--limit', '1', '--model', NET];
    const argv = ['attack', ...what, '--iterations', String(ITERATIONS), '--out', join(folder, 'run')];
    const env = { ...process.env, CFR_ADAPTER: 'swiftshader', CFR_DETERMINISTIC: '1' };
    execFileSync(process.execPath, [join(root, 'bin/cfr.mjs'), ...argv], { cwd: root, env, stdio: 'pipe' });
    return JSON.parse(readFileSync(join(folder, 'run/results.jsonl'), 'utf8').split('\n')[0]!);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
