/**
 * The same engine in a browser: headless Chromium loads the built bundle, explains and attacks two images with the shipped VGG, and must agree
 * with Node. Skipped where there is no Chromium (CHROMIUM names another path).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAttack } from '../../attack/driver.js';
import { openDataset } from '../../data/datasets.js';
import { toTensor } from '../../data/image.js';
import { loadModel } from '../../nets/model.js';
import { readStateDict } from '../../weights/state-dict-files.js';
import { expectClose } from '../support/compare.js';
import { testEngine } from '../support/device.js';

const root = new URL('../../', import.meta.url);
const WEIGHTS = 'weights/files/vgg11_bn-cifar10.safetensors';
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
/** The package as a page would import it, kept where the test reaches it. */
const PAGE = `<!doctype html><title>cfr-attack</title>
<script type="module">import * as cfr from '/dist/browser.js'; import { attackFile } from '/page.js'; Object.assign(globalThis, { cfr, attackFile });</script>`;
const PICTURE = 'examples/cat.png';
const COUNT = 2;
const SETTINGS = { mode: 'minimal', iterations: 6 } as const;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  if (!executablePath) return;
  execFileSync(process.execPath, [new URL('scripts/build.mjs', root).pathname]);
  const { outputFiles } = await build({
    absWorkingDir: new URL('.', root).pathname,
    entryPoints: ['examples/page.ts'],
    // Not the checkout's own, which leads to the sources.
    tsconfigRaw: {},
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  server = createServer((request, response) => {
    const path = request.url === '/' ? '' : (request.url ?? '').slice(1);
    if (path === '') {
      response.setHeader('content-type', 'text/html').end(PAGE);
    } else if (path === 'page.js') {
      response.setHeader('content-type', 'text/javascript').end(outputFiles[0]!.text);
    } else if (path === 'dist/browser.js' || path === WEIGHTS || path === PICTURE) {
      response.setHeader(
        'content-type',
        path.endsWith('.js') ? 'text/javascript' : 'application/octet-stream',
      );
      response.end(readFileSync(new URL(path, root)));
    } else {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  browser = await chromium.launch({
    executablePath,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--disable-background-networking',
    ],
  });
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** The page, once it has this global, and what goes wrong in it. */
async function openPage(global: 'cfr' | 'attackFile') {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction((name) => name in globalThis, global);
  return { page, errors };
}

test.skipIf(!executablePath)('attacks in a page and agrees with Node', async () => {
  const dataset = await openDataset('cifar10-sample');
  const samples = await Promise.all(Array.from({ length: COUNT }, (_, i) => dataset.get(i)));
  const pixels = samples.flatMap(({ image }) => [...toTensor(image)]);
  const labels = samples.map(({ label }) => label);

  const { page, errors } = await openPage('cfr');
  const inPage = await page.evaluate(
    async ({ pixels, labels, weights, settings }) => {
      const { cfr } = globalThis as unknown as { cfr: typeof import('../../browser.js') };
      const bytes = new Uint8Array(await (await fetch(`/${weights}`)).arrayBuffer());
      const engine = await cfr.createEngine();
      const model = cfr.loadModel(cfr.parseStateDict(bytes, weights));
      const attack = await cfr.createAttack(engine, model, settings, labels.length);
      const result = await attack.run(Float32Array.from(pixels), Uint32Array.from(labels));
      const adapter = engine.adapter.name;
      engine.close();
      return {
        adapter,
        logits: [...result.logits],
        cam: [...result.cam],
        success: result.success,
        xAdv: [...result.xAdv],
      };
    },
    { pixels, labels, weights: WEIGHTS, settings: SETTINGS },
  );
  expect(errors).toEqual([]);

  const model = loadModel(await readStateDict(new URL(WEIGHTS, root).pathname));
  const attack = await createAttack(await testEngine(), model, SETTINGS, COUNT);
  const inNode = await attack.run(Float32Array.from(pixels), Uint32Array.from(labels));
  attack.destroy();
  expectClose(inPage.logits, inNode.logits, { atol: 1e-3, label: 'logits' });
  expectClose(inPage.cam, inNode.cam, { atol: 1e-3, label: 'Grad-CAM' });
  expect(inPage.success).toEqual(inNode.success);
  // 8-bit rounding makes trajectories diverge between adapters; both end about as close to the clean image.
  const l2 = (xAdv: ArrayLike<number>, image: number) => {
    const size = pixels.length / COUNT;
    let sum = 0;
    for (let e = image * size; e < (image + 1) * size; e++) sum += (xAdv[e]! - pixels[e]!) ** 2;
    return Math.sqrt(sum);
  };
  for (let image = 0; image < COUNT; image++) {
    const expected = l2(inNode.xAdv, image);
    expect(Math.abs(l2(inPage.xAdv, image) - expected)).toBeLessThanOrEqual(0.1 * expected);
  }
  expect(
    inPage.xAdv.every(
      (value) => value >= 0 && value <= 1 && Math.abs(value * 255 - Math.round(value * 255)) < 1e-3,
    ),
  ).toBe(true);
});

test.skipIf(!executablePath)(
  'the example of a page: a file is decoded, attacked and drawn; abort stops it',
  async () => {
    const { page, errors } = await openPage('attackFile');
    const found = await page.evaluate(
      async ({ weights, picture }) => {
        const { cfr, attackFile } = globalThis as unknown as {
          cfr: typeof import('../../browser.js');
          attackFile: typeof import('../../examples/page.js').attackFile;
        };
        const file = new File([await (await fetch(`/${picture}`)).blob()], 'cat.png', { type: 'image/png' });
        const canvas = document.createElement('canvas');
        const address = new URL(`/${weights}`, location.href).href;
        const said = await attackFile(file, canvas, address, new AbortController().signal);
        const clean = await cfr.decodeBlob(file);
        const drawn = cfr.imageFrom(canvas);
        const engine = await cfr.createEngine();
        const model = cfr.loadModel(cfr.parseStateDict(await cfr.fetchWeights(address), weights));
        const { label } = await cfr.classify(engine, model, drawn);
        engine.close();
        const stopped = await attackFile(file, canvas, address, AbortSignal.abort()).catch(
          ({ name }) => name,
        );
        const largest = Math.max(...drawn.data.map((level, i) => Math.abs(level - clean.data[i]!)));
        return { said, size: [drawn.width, drawn.height], largest, label, stopped };
      },
      { weights: WEIGHTS, picture: PICTURE },
    );
    expect(errors).toEqual([]);
    expect(found.said).toBe(`cat -> ${found.label}`);
    expect(found.label).not.toBe('cat');
    expect(found.size).toEqual([32, 32]);
    expect(found.largest).toBeGreaterThan(0);
    expect(found.largest).toBeLessThan(64);
    expect(found.stopped).toBe('AbortError');
  },
);
