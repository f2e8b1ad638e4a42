/** Explanations: Grad-CAM, CAM, CFR and soft masks on the GPU against f64 references and closed forms. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createExplainer, OWN_PREDICTION } from '../attack/explain.js';
import { classWorkgroup, shaders, WORKGROUP } from '../attack/kernels.js';
import { MASK_NORMS } from '../attack/settings/common.js';
import { SettingError } from '../attack/settings/rows.js';
import { UserError } from '../base/errors.js';
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { forward, type Model } from '../nets/model.js';
import { ELEMENTS, PIXELS, randomImages, runKernel, seededModel, tinyResnet } from './attack-support.js';
import { gradcam, softMasks } from './reference/attack.js';
import { nd } from './reference/nd.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

const f64 = (values: ArrayLike<number>) => Float64Array.from(values);

/** What the explanation starts from, by the engine's own ops: features and the gradient of the labelled logit there. */
async function features(model: Model, x: Float32Array, labels: Uint32Array) {
  const graph = new Graph();
  const n = labels.length;
  const input = graph.input('x', [n, 3, 32, 32]);
  const index = graph.input('labels', [n], 'u32');
  let tensors: Record<'features' | 'gradient' | 'logits', Tensor> | undefined;
  graph.procedure('features', () => {
    const { logits, features: tap } = forward(graph, model, input);
    const [gradient] = gradients(graph.gather(logits, index), [tap]) as [Tensor];
    tensors = { features: tap, gradient, logits };
    return tensors;
  });
  const program = await engine.compile(graph);
  program.write(input, x);
  program.write(index, labels);
  await program.run(['features', 1]);
  const read = async (tensor: Tensor) => ({ data: f64(await program.read(tensor)), shape: tensor.shape });
  const result = {
    features: await read(tensors!.features),
    gradient: await read(tensors!.gradient),
    logits: await read(tensors!.logits),
  };
  program.destroy();
  return result;
}

const NETS: readonly (readonly [string, () => Model])[] = [
  ['resnet20', tinyResnet],
  ['vgg11_bn', () => seededModel('vgg11_bn', { form: 'cifar', widths: [4, 6, 8, 8, 10] }, 2)],
  ['resnet18', () => seededModel('resnet18', { form: 'cifar', widths: [4, 6, 8, 10] }, 4)],
];

describe.each(NETS)('Grad-CAM of %s', (_, make) => {
  it.each(MASK_NORMS)('agrees with the reference, mask norm %s', async (maskNorm) => {
    const model = make();
    const n = 3;
    const x = randomImages(n);
    const labels = Uint32Array.of(3, 0, 9);
    const { features: tap, gradient, logits } = await features(model, x, labels);
    const low = gradcam(tap, gradient);
    const expected = softMasks(low, [32, 32], 0.2, maskNorm);
    const explainer = await createExplainer(engine, model, { maskNorm, layer: 'last' }, n);
    const result = await explainer.run(x, labels);
    explainer.destroy();
    expectClose(result.logits, logits.data, { label: 'logits' });
    for (const [image, { cam, mask, cfr, cfrPixels }] of expected.entries()) {
      const of = (data: Float32Array) => data.subarray(image * PIXELS, (image + 1) * PIXELS);
      expect(result.cfr[image]).toBe(cfr);
      expectClose(of(result.cam), cam, { atol: 2e-5, label: 'cam' });
      // A pixel whose Lhat is tau to f32 accuracy may fall on either side: choose images that have none.
      expect(cam.filter((value) => Math.abs(value - 0.2) < 2e-5)).toHaveLength(0);
      expect(result.cfrPixels[image]).toBe(cfrPixels);
      expectClose(of(result.mask), mask, { atol: 2e-5, rtol: 2e-5, label: 'mask' });
    }
    expect(new Set(result.cfr)).toContain('ok');
  });
});

describe('layer', () => {
  const vgg = () => seededModel('vgg11_bn', { form: 'cifar', widths: [4, 6, 8, 8, 10] }, 2);
  const x = randomImages(2);
  const labels = Uint32Array.of(3, 7);
  const cams = async (model: Model, layer?: string) => {
    const explainer = await createExplainer(engine, model, layer ? { layer } : {}, 2);
    const { cam } = await explainer.run(x, labels);
    explainer.destroy();
    return cam;
  };

  it('is the deepest with 4x4 cells where nothing is said, the published one on demand', async () => {
    const [auto, fourth, last] = [await cams(vgg()), await cams(vgg(), 'block4'), await cams(vgg(), 'last')];
    expect(auto).toEqual(fourth);
    expect(last).toEqual(await cams(vgg(), 'layer5'));
    expect(last).not.toEqual(fourth);
    expect(await cams(tinyResnet())).toEqual(await cams(tinyResnet(), 'last'));
  });

  it('refuses what the net has not', async () => {
    await expect(cams(vgg(), 'block6')).rejects.toThrow(
      /layer: expected a block of vgg11_bn, block1 to block5, got block6/,
    );
    await expect(cams(vgg(), 'conv5')).rejects.toThrow(/layer: expected auto, last or a block/);
    const cam = createExplainer(engine, tinyResnet(), { explanation: 'cam', layer: 'block1' }, 1);
    await expect(cam).rejects.toThrow(/layer: expected the last block with explanation cam, got block1/);
  });
});

describe('explainer', () => {
  it('explains the prediction where no label is given', async () => {
    const model = tinyResnet();
    const x = randomImages(3);
    const explainer = await createExplainer(engine, model, {}, 3);
    const own = await explainer.run(x, null);
    const labelled = await explainer.run(x, own.classes);
    expect(own).toEqual(labelled);
    const other = await explainer.run(
      x,
      own.classes.map((label) => (label + 1) % 10),
    );
    expect(other.cam).not.toEqual(own.cam);
    explainer.destroy();
  });

  it('gives an image the same bytes whatever shares the batch', async () => {
    const model = tinyResnet();
    const x = randomImages(4);
    const labels = Uint32Array.of(1, 2, 3, 4);
    const explainer = await createExplainer(engine, model, {}, 4);
    const all = await explainer.run(x, labels);
    const one = await explainer.run(x.slice(2 * ELEMENTS, 3 * ELEMENTS), labels.slice(2, 3));
    explainer.destroy();
    expect(one.count).toBe(1);
    expect(one.cam).toEqual(all.cam.slice(2 * PIXELS, 3 * PIXELS));
    expect(one.mask).toEqual(all.mask.slice(2 * PIXELS, 3 * PIXELS));
    expect(one.logits).toEqual(all.logits.slice(20, 30));
  });

  it('CAM equals Grad-CAM on a net with global pooling and one linear layer', async () => {
    const model = tinyResnet();
    const x = randomImages(2);
    const labels = Uint32Array.of(5, 6);
    const maps: Float32Array[] = [];
    for (const explanation of ['cam', 'gradcam'] as const) {
      const explainer = await createExplainer(engine, model, { explanation }, 2);
      maps.push((await explainer.run(x, labels)).cam);
      explainer.destroy();
    }
    expectClose(maps[0]!, maps[1]!, { atol: 1e-5 });
  });

  it('refuses CAM of other nets', async () => {
    const model = seededModel('vgg11', { form: 'cifar', widths: [4, 4, 4, 4, 4] });
    await expect(createExplainer(engine, model, { explanation: 'cam' }, 1)).rejects.toThrow(UserError);
    await expect(createExplainer(engine, model, { explanation: 'cam' }, 1)).rejects.toThrow(
      /expected a net that ends in global pooling.*got vgg11; use gradcam/,
    );
  });

  it.each([
    [{ tau: 1.5 }, ['tau', 'expected a number from 0 to 1, got 1.5']],
    [{ tau: Number.NaN }, ['tau', 'expected a number from 0 to 1, got NaN']],
    [{ maskNorm: 'most' as 'max' }, ['maskNorm', 'expected one of max, sum, mean, binary, got "most"']],
    [
      { explanation: 'lime' as 'cam' },
      [
        'explanation',
        'expected one of gradcam, cam, gradcam++, hirescam, layercam, xgradcam, saliency, input-x-gradient, got "lime"',
      ],
    ],
  ] as const)('refuses %o', async (settings, [name, detail]) => {
    await expect(createExplainer(engine, tinyResnet(), settings, 1)).rejects.toThrow(
      new SettingError(name, detail),
    );
  });

  it('refuses wrong batches', async () => {
    const explainer = await createExplainer(engine, tinyResnet(), {}, 2);
    const bad = (x: Float32Array, labels: Uint32Array | null) => expect(explainer.run(x, labels)).rejects;
    await bad(randomImages(3), null).toThrow(/expected 1 to 2 images of 3072 values/);
    await bad(new Float32Array(5), null).toThrow(/got 5 values/);
    await bad(randomImages(2), Uint32Array.of(1)).toThrow(/labels: expected 2, one an image, got 1/);
    await bad(randomImages(1), Uint32Array.of(10)).toThrow(
      /labels: expected classes 0 to 9, got 10 for image 0/,
    );
    await bad(
      randomImages(1).map((v) => v * 2 - 1),
      null,
    ).toThrow(/expected pixels in \[0, 1\]/);
    explainer.destroy();
  });
});

describe('kernels', () => {
  const softMask = (
    map: Float32Array,
    [rows, columns]: [number, number],
    [height, width]: [number, number],
    tau: number,
    norm: number,
  ) =>
    runKernel(engine, {
      shader: shaders.mask,
      constants: {
        WG: WORKGROUP,
        ROWS: rows,
        COLUMNS: columns,
        HEIGHT: height,
        WIDTH: width,
        SETTINGS: 1,
        SET_TAU: 0,
        NORM: norm,
      },
      reads: [map, Float32Array.of(tau)],
      writes: [
        new Float32Array(height * width).fill(7),
        new Float32Array(height * width).fill(7),
        Uint32Array.of(7, 7),
      ],
      workgroups: [1, 1, 1],
    }) as Promise<[Float32Array, Float32Array, Uint32Array]>;

  it.each([
    [1, 1, 3, 5],
    [2, 3, 17, 5],
    [7, 7, 31, 33],
    [5, 4, 4, 3],
  ])('soft mask of a %ix%i map at %ix%i', async (rows, columns, height, width) => {
    const low = new Random(rows).uniformArray(rows * columns, 0, 3);
    for (const [norm, maskNorm] of MASK_NORMS.entries()) {
      // Each is a pipeline to compile: the thresholds' ends with one norm only.
      for (const tau of maskNorm === 'max' ? [0, 0.35, 1] : [0.35]) {
        const [cam, mask, region] = await softMask(low, [rows, columns], [height, width], tau, norm);
        const [expected] = softMasks(nd([1, 1, rows, columns], f64(low)), [height, width], tau, maskNorm);
        expectClose(cam, expected!.cam, { atol: 2e-6 });
        if (tau === 1) {
          expect(region[1]).toBeGreaterThanOrEqual(1);
          continue;
        }
        expectClose(mask, expected!.mask, { atol: 2e-6, rtol: 2e-5 });
        expect(Array.from(region)).toEqual([0, expected!.cfrPixels]);
      }
    }
  });

  it.each(MASK_NORMS.map((name, norm) => [name, norm] as const))(
    'empty CFR, mask norm %s',
    async (_, norm) => {
      const [cam, mask, region] = await softMask(new Float32Array(6), [2, 3], [5, 7], 0.2, norm);
      expect(Array.from(cam)).toEqual(new Array(35).fill(0));
      expect(Array.from(mask)).toEqual(new Array(35).fill(1));
      expect(Array.from(region)).toEqual([1, 0]);
    },
  );

  it.each([2, 10, 17, 1000])(
    'seed of %i classes: the label, or the first of the highest logits',
    async (classes) => {
      const random = new Random(classes);
      const logits = random.normalArray(3 * classes, 5);
      logits.fill(99, 2 * classes + (classes >> 1));
      const [seed] = await runKernel(engine, {
        shader: shaders.seed,
        constants: { WG: classWorkgroup(classes), CLASSES: classes },
        reads: [logits, Uint32Array.of(1, OWN_PREDICTION, OWN_PREDICTION)],
        writes: [],
        outputs: [3 * classes],
        workgroups: [3, 1, 1],
      });
      const rows = [0, 1, 2].map((i) => Array.from(seed!.slice(i * classes, (i + 1) * classes)));
      const second = Array.from(logits.slice(classes, 2 * classes));
      const chosen = [1, second.indexOf(Math.max(...second)), classes >> 1];
      expect(rows).toEqual(chosen.map((at) => Array.from({ length: classes }, (_, c) => (c === at ? 1 : 0))));
    },
  );
});
