/** The trainer: its recipe as numbers, its random numbers by their twins, what it refuses, checkpoints to the byte, and a loss that is no number. */
import { describe, expect, test } from 'vitest';
import { random4 } from '../attack/random.js';
import { UserError } from '../base/errors.js';
import { gradients } from '../engine/autodiff.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { initialiseModel } from '../nets/initialise.js';
import { loadModel } from '../nets/model.js';
import { makeSpec } from '../nets/spec.js';
import { curveText } from '../report/curve-text.js';
import { trainingCharts } from '../report/training-charts.js';
import { encodeNet } from '../train/checkpoint.js';
import { gather, orderOf, type TrainingData, wordsOf } from '../train/data.js';
import { traceAugment } from '../train/images.js';
import { mixAt, rateAt, stageOf, type TrainOptions, trainSettings } from '../train/settings.js';
import { createTrainer, DivergedError } from '../train/trainer.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';

const spec = makeSpec('resnet20', { widths: [4, 8, 16], classes: 3 });

function images(length: number, size: readonly [number, number], classes = 3): TrainingData {
  const bytes = 3 * size[0] * size[1];
  return {
    name: 'made up',
    length,
    size,
    labels: Uint32Array.from({ length }, (_, i) => i % classes),
    // A class is a colour, so that there is something to learn.
    read: (index) =>
      Uint8Array.from({ length: bytes }, (_, i) => {
        const channel = Math.floor((3 * i) / bytes);
        return ((index * 37 + i * 11) % 64) + (channel === index % classes ? 150 : 40);
      }),
  };
}

describe('settings', () => {
  const of = (options: TrainOptions) => trainSettings(options, spec, [32, 32]);

  test('are those of the published recipes', () => {
    expect(of({})).toMatchObject({ epochs: 30, batch: 128, rate: 0.2, at: 'none', border: 4, decay: 5e-4 });
    expect(of({ batch: 64 }).rate).toBeCloseTo(0.1);
    expect(of({ at: 'fast' })).toMatchObject({
      epsilon: 8 / 255,
      alpha: 10 / 255,
      attackSteps: 1,
      rate: 0.1,
    });
    expect(of({ at: 'pgd' })).toMatchObject({ alpha: 2 / 255, attackSteps: 7 });
    expect(of({ optimiser: 'adam' }).rate).toBe(0.001);
  });

  test('give each epoch its resolution', () => {
    const settings = of({
      stages: [
        { size: [16, 16], epochs: 2 },
        { size: [32, 32], epochs: 1 },
      ],
    });
    expect(settings.epochs).toBe(3);
    expect([0, 1, 2].map((epoch) => stageOf(settings, epoch).size[0])).toEqual([16, 16, 32]);
  });

  test('one-cycle goes up and down, cosine down, constant nowhere', () => {
    const rates = (schedule: 'one-cycle' | 'cosine' | 'constant') =>
      [0, 10, 20, 60, 100].map((step) => Number(rateAt(of({ schedule, rate: 1 }), step, 100).toFixed(4)));
    expect(rates('one-cycle')).toEqual([0, 0.5, 1, 0.5, 0.001]);
    expect(rates('cosine')).toEqual([1, 0.9755, 0.9045, 0.3455, 0.001]);
    expect(rates('constant')).toEqual([1, 1, 1, 1, 1]);
  });

  test('the average takes more of the first steps', () => {
    expect(mixAt(of({}), 0)).toBeCloseTo(0.9);
    expect(mixAt(of({}), 1e6)).toBeCloseTo(0.002);
    expect(mixAt(of({ average: 0 }), 5)).toBe(1);
  });

  test.each<readonly [TrainOptions, RegExp]>([
    [{ epochs: 0 }, /epochs: expected a whole number of at least 1, got 0/],
    [{ rate: Number.NaN }, /rate: expected a number above 0, got NaN/],
    [{ smoothing: 1 }, /smoothing: expected a number in \[0, 1\), got 1/],
    [
      { epochs: 3, stages: [{ size: [16, 16], epochs: 2 }] },
      /epochs: expected the 2 of the resolutions, got 3/,
    ],
    [{ stages: [{ size: [4, 4], epochs: 1 }] }, /expected at least 8x8, got 4x4/],
    [{ epoch: 3 } as TrainOptions, /got epoch$/],
  ])('refuses %j', (options, message) => {
    expect(() => of(options)).toThrow(message);
    expect(() => of(options)).toThrow(UserError);
  });

  test('a VGG has one resolution', () => {
    const vgg = makeSpec('vgg11', { form: 'cifar' });
    expect(() => trainSettings({ stages: [{ size: [16, 16], epochs: 1 }] }, vgg, [32, 32])).toThrow(
      /expected 32x32, all that vgg11 takes, got 16x16/,
    );
  });
});

describe('order', () => {
  test('is a permutation, by seed and epoch', () => {
    const order = orderOf(100, 1, 0);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(orderOf(100, 1, 0)).toEqual(order);
    expect(orderOf(100, 1, 1)).not.toEqual(order);
    expect(orderOf(100, 2, 0)).not.toEqual(order);
  });
});

describe('augmentation', () => {
  test('is that of its twin: mirror, then crop, by seed, image and step', async () => {
    const from = [6, 5] as const;
    const data = images(7, from);
    const { packed, ids } = await gather(data, Uint32Array.of(4, 0, 6));
    const graph = new Graph();
    const inputs = {
      packed: graph.input('packed', [3 * wordsOf(from)], 'u32'),
      ids: graph.input('ids', [3], 'u32'),
      key: graph.input('key', [2], 'u32'),
    };
    let pixels: Tensor | undefined;
    graph.procedure('main', () => {
      pixels = traceAugment(graph, inputs, { from, to: from, border: 2, flip: true });
      return { pixels };
    });
    const program = await (await testEngine()).compile(graph);
    try {
      program.write(inputs.packed, packed);
      program.write(inputs.ids, ids);
      program.write(inputs.key, Uint32Array.of(9, 13));
      program.poison();
      await program.run(['main', 1]);
      const expected = [...ids].flatMap((id) => {
        const [y0, x0, mirror] = random4(9, id, 0, 13) as unknown as [number, number, number];
        const bytes = data.read(id) as Uint8Array;
        return Array.from({ length: 90 }, (_, i) => {
          const row = (Math.floor(i / 5) % 6) + ((y0 >>> 8) % 5) - 2;
          const column = (i % 5) + ((x0 >>> 8) % 5) - 2;
          if (row < 0 || row >= 6 || column < 0 || column >= 5) return 0;
          return bytes[Math.floor(i / 30) * 30 + row * 5 + (mirror >>> 31 ? 4 - column : column)]! / 255;
        });
      });
      expectClose(await program.read(pixels!), expected, { atol: 1e-6 });
    } finally {
      program.destroy();
    }
  });
});

describe('a trainer', () => {
  const data = images(24, [16, 16]);
  const options = {
    data,
    batch: 8,
    seed: 5,
    rate: 0.05,
    stages: [
      { size: [8, 8], epochs: 2 },
      { size: [16, 16], epochs: 2 },
    ],
  } as const;
  const net = makeSpec('resnet20', { widths: [4, 8, 16], classes: 3, inputSize: [16, 16] });

  test.each(['none', 'pgd'] as const)(
    'goes on from a checkpoint to the same bytes, adversary %s',
    async (at) => {
      const engine = await testEngine();
      const own = { ...options, at, ...(at === 'pgd' ? { attackSteps: 2 } : {}) };
      const whole = await createTrainer(engine, net, own);
      const first = await createTrainer(engine, net, own);
      const second = await createTrainer(engine, net, own);
      try {
        while (whole.step < whole.steps) await whole.advance();
        // In the middle of an epoch of either resolution, and once more before the last step.
        for (const stop of [4, 8, 11]) {
          while (first.step < stop) await first.advance();
          await second.restore(await first.save());
          while (second.step < stop + 1) await second.advance();
          await first.restore(await second.save());
        }
        await first.settle();
        expect(await first.save()).toEqual(await whole.save());
        expect(first.losses).toEqual(whole.losses);
        expect(whole.losses).toHaveLength(12);
        if (at === 'none') expect(whole.losses.at(-1)!).toBeLessThan(whole.losses[0]! / 2);
        await expect(whole.advance()).rejects.toThrow(/expected a step of 12, got one more/);
      } finally {
        for (const trainer of [whole, first, second]) trainer.destroy();
      }
    },
  );

  test('refuses a checkpoint of another run, and other bytes', async () => {
    const engine = await testEngine();
    const one = await createTrainer(engine, net, options);
    const other = await createTrainer(engine, net, { ...options, seed: 6 });
    try {
      await expect(other.restore(await one.save(), 'ck')).rejects.toThrow(
        /ck: expected a checkpoint of this run, got one of another: settings.seed 5, here 6/,
      );
      await expect(
        other.restore(encodeNet(await one.model(), { dataset: 'x', training: 'none' }), 'net'),
      ).rejects.toThrow(/net: expected a checkpoint of a training run, got other tensors/);
    } finally {
      one.destroy();
      other.destroy();
    }
  });

  test('stops at a loss that is no number, tells the layer, and has changed nothing since', async () => {
    const model = initialiseModel(net, 1);
    const broken = new Map(model.params);
    const name = 'layer2.1.conv1.weight';
    const { shape } = broken.get(name)!;
    broken.set(name, {
      shape,
      dtype: 'f32',
      toFloat32: () => new Float32Array(shape.reduce((a, b) => a * b)).fill(3e38),
    });
    const trainer = await createTrainer(await testEngine(), { ...model, params: broken }, options);
    try {
      const before = await trainer.model();
      const steps = async () => {
        for (let i = 0; i < 3; i++) await trainer.advance();
        await trainer.settle();
      };
      await expect(steps()).rejects.toThrow(DivergedError);
      await expect(trainer.settle()).resolves.toBeUndefined();
      expect(trainer.step).toBe(0);
      const after = await trainer.model();
      for (const [parameter, tensor] of before.params)
        expect(after.params.get(parameter)!.toFloat32(), parameter).toEqual(tensor.toFloat32());
      const again = await createTrainer(await testEngine(), { ...model, params: broken }, options);
      await again.advance();
      await expect(again.settle()).rejects.toThrow(
        /expected finite means and variances of the batch, got others in step 1 \(epoch 1\); the first layer whose output is not finite is layer2.1.conv1; lower the learning rate \(0.05\)/,
      );
      again.destroy();
    } finally {
      trainer.destroy();
    }
  });

  test('gives a net that loads again, with what it is in its metadata', async () => {
    const trainer = await createTrainer(await testEngine(), net, {
      ...options,
      stages: [{ size: [16, 16], epochs: 1 }],
    });
    try {
      await trainer.advance();
      const facts = {
        dataset: 'colours',
        accuracy: 0.5,
        robustAccuracy: 0.25,
        robustSteps: 20,
        training: 'none; 1 epoch',
      };
      const model = { ...(await trainer.model()), labels: ['red', 'green', 'blue'] };
      const dict = parseSafetensors(encodeNet(model, facts), 'colours.safetensors');
      expect(dict.metadata).toMatchObject({
        architecture: 'resnet20',
        accuracy: '0.5000',
        pgd20_accuracy: '0.2500',
      });
      const loaded = loadModel(dict);
      expect(loaded.labels).toEqual(['red', 'green', 'blue']);
      expect(loaded.spec.widths).toEqual([4, 8, 16]);
      const weight = 'layer3.0.conv2.weight';
      expectClose(loaded.params.get(weight)!.toFloat32(), model.params.get(weight)!.toFloat32(), {
        rtol: 1e-3,
        atol: 1e-6,
      });
    } finally {
      trainer.destroy();
    }
  });

  test('refuses data that do not fit', async () => {
    const engine = await testEngine();
    await expect(createTrainer(engine, net, { ...options, batch: 25 })).rejects.toThrow(
      /at least the 25 images of a batch, got 24/,
    );
    await expect(createTrainer(engine, net, { ...options, data: images(24, [16, 16], 4) })).rejects.toThrow(
      /expected labels below the net's 3 classes, got 3/,
    );
  });
});

describe('the pieces', () => {
  test('moments are barriers only to those who ask for them', () => {
    const graph = new Graph();
    const x = graph.input('x', [4, 2]);
    const ones = graph.constant('ones', [2], Float32Array.of(1, 1));
    graph.procedure('main', () => {
      const { y, moments } = graph.batchNormTraining(x, ones, ones);
      expect(gradients(y, [x])[0]!.shape).toEqual([4, 2]);
      expect(() => gradients(moments, [x])).toThrow(/batchMoments has no gradient/);
      return { y };
    });
    expect(() =>
      graph.procedure('one', () => ({
        y: graph.batchNormTraining(graph.input('one', [1, 2]), ones, ones).y,
      })),
    ).toThrow(/expected more than one value for each channel, got \[1, 2\]; take a larger batch/);
  });
});

describe('curves', () => {
  test('of a run in a terminal and as SVG', () => {
    const losses = Array.from({ length: 500 }, (_, i) => 2.3 * Math.exp(-i / 150));
    const text = curveText(losses, 'loss by step').split('\n');
    expect(text).toHaveLength(12);
    expect(text[0]).toBe('loss by step');
    expect(text[1]).toMatch(/^ {5}2\.\d+ █+/);
    expect(curveText([], 'nothing')).toBe('');
    const rows = [1, 2, 3].map((epoch) => ({
      epoch,
      train: 0.2 * epoch,
      test: 0.3 * epoch,
      robust: 0.1 * epoch,
    }));
    const svg = trainingCharts('resnet20-cifar10', losses, 128, rows);
    expect(svg).toMatch(/^<svg/);
    expect(svg).toMatch(/Training of resnet20-cifar10/);
    expect(svg).toMatch(/test under PGD/);
  });
});
