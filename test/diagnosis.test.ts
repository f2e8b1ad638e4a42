/** NaN and infinity inside a net, which a ReLU may hide from its logits: found, and named by layer. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { diagnose, diagnosisText } from '../attack/diagnosis.js';
import { NonFiniteError, UserError } from '../base/errors.js';
import { Graph } from '../engine/graph.js';
import { parameterNames } from '../nets/families.js';
import { forward, loadModel, type Model } from '../nets/model.js';
import { makeSpec } from '../nets/spec.js';
import { remembered } from '../node/verdicts.js';
import { fakeFile, fakeTensor } from './nets-fakes.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

const spec = makeSpec('resnet20', { widths: [4, 8, 12], classes: 3, inputSize: [16, 16] });

/** A net of random weights whose tensors `change` may replace. */
function net(change: Readonly<Record<string, (values: Float32Array) => void>> = {}): Model {
  const tensors = [...parameterNames(spec)].map(([name, shape], i) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = new Random(i + 1).uniformArray(size, -0.3, 0.3);
    if (name.endsWith('running_var')) values.fill(1);
    change[name]?.(values);
    return [name, fakeTensor(shape, [...values])] as const;
  });
  return loadModel(fakeFile(tensors), { arch: 'resnet20', inputSize: [16, 16] });
}

const image = Float32Array.from({ length: 3 * 16 * 16 }, (_, i) => (i % 256) / 255);
const huge = (values: Float32Array) => values.fill(1e30);

describe('layers', () => {
  it('says nothing of a net that gives numbers', async () => {
    expect(await diagnose(await testEngine(), net(), image)).toBeUndefined();
  });

  it.each([
    ['layer2.1.conv1.weight', 'layer2.1.conv1'],
    ['linear.weight', 'linear'],
  ])('names the layer whose sums overflow: %s', async (name, layer) => {
    const engine = await testEngine();
    // Finite itself, and all that comes before it.
    const model = net({ 'layer2.0.conv1.weight': (values) => values.fill(1e15), [name]: huge });
    const found = await diagnose(engine, model, image);
    expect(found?.layer).toBe(layer);
    expect(Number.isFinite(found!.value)).toBe(false);
    expect(diagnosisText(found!)).toMatch(
      new RegExp(`^${layer} gives (NaN|-?Infinity) \\(\\d+ of \\d+ values\\)$`),
    );
  });

  it('logits that are no numbers are an error with the image that has them', async () => {
    const classifier = await createClassifier(
      await testEngine(),
      net({ 'linear.weight': huge, 'layer2.0.conv1.weight': huge }),
      2,
    );
    const error = await classifier
      .run(new Float32Array([...image, ...image]))
      .catch((thrown: unknown) => thrown);
    classifier.destroy();
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as NonFiniteError).image).toEqual(image);
  });
});

describe('weights', () => {
  it('a negative variance is refused, by name', () => {
    const negative = (values: Float32Array) => values.fill(-0.25, 3, 4);
    expect(() => net({ 'layer1.2.bn1.running_var': negative })).toThrow(UserError);
    expect(() => net({ 'layer1.2.bn1.running_var': negative })).toThrow(
      'net.safetensors: expected variances of at least 0, got -0.25 at channel 3 of layer1.2.bn1.running_var',
    );
  });

  it('so is a batch-norm whose factor is beyond f32', async () => {
    const model = net({
      'layer1.0.bn1.weight': (values) => values.fill(3e38),
      'layer1.0.bn1.running_var': (values) => values.fill(0),
    });
    const graph = new Graph();
    const x = graph.input('x', [1, 3, 16, 16]);
    graph.procedure('run', () => ({ logits: forward(graph, model, x).logits }));
    const engine = await testEngine();
    await expect(engine.compile(graph)).rejects.toThrow(
      /layer1\.0\.conv1\.weight: expected a batch-norm that scales by a finite number, got 9\.\d+e\+40 at channel 0 \(layer1\.0\.bn1\.running_var is 0\)/,
    );
  });
});

describe('verdicts', () => {
  const cache = mkdtempSync(join(tmpdir(), 'cfr-verdicts-'));
  const adapter = {
    name: 'a',
    vendor: '',
    architecture: '',
    driver: 'b 1',
    backend: 'vulkan',
    software: true,
  };
  beforeAll(() => void vi.stubEnv('CFR_CACHE', cache));
  afterEach(() => {
    for (const name of readdirSync(cache)) rmSync(join(cache, name), { recursive: true });
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(cache, { recursive: true });
  });

  const asked = (adapterNow: typeof adapter, answers: string[], subject = 'self-test') =>
    remembered(
      subject,
      adapterNow,
      async () => answers.shift()!,
      (found) => found === 'good',
    );

  it('good ones are remembered by subject, adapter and driver; bad ones are found out again', async () => {
    expect(await asked(adapter, ['bad'])).toBe('bad');
    expect(await asked(adapter, ['good'])).toBe('good');
    expect(await asked(adapter, [])).toBeUndefined();
    expect(await asked({ ...adapter, driver: 'b 2' }, ['good'])).toBe('good');
    expect(await asked({ ...adapter, name: 'c' }, ['bad'])).toBe('bad');
    expect(await asked(adapter, ['bad'], 'net')).toBe('bad');
    expect(await asked(adapter, [])).toBeUndefined();
  });

  it('a damaged file is none', async () => {
    for (const text of ['', '{', '{"a":1}', '[1,null]']) {
      writeFileSync(join(cache, 'verdicts.json'), text);
      expect(await asked(adapter, ['good'], text)).toBe('good');
      expect(await asked(adapter, [], text)).toBeUndefined();
    }
  });
});
