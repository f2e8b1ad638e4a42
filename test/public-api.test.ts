/** The package's entries: what they export, and that the browser's needs no Node. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import * as browser from '../browser.js';
import * as engineInPage from '../engine/index.js';
import * as engineInNode from '../engine-node.js';
import * as node from '../index.js';
import { testEngine } from './support/device.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const engineOnly = [
  'DeviceLostError',
  'F32',
  'Graph',
  'KernelError',
  'OutOfMemoryError',
  'ShapeError',
  'UserError',
  'createEngine',
  'gradients',
  'parameter',
];
const common = [
  'DeviceLostError',
  'DivergedError',
  'F32',
  'Graph',
  'KernelError',
  'NonFiniteError',
  'METHODS',
  'OWN_PREDICTION',
  'OutOfMemoryError',
  'SettingError',
  'ShapeError',
  'UserError',
  'aggregate',
  'attackImage',
  'attackSettings',
  'classify',
  'createAttack',
  'createClassifier',
  'createEngine',
  'createExplainer',
  'createExplainers',
  'createTrainer',
  'encodeNet',
  'decodeBlob',
  'diagnose',
  'encodeSafetensors',
  'explanationPicture',
  'explanationTable',
  'faithfulnessOf',
  'fetchWeights',
  'findNet',
  'fitPatch',
  'forward',
  'fromTensor',
  'gradients',
  'heatMap',
  'imageFrom',
  'imageFromTensor',
  'initialiseModel',
  'learned',
  'loadModel',
  'makeSpec',
  'mapSize',
  'maskPicture',
  'measure',
  'methodNamed',
  'overlayHeat',
  'parameter',
  'parseStateDict',
  'perturbationPicture',
  'preprocess',
  'rates',
  'readReport',
  'recognise',
  'reportVariable',
  'registry',
  'ssim',
  'toImageData',
  'toTensor',
  'traceAugment',
  'traceCheck',
  'traceReport',
  'traceStatistics',
  'traceUpdate',
  'trainSettings',
  'upscale',
];
const nodeOnly = [
  'cacheFolder',
  'contactSheet',
  'openDataset',
  'openModel',
  'readImage',
  'readStateDict',
  'resolveModel',
  'writePng',
  'writeSafetensors',
];

describe('exports', () => {
  test('browser', () => expect(new Set(Object.keys(browser))).toEqual(new Set(common)));
  test('Node: the same and files', () =>
    expect(new Set(Object.keys(node))).toEqual(new Set([...common, ...nodeOnly])));
  test('the engine by itself', () => {
    expect(new Set(Object.keys(engineInPage))).toEqual(new Set(engineOnly));
    expect(new Set(Object.keys(engineInNode))).toEqual(new Set(engineOnly));
    expect(engineInNode.createEngine).toBe(node.createEngine);
    expect(engineInPage.Graph).toBe(node.Graph);
  });
  test('createEngine finds an adapter by itself in Node only', () =>
    expect(node.createEngine).not.toBe(browser.createEngine));
});

test('the browser entry bundles without Node and with small pure libraries alone', async () => {
  const { metafile, errors } = await build({
    absWorkingDir: root,
    entryPoints: ['browser.ts'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    loader: { '.wgsl': 'text' },
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  expect(errors).toEqual([]);
  const foreign = Object.keys(metafile.inputs).filter((input) =>
    /node_modules|^node\/|^cli\/|^run\//.test(input),
  );
  expect(
    foreign.filter(
      (input) => !/node_modules\/(fastest-levenshtein|fflate|idb-keyval|valibot|d3-)/.test(input),
    ),
  ).toEqual([]);
});

test('an engine of one’s own: a gradient through the public names', async () => {
  const engine = await testEngine();
  const graph = new node.Graph();
  const x = graph.input('x', [1, 3]);
  const labels = graph.input('labels', [1], 'u32');
  let gradient: node.Tensor | undefined;
  graph.procedure('step', () => {
    [gradient] = node.gradients(graph.crossEntropy(x, labels), [x]);
    return { gradient: gradient! };
  });
  const program = await engine.compile(graph);
  program.write(x, Float32Array.of(0, 0, 0));
  program.write(labels, Uint32Array.of(1));
  await program.run(['step', 1]);
  const [a, b, c] = await program.read(gradient!);
  expect(a).toBeCloseTo(1 / 3, 6);
  expect(b).toBeCloseTo(-2 / 3, 6);
  expect(c).toBeCloseTo(1 / 3, 6);
  program.destroy();
});

/** What a page that has `code` takes, minified and compressed, from the package as it is published. */
async function pageBytes(code: string): Promise<number> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    stdin: { contents: code, resolveDir: root },
    // Not the checkout's own, which leads to the sources.
    tsconfigRaw: {},
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

test('a page takes what it uses: the engine is below 60 kB, a function alone is small', async () => {
  execFileSync(process.execPath, [`${root}scripts/build.mjs`]);
  const engine = await pageBytes("import * as engine from 'cfr-attack/engine'; globalThis.engine = engine;");
  expect(engine).toBeGreaterThan(20_000);
  expect(engine).toBeLessThan(60_000);
  expect(await pageBytes("import { createEngine } from 'cfr-attack/engine'; createEngine();")).toBeLessThan(
    engine,
  );
  expect(await pageBytes("import { ssim } from 'cfr-attack'; globalThis.ssim = ssim;")).toBeLessThan(3000);
  expect(
    await pageBytes("import { toTensor } from 'cfr-attack/browser'; globalThis.f = toTensor;"),
  ).toBeLessThan(3000);
});
