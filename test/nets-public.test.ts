/** Files as people bring them, of public classes at a fraction of the width, against the logits of PyTorch (test/fixtures/nets). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { toTensor } from '../data/image.js';
import { readImage } from '../data/image-files.js';
import { type LoadOptions, loadModel, type Model } from '../nets/model.js';
import { readStateDict } from '../weights/state-dict-files.js';
import { testEngine } from './support/device.js';

interface Case {
  readonly file: string;
  readonly image: string;
  readonly options?: LoadOptions;
  readonly logits: readonly number[] | null;
  /** Parts of what the user is told. */
  readonly told?: readonly string[];
  readonly refused?: string;
}

const folder = new URL('./fixtures/nets/', import.meta.url).pathname;
const cases = JSON.parse(readFileSync(`${folder}cases.json`, 'utf8')) as Record<string, Case>;

async function logits(model: Model, image: string): Promise<number[]> {
  const classifier = await createClassifier(await testEngine(), model, 1);
  try {
    return [...(await classifier.run(toTensor(await readImage(folder + image))))];
  } finally {
    classifier.destroy();
  }
}

describe.each(Object.entries(cases))('%s', (_, { file, image, options = {}, told = [], ...expected }) => {
  test(expected.refused === undefined ? 'has the logits of PyTorch' : 'is refused by name', async () => {
    const weights = await readStateDict(folder + file);
    if (expected.refused !== undefined) {
      expect(() => loadModel(weights, options)).toThrow(expected.refused);
      return;
    }
    const model = loadModel(weights, options);
    for (const part of told) expect(model.assumptions.join('; ')).toContain(part);
    const got = await logits(model, image);
    const want = expected.logits!;
    expect(got).toHaveLength(want.length);
    const range = Math.max(...want) - Math.min(...want);
    const error = Math.max(...got.map((value, k) => Math.abs(value - want[k]!)));
    // expected.json has six decimals.
    expect(error).toBeLessThanOrEqual(1e-5 * range + 5e-7);
  });
});
