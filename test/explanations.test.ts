/** Each explanation against its f64 reference and against pytorch-grad-cam's golden maps; signs, degenerate cases, batches. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createAttack } from '../attack/driver.js';
import { createExplainer, createExplainers, type ExplanationResult } from '../attack/explain.js';
import { EXPLANATIONS, type Explanation, explanationTable, OF_A_BLOCK } from '../attack/explanations.js';
import { shaders, WORKGROUP } from '../attack/kernels.js';
import { mapSize } from '../attack/maps.js';
import type { ExplainSettings } from '../attack/settings/common.js';
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { forward, loadModel, type Model } from '../nets/model.js';
import { readStateDict } from '../weights/state-dict-files.js';
import { ELEMENTS, PIXELS, randomImages, runKernel, seededModel, tinyResnet } from './attack-support.js';
import { BLOCK_EXPLANATIONS, blockMap, pixelMap } from './reference/explanations.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { openGolden } from './support/golden.js';
import { Random } from './support/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

const f64 = (values: ArrayLike<number>) => Float64Array.from(values);

/** Map kernels' constant MODE. */
const MODES: Readonly<Record<string, number>> = {
  gradcam: 1,
  'gradcam++': 2,
  xgradcam: 3,
  hirescam: 4,
  layercam: 5,
};

/** What each image's explanation says, the range of a map being 1. */
function expectMap(
  got: Float32Array,
  expected: ArrayLike<number>,
  n: number,
  tolerance: number,
  label: string,
) {
  const cells = expected.length / n;
  for (let image = 0; image < n; image++) {
    const own = f64(expected).subarray(image * cells, (image + 1) * cells);
    const range = Math.max(...own) - Math.min(...own);
    expect(range).toBeGreaterThan(0);
    expectClose(got.subarray(image * cells, (image + 1) * cells), own, { atol: tolerance * range, label });
  }
}

async function explained(
  model: Model,
  explanation: Explanation,
  x: Float32Array,
  labels: Uint32Array,
  options: Partial<ExplainSettings> = {},
) {
  const explainer = await createExplainer(engine, model, { explanation, ...options }, labels.length);
  const result = await explainer.run(x, labels);
  explainer.destroy();
  return result;
}

describe('kernels', () => {
  it.each(BLOCK_EXPLANATIONS)('%s, channels and cells of many sizes', async (name) => {
    for (const [channels, cells] of [
      [3, 1],
      [5, 4],
      [64, 49],
      [7, 300],
    ] as const) {
      const random = new Random(channels);
      const n = 2;
      // What a ReLU leaves: zeros among positive values, and a channel without any.
      const tap = random.normalArray(n * channels * cells).map((v) => Math.max(v, 0));
      tap.fill(0, 0, cells);
      const gradient = random.normalArray(n * channels * cells, 0.1);
      const [map] = await runKernel(engine, {
        shader: shaders.cam,
        constants: { WG: WORKGROUP, CHANNELS: channels, CELLS: cells, MODE: MODES[name]! },
        reads: [tap, gradient],
        writes: [],
        outputs: [n * cells],
        workgroups: [n, 1, 1],
      });
      const shape = [n, channels, cells, 1];
      const expected = blockMap(name, { data: f64(tap), shape }, { data: f64(gradient), shape });
      expectClose(map!, expected.data, { atol: 1e-5 * Math.sqrt(channels), rtol: 1e-5 });
    }
  });

  it.each(['saliency', 'input-x-gradient'] as const)('%s of 17x5 pixels', async (name) => {
    const random = new Random(9);
    const shape = [3, 3, 17, 5];
    const x = random.uniformArray(3 * 3 * 85, 0, 1);
    const gradient = random.normalArray(3 * 3 * 85);
    const [map] = await runKernel(engine, {
      shader: shaders.pixels,
      constants: { WG: WORKGROUP, PIXELS: 85, INPUT: name === 'input-x-gradient' },
      reads: [x, gradient],
      writes: [],
      outputs: [3 * 85],
      workgroups: [1, 3, 1],
    });
    const expected = pixelMap(name, { data: f64(x), shape }, { data: f64(gradient), shape });
    expectClose(map!, expected.data, { atol: 1e-6 });
  });
});

/** Features, image gradient and block gradient by the engine's own ops. */
async function parts(model: Model, x: Float32Array, labels: Uint32Array) {
  const graph = new Graph();
  const n = labels.length;
  const input = graph.input('x', [n, 3, 32, 32]);
  const index = graph.input('labels', [n], 'u32');
  let tensors: Record<string, Tensor> = {};
  graph.procedure('parts', () => {
    const { logits, features } = forward(graph, model, input);
    const [tap, image] = gradients(graph.gather(logits, index), [features, input]) as [Tensor, Tensor];
    tensors = { features, tap, image };
    return tensors;
  });
  const program = await engine.compile(graph);
  program.write(input, x);
  program.write(index, labels);
  await program.run(['parts', 1]);
  const read = async (name: string) => ({
    data: f64(await program.read(tensors[name]!)),
    shape: tensors[name]!.shape,
  });
  const result = { features: await read('features'), tap: await read('tap'), image: await read('image') };
  program.destroy();
  return result;
}

describe('on a net', () => {
  const x = randomImages(3);
  const labels = Uint32Array.of(3, 0, 9);

  it('all of them together, from one pass, are what each says by itself and what the references say', async () => {
    const model = tinyResnet();
    const { features, tap, image } = await parts(model, x, labels);
    const settings = EXPLANATIONS.map((explanation) => ({ explanation }));
    const all = await createExplainers(engine, model, settings, 3);
    const results = await all.run(x, labels);
    all.destroy();
    for (const [i, explanation] of EXPLANATIONS.entries()) {
      const { map } = results[i]!;
      expect(map.length).toBe(3 * mapSize(model, all.settings[i]!).reduce((a, b) => a * b));
      const alone = await explained(model, explanation, x, labels);
      expectMap(map, alone.map, 3, 1e-5, explanation);
      const expected =
        explanationTable[explanation].needs === 'pixels'
          ? pixelMap(
              explanation as 'saliency',
              { data: f64(x), shape: [3, 3, 32, 32] },
              { data: image.data, shape: [3, 3, 32, 32] },
            )
          : blockMap(explanation === 'cam' ? 'gradcam' : explanation, features, tap);
      // CAM is Grad-CAM times the cells, on a net with global pooling and one linear layer.
      const cells = features.shape[2]! * features.shape[3]!;
      const scale = explanation === 'cam' ? cells : 1;
      expectMap(
        map,
        expected.data.map((value) => value * scale),
        3,
        1e-4,
        explanation,
      );
    }
  });

  it('signed ones keep their negative part, saliency has none', async () => {
    const model = tinyResnet();
    for (const explanation of EXPLANATIONS) {
      const { map } = await explained(model, explanation, x, labels);
      if (explanation === 'saliency') expect(Math.min(...map)).toBeGreaterThanOrEqual(0);
      if (['gradcam', 'cam', 'hirescam', 'input-x-gradient'].includes(explanation))
        expect(Math.min(...map)).toBeLessThan(0);
      if (explanation === 'layercam') expect(Math.min(...map)).toBeGreaterThanOrEqual(0);
    }
  });

  it('the raw maps of a class and of the negated net are opposites', async () => {
    const model = tinyResnet();
    const name = [...model.params.keys()].find((key) => /^(fc|linear)\.weight$/.test(key))!;
    const weight = model.params.get(name)!;
    const negated: Model = {
      ...model,
      params: new Map([
        ...model.params,
        [name, { ...weight, toFloat32: () => weight.toFloat32().map((v) => -v) }],
      ]),
    };
    for (const explanation of ['gradcam', 'hirescam', 'xgradcam', 'input-x-gradient'] as const) {
      const one = await explained(model, explanation, x, labels);
      const other = await explained(negated, explanation, x, labels);
      expectMap(
        one.map,
        other.map.map((value) => -value),
        3,
        1e-4,
        explanation,
      );
    }
  });

  it('a black image has no input to multiply: a blank map, an empty CFR, the mask of the whole image', async () => {
    const { map, cam, mask, cfr, cfrPixels } = await explained(
      tinyResnet(),
      'input-x-gradient',
      new Float32Array(ELEMENTS),
      Uint32Array.of(1),
    );
    expect(map.every((value) => value === 0)).toBe(true);
    expect(cfr).toEqual(['empty']);
    expect(cfrPixels).toEqual([0]);
    expect(cam.every((value) => value === 0)).toBe(true);
    expect(mask.every((value) => value === 1)).toBe(true);
  });

  it('a net that is blind (weights 0 behind the features) and a constant image give numbers for every explanation', async () => {
    const model = tinyResnet();
    const name = [...model.params.keys()].find((key) => /^(fc|linear)\.weight$/.test(key))!;
    const weight = model.params.get(name)!;
    const blind: Model = {
      ...model,
      params: new Map([
        ...model.params,
        [name, { ...weight, toFloat32: () => weight.toFloat32().map(() => 0) }],
      ]),
    };
    const grey = new Float32Array(ELEMENTS).fill(Math.fround(128 / 255));
    const finite = ({ map, cam, mask }: ExplanationResult) =>
      [map, cam, mask].every((values) => values.every(Number.isFinite));
    const settings = EXPLANATIONS.map((explanation) => ({ explanation }));
    for (const [net, empty] of [
      [blind, true],
      [model, false],
    ] as const) {
      const all = await createExplainers(engine, net, settings, 1);
      const results = await all.run(grey, Uint32Array.of(2));
      all.destroy();
      expect(results.every(finite)).toBe(true);
      if (empty) expect(results.map(({ cfr }) => cfr[0])).toEqual(EXPLANATIONS.map(() => 'empty'));
    }
  });

  it('gives an image the same bytes whatever shares the batch', async () => {
    const all = await createExplainers(
      engine,
      tinyResnet(),
      EXPLANATIONS.map((explanation) => ({ explanation })),
      3,
    );
    const together = await all.run(x, labels);
    const alone = await all.run(x.slice(ELEMENTS, 2 * ELEMENTS), labels.slice(1, 2));
    all.destroy();
    for (const [i, result] of together.entries()) {
      const cells = result.map.length / 3;
      expect(alone[i]!.map).toEqual(result.map.slice(cells, 2 * cells));
      expect(alone[i]!.mask).toEqual(result.mask.slice(PIXELS, 2 * PIXELS));
    }
  });

  it('the class to explain may be said, in explanations and in attacks', async () => {
    const model = tinyResnet();
    const said = await explained(model, 'gradcam', x, labels, { explainClass: 5 });
    const asLabel = await explained(model, 'gradcam', x, Uint32Array.of(5, 5, 5));
    expect(said.map).toEqual(asLabel.map);
    const attack = await createAttack(engine, model, { explainClass: 5, iterations: 1 }, 3);
    const result = await attack.run(x, labels);
    attack.destroy();
    expectMap(result.map, said.map, 3, 1e-5, 'in an attack');
    const other = createExplainers(engine, model, [{ explainClass: 1 }, {}], 1);
    await expect(other).rejects.toThrow(/explainClass: expected one for all explanations.*got 1, the label/);
    await expect(createExplainer(engine, model, { explainClass: 10 }, 1)).rejects.toThrow(
      /explainClass: expected an integer from 0 to 9, got 10/,
    );
    await expect(createExplainers(engine, model, [], 1)).rejects.toThrow(/expected at least one, got none/);
  });

  it('pixels have no layer', async () => {
    const asked = createExplainer(engine, tinyResnet(), { explanation: 'saliency', layer: 'block2' }, 1);
    await expect(asked).rejects.toThrow(/layer: expected no value with explanation saliency, got "block2"/);
    expect(OF_A_BLOCK).not.toContain('saliency');
  });

  it('the CFR of any method can be made of any of them, in any region that uses it', async () => {
    const model = seededModel('vgg11_bn', { form: 'cifar', widths: [4, 4, 6, 6, 6] }, 2);
    for (const [method, region, explanation] of [
      ['cfr', 'cfr', 'saliency'],
      ['pgd', 'cfr', 'layercam'],
      ['fgsm', 'outside-cfr', 'input-x-gradient'],
      ['fgsm', 'random-cfr', 'gradcam++'],
    ] as const) {
      // The smallest perturbation of an image that is wrong already is none.
      const steps =
        method === 'fgsm' ? {} : method === 'cfr' ? { mode: 'budget', iterations: 2 } : { iterations: 2 };
      const attack = await createAttack(engine, model, { method, region, explanation, ...steps }, 3);
      const result = await attack.run(x, labels);
      attack.destroy();
      const alone = await explained(model, explanation, x, labels);
      expectMap(result.map, alone.map, 3, 1e-4, explanation);
      const inside = (pixel: number) => alone.cam[pixel]! >= 0.2;
      const changed = Array.from(result.xAdv).flatMap((value, e) =>
        value === x[e] ? [] : [Math.floor(e / ELEMENTS) * PIXELS + (e % PIXELS)],
      );
      // A pixel at tau to f32 accuracy may be on either side.
      const clear = changed.filter((pixel) => Math.abs(alone.cam[pixel]! - 0.2) > 1e-4);
      const outside = region !== 'cfr';
      expect(clear.filter((pixel) => alone.cfr[Math.floor(pixel / PIXELS)] === 'ok').length).toBeGreaterThan(
        0,
      );
      if (region !== 'random-cfr')
        for (const pixel of clear)
          if (alone.cfr[Math.floor(pixel / PIXELS)] === 'ok') expect(inside(pixel)).toBe(!outside);
    }
  });
});

describe.each(['resnet18-cifar10', 'vgg11_bn-cifar10'])('pytorch-grad-cam on %s', (name) => {
  it('its maps, to a thousandth of their range', { timeout: 300_000 }, async () => {
    const golden = openGolden<{ layer: string; explained: readonly number[] }>(`explanations-${name}`);
    const { layer, explained: classes } = golden.facts;
    const n = classes.length;
    const model = loadModel(await readStateDict(`weights/files/${name}.safetensors`));
    const names = EXPLANATIONS.filter((explanation) => golden.names.includes(`raw.${explanation}`));
    expect(names.length).toBeGreaterThanOrEqual(EXPLANATIONS.length - 1);
    const all = await createExplainers(
      engine,
      model,
      names.map((explanation) => ({
        explanation,
        ...(explanationTable[explanation].needs === 'pixels' ? {} : { layer }),
      })),
      n,
    );
    const results = await all.run(golden.pixels().data, Uint32Array.from(classes));
    all.destroy();
    for (const [i, explanation] of names.entries()) {
      const { map, cam } = results[i]!;
      expectMap(map, golden.tensor(`raw.${explanation}`).data, n, 1e-3, `raw ${explanation}`);
      if (!golden.names.includes(`full.${explanation}`)) continue;
      const full = golden.tensor(`full.${explanation}`).data;
      for (let image = 0; image < n; image++) {
        const own = cam.subarray(image * PIXELS, (image + 1) * PIXELS);
        const [low, high] = [Math.min(...own), Math.max(...own)];
        // It scales the least value to 0, too.
        const scaled = own.map((value) => (high > low ? (value - low) / (high - low) : 0));
        expectClose(scaled, full.slice(image * PIXELS, (image + 1) * PIXELS), {
          atol: 1e-3,
          label: `full ${explanation}`,
        });
      }
    }
  });
});
