/** The library's own ways in: one call for an image, an attack step by step, `using`, and what is refused at the door. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { createAttack } from '../attack/driver.js';
import { createExplainer } from '../attack/explain.js';
import { attackImage, classify, IMAGE_OPTIONS } from '../attack/image-attack.js';
import { measure } from '../attack/measures.js';
import { METHODS } from '../attack/methods/index.js';
import { dispose } from '../base/disposable.js';
import { imageFrom } from '../data/canvas.js';
import { fromTensor, toTensor } from '../data/image.js';
import { decodeImage, readImage } from '../data/image-files.js';
import type { Image } from '../data/rgb.js';
import type { Engine } from '../engine/engine.js';
import { Graph } from '../engine/graph.js';
import { loadModel, type Model } from '../nets/model.js';
import { parseStateDict } from '../weights/state-dict.js';
import { balancedResnet, ELEMENTS, randomImages } from './attack-support.js';
import { testEngine } from './support/device.js';

const root = new URL('../', import.meta.url);
const name = 'vgg11_bn-cifar10';
let engine: Engine;
let vgg: Model;
let cat: Image;
/** Cheap, and predicts one class of random images as readily as another. */
let tiny: Model;

beforeAll(async () => {
  engine = await testEngine();
  vgg = loadModel(parseStateDict(readFileSync(new URL(`weights/files/${name}.safetensors`, root)), name), {
    name,
  });
  cat = await readImage(new URL('examples/cat.png', root).pathname);
  tiny = balancedResnet(new Array(10).fill(0));
});

describe('classify', () => {
  test('ranks classes by name, of one image and of several sizes', async () => {
    const one = await classify(engine, vgg, cat);
    expect(one.label).toBe('cat');
    expect(one.top).toHaveLength(5);
    expect(one.top[0]).toEqual({ class: 3, label: 'cat', confidence: one.confidence });
    expect(one.top.map(({ confidence }) => confidence)).toEqual(
      one.top.map(({ confidence }) => confidence).sort((a, b) => b - a),
    );
    expect(one.logits).toHaveLength(10);
    const photo = { width: 64, height: 48, data: new Uint8Array(3 * 64 * 48).fill(90) };
    const several = await classify(engine, vgg, [cat, photo, cat], { top: 2, batch: 2 });
    expect(several.map(({ top }) => top.length)).toEqual([2, 2, 2]);
    expect(several[0]!.confidence).toBeCloseTo(one.confidence, 5);
    expect(several[2]!.logits).toEqual(several[0]!.logits);
    expect(await classify(engine, vgg, [])).toEqual([]);
  });

  test.each([
    ['a path', 'cat.png', 'got "cat.png"'],
    ['nothing', undefined, 'got undefined'],
    ['RGBA bytes', { width: 2, height: 1, data: new Uint8Array(8) }, '(RGBA; imageFrom takes such)'],
    ['one that is none among others', [null], 'got an array with null'],
  ])('refuses %s', async (_, images, message) => {
    await expect(classify(engine, vgg, images as never)).rejects.toThrow(message);
  });
});

describe('attackImage', () => {
  test('says everything about the attack of one image, and what it says is of the 8-bit image', async () => {
    const found = await attackImage(engine, vgg, cat, { iterations: 8 });
    expect([found.method, found.labelled, found.correct, found.success]).toEqual(['cfr', false, true, true]);
    expect([found.label, found.before[0].label]).toEqual([3, 'cat']);
    expect(found.after[0].label).not.toBe('cat');
    expect((await classify(engine, vgg, found.adversarial)).label).toBe(found.after[0].label);
    const shape = { channels: 3, height: 32, width: 32 };
    const again = measure(toTensor(found.original), toTensor(found.adversarial), shape);
    expect({ ...found }).toMatchObject(again);
    expect(found.original).toEqual(cat);
    expect(found.cfrPixels).toBeGreaterThan(0);
    expect([found.cam.length, found.mask.length]).toEqual([1024, 1024]);
  });

  test('a preset is a setting like others: what it reaches is near the paper’s figures', async () => {
    const found = await attackImage(engine, vgg, cat, { preset: 'paper-figures' });
    expect(found.settings).toMatchObject({ preset: 'paper-figures', mode: 'paper', maskNorm: 'binary' });
    expect([found.success, found.iterations]).toEqual([true, 30]);
    // Table I: l2 1.56, linf .07; to the letter linf is .7.
    expect(found.l2).toBeGreaterThan(1);
    expect(found.l2).toBeLessThan(2.2);
    expect(found.linf).toBeLessThan(0.12);
  });

  test('takes labels by name, photos of any size, and leaves what is wrong already as it is', async () => {
    const photo = { width: 40, height: 50, data: Uint8Array.from({ length: 6000 }, (_, i) => (i * 7) % 256) };
    const own = (await classify(engine, vgg, photo)).class;
    const label = vgg.labels[(own + 1) % 10]!;
    const found = await attackImage(engine, vgg, photo, { label, iterations: 1 });
    expect([found.labelled, found.correct, found.success, found.l0]).toEqual([true, false, false, 0]);
    expect([found.original.width, found.original.height]).toEqual([32, 32]);
    expect(found.adversarial).toEqual(found.original);
  });

  test.each([
    [
      'an unknown class',
      { label: 'unicorn' },
      'label: expected a class of vgg11_bn-cifar10, 0 to 9 or one of airplane',
    ],
    ['a class that the net has not', { label: 10 }, 'got 10'],
    ['a setting of no method', { steps: 3 }, 'steps: expected a setting of method cfr'],
    ['options that are none', 20, 'attackImage: expected options as an object'],
  ])('refuses %s', async (_, options, message) => {
    await expect(attackImage(engine, vgg, cat, options as never)).rejects.toThrow(message);
  });

  test('no method has a setting of the name of an option', () => {
    const settings = METHODS.flatMap(({ table }) =>
      Object.entries(table).flatMap(([key, row]) => [key, ...row.aliases]),
    );
    expect(IMAGE_OPTIONS.filter((option) => settings.includes(option))).toEqual([]);
  });
});

test('an attack explains the net’s own predictions where there are no labels', async () => {
  using attack = await createAttack(engine, tiny, {}, 2);
  const x = randomImages(2);
  const own = await attack.explain(x, null);
  expect(await attack.explain(x, own.classes)).toEqual(own);
  const others = own.classes.map((predicted) => (predicted + 1) % 10);
  expect((await attack.explain(x, others)).map).not.toEqual(own.map);
});

describe('an attack step by step', () => {
  const x = randomImages(2);
  const labels = Uint32Array.of(0, 0);

  test('is the whole attack, bit for bit, however it is cut', async () => {
    using attack = await createAttack(engine, tiny, { iterations: 7 }, 2);
    const whole = await attack.run(x, labels);
    const session = await attack.start(x, labels);
    expect([session.total, session.done, session.finished]).toEqual([7, 0, false]);
    await expect(session.snapshot()).rejects.toThrow('snapshot: expected a step before it, got none');
    expect(await session.step()).toBe(true);
    const first = await session.snapshot();
    expect([first.steps, ...first.trace.map(({ length }) => length)]).toEqual([1, 2, 2]);
    expect(await session.step(4)).toBe(true);
    const later = await session.snapshot();
    expect(later.steps).toBe(5);
    expect(later.iterate.every((value) => value === Math.fround(Math.round(value * 255) / 255))).toBe(true);
    expect(later.iterate).not.toEqual(first.iterate);
    expect(later.trace[0]!.slice(0, 2)).toEqual(first.trace[0]);
    expect(await session.step(9)).toBe(false);
    expect(session.finished).toBe(true);
    expect(await session.finish()).toEqual(whole);
    await expect(session.step()).rejects.toThrow('expected an open session');
  });

  test('keeps its attack to itself until it ends, and can be left', async () => {
    using attack = await createAttack(engine, tiny, { iterations: 3 }, 2);
    {
      using session = await attack.start(x, labels);
      await session.step();
      await expect(attack.run(x, labels)).rejects.toThrow('finish or close it');
      await expect(attack.start(x, labels)).rejects.toThrow('expected one run at a time');
      await expect(session.step(0)).rejects.toThrow('step: expected an integer of at least 1, got 0');
    }
    expect((await attack.run(x, labels)).count).toBe(2);
    await expect(attack.start(x, Uint32Array.of(0))).rejects.toThrow('labels: expected 2');
    expect((await attack.run(x, labels)).count).toBe(2);
  });
});

describe('what is mixed up is one clear error', () => {
  const make = createAttack as (...given: unknown[]) => Promise<unknown>;
  test.each([
    [
      'no engine',
      () => make(undefined, tiny),
      'createAttack: expected an engine first, of createEngine, got undefined',
    ],
    [
      'a state dict for a model',
      () => make(engine, { tensors: new Map() }),
      'expected a model after the engine, of loadModel',
    ],
    [
      'a batch for options',
      () => make(engine, tiny, 8),
      'expected options as an object, such as { iterations: 20 }, got 8',
    ],
    [
      'a batch of none',
      () => make(engine, tiny, {}, 0),
      'expected a batch, the most images of one run, of at least 1, got 0',
    ],
    [
      'an explainer of NaN images',
      () => createExplainer(engine, tiny, {}, Number.NaN),
      'createExplainer: expected a batch',
    ],
    [
      'a classifier of half an image',
      () => createClassifier(engine, tiny, 0.5),
      'createClassifier: expected a batch',
    ],
  ])('%s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });

  test('batch and options have defaults; arrays must be of the right kind', async () => {
    using attack = await createAttack(engine, tiny);
    expect([attack.batch, attack.method.name]).toEqual([1, 'cfr']);
    const x = randomImages(1);
    await expect(attack.run(x, [3] as never)).rejects.toThrow(
      'labels: expected a Uint32Array, got a Array; Uint32Array.from(values) makes one',
    );
    await expect(attack.run([...x] as never, Uint32Array.of(3))).rejects.toThrow(
      'images: expected a Float32Array',
    );
  });
});

test('using: everything that holds the device lets go of it', async () => {
  const graph = new Graph();
  const v = graph.variable('v', [4]);
  graph.procedure('p', () => void graph.assign(v, graph.input('x', [4])));
  const program = await engine.compile(graph);
  {
    using held = program;
    await held.run(['p', 1]);
  }
  await expect(program.run(['p', 1])).rejects.toThrow('already destroyed');
  expect(dispose).toBe(Symbol.dispose);
  expect(typeof engine[dispose]).toBe('function');
});

test('imageFrom takes RGBA pixels as a canvas gives them', async () => {
  const rgba = Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 0);
  expect(imageFrom({ width: 2, height: 1, data: rgba })).toEqual({
    width: 2,
    height: 1,
    data: Uint8Array.of(1, 2, 3, 4, 5, 6),
  });
  expect(() => imageFrom({ width: 3, height: 1, data: rgba })).toThrow(
    'imageFrom: expected 12 RGBA bytes for 3x1, got 8',
  );
  const bytes = readFileSync(new URL('examples/cat.png', root));
  expect(fromTensor(toTensor(await decodeImage(bytes, 'cat')), 32, 32)).toEqual(cat);
  expect(ELEMENTS).toBe(cat.data.length);
});

afterAll(() => expect(engine.check()).toBeUndefined());
