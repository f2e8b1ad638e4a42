/** The f64 references against PyTorch: ops, Grad-CAM and soft mask, and both attacks followed step by step. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  gradcam,
  judge,
  type MinimalState,
  minimalStep,
  paperStep,
  perturbed,
  round8,
  softMasks,
} from './reference/attack.js';
import { nd, type Reference, type ReferenceName, references } from './reference/references.js';
import { expectClose } from './support/compare.js';
import { type AttackFacts, openGolden } from './support/golden.js';

/** The stored values are f64 results rounded to f32. */
const STORED = { atol: 1e-6, rtol: 1e-6 };

type Attributes = Parameters<(typeof references)[ReferenceName]['forward']>[0];

describe('ops', () => {
  const golden = openGolden<{ cases: { op: ReferenceName; attributes: Attributes; inputs: number }[] }>(
    'ops',
  );
  const array = (name: string) => nd(golden.tensor(name).shape, golden.tensor(name).data);

  it.each(golden.facts.cases.map((row, i) => [i, row.op, row] as const))('%i %s', (i, op, row) => {
    const reference = references[op] as Reference<never>;
    const attributes = row.attributes as never;
    const inputs = Array.from({ length: row.inputs }, (_, operand) => array(`${i}.in${operand}`));
    const label = `${op} ${JSON.stringify(row.attributes)}`;
    expectClose(reference.forward(attributes, inputs), array(`${i}.out`), { ...STORED, label });
    for (const [operand, gradient] of reference.vjp(attributes, inputs, array(`${i}.cotangent`)).entries()) {
      const name = `${i}.grad${operand}`;
      if (!golden.names.includes(name)) continue;
      expectClose(gradient!, array(name), { ...STORED, label: `${label}, gradient ${operand}` });
    }
  });
});

describe('Grad-CAM', () => {
  it.each(['resnet18-cifar', 'vgg16_bn-cifar', 'resnet20A-cifar', 'resnet34-imagenet'])('of %s', (name) => {
    const golden = openGolden(name);
    const { batch, inputSize, label, classes } = golden.facts;
    const array = (tensor: string) => nd(golden.tensor(tensor).shape, golden.tensor(tensor).data);
    const low = gradcam(array('tap'), array('tapGradient'));
    expectClose(low.data, golden.tensor('camLow').data, { atol: 1e-6, rtol: 1e-5 });
    const masks = softMasks(low, [inputSize, inputSize], 0.2, 'max');
    const cam = golden.tensor('cam').data;
    const pixels = inputSize ** 2;
    for (const [b, { cam: made }] of masks.entries()) {
      expectClose(made, cam.subarray(b * pixels, (b + 1) * pixels), { atol: 1e-5 });
    }
    const logits = nd([batch, classes], golden.tensor('logits').data);
    const loss = references.crossEntropy.forward({}, [logits, nd([batch], label)]);
    expectClose(loss.data, golden.tensor('loss').data, { atol: 1e-5, rtol: 1e-5 });
  });

  it('of the shipped nets, with the mask', () => {
    for (const name of ['attack-resnet18-cifar10', 'attack-vgg11_bn-cifar10']) {
      const golden = openGolden<AttackFacts>(name);
      const low = golden.tensor('camLow');
      const [n, h, w] = low.shape as [number, number, number];
      const masks = softMasks(nd([n, 1, h, w], low.data), [32, 32], golden.facts.tau, 'max');
      const expected = golden.tensor('mask').data;
      for (const [b, { mask, cfrPixels, cfr }] of masks.entries()) {
        const own = expected.subarray(b * 1024, (b + 1) * 1024);
        expectClose(mask, own, { atol: 1e-6, rtol: 1e-6, label: name });
        expect([cfr, cfrPixels]).toEqual(['ok', own.filter((value) => value > 0).length]);
      }
    }
  });
});

describe('shipped weights', () => {
  it.each(['resnet18-cifar10', 'vgg11_bn-cifar10'])('%s are those of the golden files', (name) => {
    const digest = createHash('sha256')
      .update(readFileSync(`weights/files/${name}.safetensors`))
      .digest('hex');
    const predictions = JSON.parse(readFileSync(`test/golden/predictions-${name}.json`, 'utf8')) as {
      weights: string;
    };
    expect(openGolden<AttackFacts>(`attack-${name}`).facts.weights).toBe(digest);
    expect(predictions.weights).toBe(digest);
  });
});

describe('soft mask', () => {
  const low = nd([1, 1, 1, 4], [1, 3, 4, 0]);
  const mask = (norm: 'max' | 'sum' | 'mean' | 'binary') => [...softMasks(low, [1, 4], 0.5, norm)[0]!.mask];

  it('has four norms', () => {
    expect(mask('max')).toEqual([0, 0.75, 1, 0]);
    expect(mask('binary')).toEqual([0, 1, 1, 0]);
    expectClose(mask('sum'), [0, 3 / 7, 4 / 7, 0], { atol: 1e-15 });
    expectClose(mask('mean'), [0, 6 / 7, 8 / 7, 0], { atol: 1e-15 });
  });

  it('is all ones, and says so, where there is no positive evidence', () => {
    const activations = nd([1, 1, 1, 2], [1, 2]);
    const empty = softMasks(gradcam(activations, nd([1, 1, 1, 2], [-1, -1])), [2, 2], 0.2, 'sum')[0]!;
    expect(empty).toEqual({
      cam: new Float64Array(4),
      mask: new Float64Array(4).fill(1),
      cfr: 'empty',
      cfrPixels: 0,
    });
  });
});

describe('rounding to 8 bits', () => {
  it('takes halves to the even pixel', () => {
    expect([0.5, 1.5, 2.5, 2.4, 2.6, 254.5].map((k) => Math.round(round8(k / 255) * 255))).toEqual([
      0, 2, 2, 2, 3, 254,
    ]);
    for (let k = 0; k < 256; k++) expect(round8(Math.fround(k / 255))).toBe(k / 255);
  });
});

describe('attacks on a linear net', () => {
  const golden = openGolden<{ label: number[]; steps: number }>('attack-toy');
  const { label, steps } = golden.facts;
  const doubles = (name: string) => Float64Array.from(golden.tensor(name).data);
  const [weight, bias] = [nd([4, 90], doubles('weight')), nd([4], doubles('bias'))];
  const epilogue = { bias: true, residual: false, activation: 'none' } as const;
  const linear = { transposeA: false, transposeB: true, epilogue } as const;

  /** Cross-entropy of one image, its gradient, and the predicted class. */
  function net(image: Float64Array, y: number) {
    const inputs = [nd([1, 90], image), weight, bias];
    const logits = references.matmul.forward(linear, inputs);
    const labels = nd([1], [y]);
    const loss = references.crossEntropy.forward({}, [logits, labels]).data[0]!;
    const [dlogits] = references.crossEntropy.vjp({}, [logits, labels], nd([1], [1]));
    const [gradient] = references.matmul.vjp(linear, inputs, dlogits!);
    return { loss, gradient: gradient!.data, predicted: logits.data.indexOf(Math.max(...logits.data)) };
  }

  const image = (b: number) => ({
    y: label[b]!,
    x: Float64Array.from(golden.pixels().data.subarray(b * 90, (b + 1) * 90)),
    mask: doubles('mask').slice(b * 30, (b + 1) * 30),
  });

  /** Column b of a stored [steps, images] record. */
  const history = (name: string, b: number) => {
    const { data, shape } = golden.tensor(name);
    return Array.from({ length: shape[0]! }, (_, i) => data[i * shape[1]! + b]!);
  };

  it.each(label.map((_, b) => b))('minimal, image %i', (b) => {
    const { x, mask, y } = image(b);
    let state: MinimalState = {
      delta: new Float64Array(90),
      radius: 0.3,
      best: x,
      bestNorm: Number.POSITIVE_INFINITY,
    };
    const record = {
      loss: [] as number[],
      fooled: [] as number[],
      radius: [] as number[],
      l2: [] as number[],
    };
    for (let step = 0; step <= steps; step++) {
      const quantised = perturbed(x, state.delta, mask).map(round8);
      const { loss, gradient, predicted } = net(quantised, y);
      const fooled = predicted !== y;
      record.loss.push(loss);
      record.fooled.push(fooled ? 1 : 0);
      record.radius.push(state.radius);
      record.l2.push(Math.hypot(...quantised.map((value, i) => value - x[i]!)));
      const given = { x, mask, quantised, fooled, gradient, step, steps };
      state = step === steps ? judge(state, given) : minimalStep(state, given);
    }
    for (const [name, values] of Object.entries(record)) {
      expectClose(values, history(`minimal.${name}`, b), { ...STORED, label: name });
    }
    const size = [b * 90, (b + 1) * 90] as const;
    expectClose(state.delta, golden.tensor('minimal.delta').data.subarray(...size), STORED);
    expectClose(state.best, golden.pixels('minimal.best').data.subarray(...size), STORED);
    expectClose([state.bestNorm], golden.tensor('minimal.bestL2').data.subarray(b, b + 1), STORED);
  });

  it.each(label.map((_, b) => b))('paper, image %i', (b) => {
    const { x, mask, y } = image(b);
    let delta: Float64Array = doubles('delta0').slice(b * 90, (b + 1) * 90);
    const record = { j: [] as number[], norm: [] as number[], loss: [] as number[] };
    for (let step = 0; step < steps; step++) {
      const { loss, gradient } = net(perturbed(x, delta, mask), y);
      const next = paperStep(delta, { x, mask, crossEntropy: loss, gradient });
      record.j.push(next.j);
      record.norm.push(next.norm);
      record.loss.push(loss);
      delta = next.delta;
    }
    for (const [name, values] of Object.entries(record)) {
      expectClose(values, history(`paper.${name}`, b), { ...STORED, label: name });
    }
    const size = [b * 90, (b + 1) * 90] as const;
    expectClose(delta, golden.tensor('paper.delta').data.subarray(...size), STORED);
    expectClose(perturbed(x, delta, mask), golden.tensor('paper.final').data.subarray(...size), STORED);
  });
});
