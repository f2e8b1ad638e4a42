/** The package's entries: what they export, and that the browser's needs no Node. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import * as browser from '../browser.js';
import * as node from '../index.js';
import { testEngine } from './support/device.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const common = [
  'DeviceLostError',
  'DivergedError',
  'Graph',
  'KernelError',
  'METHODS',
  'OWN_PREDICTION',
  'OutOfMemoryError',
  'SettingError',
  'ShapeError',
  'UserError',
  'aggregate',
  'attackSettings',
  'createAttack',
  'createEngine',
  'createExplainer',
  'createTrainer',
  'encodeNet',
  'encodeSafetensors',
  'explanationPicture',
  'fitPatch',
  'forward',
  'fromTensor',
  'gradients',
  'heatMap',
  'imageFromTensor',
  'initialiseModel',
  'learned',
  'loadModel',
  'makeSpec',
  'maskPicture',
  'measure',
  'methodNamed',
  'overlayHeat',
  'parseStateDict',
  'perturbationPicture',
  'preprocess',
  'rates',
  'readReport',
  'recognise',
  'reportVariable',
  'ssim',
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
    foreign.filter((input) => !/node_modules\/(fastest-levenshtein|fflate|valibot|d3-)/.test(input)),
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
