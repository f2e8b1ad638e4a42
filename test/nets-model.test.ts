/** Loading and tracing of nets without a GPU: shapes of the outputs, wiring, shared constants, labels. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { Graph, ShapeError, type Tensor } from '../engine/graph.js';
import { parameterNames } from '../nets/families.js';
import { camHead, type ForwardOptions, forward, loadModel, type Model } from '../nets/model.js';
import { architecture, makeSpec, type NetSpec } from '../nets/spec.js';
import { EVERY_NET, fakeNet } from './nets-fakes.js';

const resnet20 = makeSpec('resnet20');
const cifarVgg = makeSpec('vgg11_bn', { form: 'cifar' });

interface Traced {
  readonly graph: Graph;
  readonly x: Tensor;
  readonly logits: Tensor;
  readonly features: Tensor;
}

/** Traces a net on a batch of two; `inputs` makes its parameters graph inputs, which need no data. */
function traceNet(model: Model, size: readonly [number, number], inputs = true): Traced {
  const graph = new Graph();
  const x = graph.input('x', [2, 3, ...size]);
  const known = new Map<string, Tensor>();
  const options: ForwardOptions = {
    parameter(name, shape) {
      const tensor = known.get(name) ?? graph.input(name, shape);
      known.set(name, tensor);
      return tensor;
    },
  };
  let outputs = { logits: x, features: x };
  graph.procedure('forward', () => {
    outputs = forward(graph, model, x, inputs ? options : {});
    const { logits, features } = outputs!;
    return { logits, features };
  });
  if (inputs) expect(new Set(known.keys())).toEqual(new Set(parameterNames(model.spec).keys()));
  return { graph, x, ...outputs };
}

/** Every tensor that `tensor` is computed from, itself included. */
function ancestors(tensor: Tensor, found = new Set<Tensor>()): Set<Tensor> {
  const open = [tensor];
  for (let next = open.pop(); next; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    if (next.source.kind === 'op') open.push(...next.source.inputs);
  }
  return found;
}

function countOps(tensor: Tensor, op: string): number {
  return [...ancestors(tensor)].filter(({ source }) => source.kind === 'op' && source.op === op).length;
}

function featureShape({ arch, family, form, widths }: NetSpec): number[] {
  const channels = widths.at(-1)! * (architecture(arch).bottleneck ? 4 : 1);
  const size = {
    vgg: { imagenet: 14, cifar: 2 },
    resnet: { imagenet: 7, cifar: 4 },
    'resnet-cifar': { imagenet: 0, cifar: 8 },
    preact: { imagenet: 7, cifar: 4 },
  };
  return [2, channels, size[family][form], size[family][form]];
}

describe('forward', () => {
  it.each(EVERY_NET)('%s gives logits and features', (_, spec) => {
    const model = loadModel(fakeNet(spec));
    const { logits, features } = traceNet(model, [spec.inputSize, spec.inputSize]);
    expect(logits.shape).toEqual([2, spec.classes]);
    expect(features.shape).toEqual(featureShape(spec));
    expect(ancestors(logits)).toContain(features);
    expect(features.source).toMatchObject({ op: 'relu' });
  });

  it('normalises first', () => {
    const model = loadModel(fakeNet(resnet20), { mean: [0.5, 0.25, 0.5], std: [0.5, 0.25, 1] });
    const { x, logits } = traceNet(model, [32, 32]);
    const users = [...ancestors(logits)].filter(
      ({ source }) => source.kind === 'op' && source.inputs.includes(x),
    );
    expect(users.map(({ source }) => source.kind === 'op' && source.op)).toEqual(['scaleShift']);
    const source = users[0]!.source as Extract<Tensor['source'], { kind: 'op' }>;
    const data = source.inputs
      .slice(1)
      .map(({ source: constant }) => constant.kind === 'constant' && [...constant.values()]);
    expect(data).toEqual([
      [2, 4, 1],
      [-1, -1, -0.5],
    ]);
  });

  it('has the layers of ResNet-50', () => {
    const { logits } = traceNet(loadModel(fakeNet(makeSpec('resnet50'))), [224, 224]);
    expect(countOps(logits, 'conv2d')).toBe(53);
    expect(countOps(logits, 'batchNorm')).toBe(53);
    expect(countOps(logits, 'add')).toBe(16);
    expect(countOps(logits, 'relu')).toBe(49);
    expect(countOps(logits, 'maxPool2d')).toBe(1);
    const strided = [...ancestors(logits)].flatMap(({ source }) =>
      source.kind === 'op' && source.op === 'conv2d' && source.attributes.stride[0] === 2
        ? [source.inputs[1]!.shape[2]]
        : [],
    );
    expect(strided.sort()).toEqual([1, 1, 1, 3, 3, 3, 7]);
  });

  it('pads and subsamples in option A, projects in option B', () => {
    const a = traceNet(loadModel(fakeNet(resnet20)), [32, 32]).logits;
    const b = traceNet(loadModel(fakeNet(makeSpec('resnet20', { shortcut: 'B' }))), [32, 32]).logits;
    expect([countOps(a, 'subsamplePad'), countOps(a, 'conv2d')]).toEqual([2, 19]);
    expect([countOps(b, 'subsamplePad'), countOps(b, 'conv2d')]).toEqual([0, 21]);
  });

  it('takes ResNets and ImageNet VGGs of other sizes', () => {
    expect(traceNet(loadModel(fakeNet(resnet20)), [17, 23]).features.shape).toEqual([2, 64, 5, 6]);
    const vgg = loadModel(fakeNet(makeSpec('vgg11')));
    expect(traceNet(vgg, [320, 64]).logits.shape).toEqual([2, 1000]);
    expect(countOps(traceNet(vgg, [320, 64]).logits, 'adaptiveAvgPool2d')).toBe(1);
    expect(countOps(traceNet(vgg, [224, 224]).logits, 'adaptiveAvgPool2d')).toBe(0);
  });

  it('refuses images that the net cannot take', () => {
    const vgg = loadModel(fakeNet(cifarVgg));
    expect(() => traceNet(vgg, [64, 31])).toThrow('vgg11_bn: expected input of at least 32x32, got 64x31');
    const graph = new Graph();
    const gray = graph.input('gray', [1, 1, 32, 32]);
    expect(() => forward(graph, vgg, gray)).toThrow(ShapeError);
    expect(() => forward(graph, vgg, gray)).toThrow(
      'vgg11_bn: expected images [n, 3, height, width], got [1, 1, 32, 32]',
    );
  });

  it('shares constants between the traces of one graph, not between models', () => {
    const [one, other] = [loadModel(fakeNet(resnet20)), loadModel(fakeNet(resnet20))];
    const { graph, x, logits } = traceNet(one, [32, 32], false);
    const constants = (tensor: Tensor) =>
      [...ancestors(tensor)].filter(({ source }) => source.kind === 'constant');
    const traced: Tensor[] = [];
    graph.procedure('again', () => {
      traced.push(forward(graph, one, x).logits, forward(graph, other, x).logits);
      return {};
    });
    const first = new Set(constants(logits));
    expect(new Set(constants(traced[0]!))).toEqual(first);
    expect(constants(traced[1]!).filter((constant) => first.has(constant))).toEqual([]);
  });

  it('lets a caller bring its own batch-norm', () => {
    const graph = new Graph();
    const x = graph.input('x', [1, 3, 32, 32]);
    const names: string[] = [];
    graph.procedure('train', () => {
      const { logits } = forward(graph, loadModel(fakeNet(resnet20)), x, {
        batchNorm(y, name, channels) {
          expect(y.shape[1]).toBe(channels);
          names.push(name);
          return y;
        },
      });
      return { logits };
    });
    expect(names).toHaveLength(19);
    expect(names.slice(0, 3)).toEqual(['bn1', 'layer1.0.bn1', 'layer1.0.bn2']);
  });
});

describe('models', () => {
  it('gives CAM the linear layer of nets with global average pooling', () => {
    expect(camHead(loadModel(fakeNet(makeSpec('resnet50'))))?.weight.shape).toEqual([1000, 2048]);
    expect(camHead(loadModel(fakeNet(resnet20)))?.weight.shape).toEqual([10, 64]);
    expect(camHead(loadModel(fakeNet(cifarVgg)))).toBeUndefined();
  });

  it('names models after their file', () => {
    expect(loadModel(fakeNet(resnet20)).name).toBe('net.safetensors');
    expect(loadModel(fakeNet(resnet20), { name: 'mine' }).name).toBe('mine');
  });

  it('finds labels', () => {
    const ten = Array.from({ length: 10 }, (_, index) => `label ${index}`);
    const labels = (spec: NetSpec, metadata = {}) => loadModel(fakeNet(spec, metadata)).labels;
    expect(labels(resnet20)[3]).toBe('cat');
    expect(labels(resnet20, { dataset: 'CIFAR-10' })[9]).toBe('truck');
    expect(labels(resnet20, { dataset: 'svhn' })[9]).toBe('class 9');
    expect(labels(resnet20, { labels: JSON.stringify(ten) })).toEqual(ten);
    expect(labels(makeSpec('resnet20', { classes: 100 }))[99]).toBe('class 99');
    expect(labels(makeSpec('resnet18', { classes: 10 }))[0]).toBe('class 0');
    expect(loadModel(fakeNet(resnet20, { labels: '["a"' }), { labels: ten }).labels).toBe(ten);
  });

  it.each([
    ['["a", "b"]', 'net.safetensors: metadata "labels": expected a JSON list of 10 strings, got 2 items'],
    ['cat, dog', 'net.safetensors: metadata "labels": expected a JSON list of 10 strings, got "cat, dog"'],
  ])('refuses the labels %s', (labels, message) => {
    expect(() => loadModel(fakeNet(resnet20, { labels }))).toThrow(UserError);
    expect(() => loadModel(fakeNet(resnet20, { labels }))).toThrow(message);
  });

  it('refuses another number of labels', () => {
    const load = () => loadModel(fakeNet(resnet20), { labels: ['a'] });
    expect(load).toThrow('labels: expected 10, one for each class of resnet20, got 1');
  });

  it.each<[() => NetSpec, string]>([
    [() => makeSpec('resnet20', { form: 'imagenet' }), 'resnet20: expected the CIFAR form, got imagenet'],
    [() => makeSpec('resnet18', { widths: [64] }), 'resnet18: expected 4 stage widths, got 1'],
    [
      () => makeSpec('resnet18', { classes: 0 }),
      'resnet18: expected classes, widths and hidden units of at least 1, got 0',
    ],
    [
      () => makeSpec('resnet20', { widths: [16, 31, 64] }),
      'rise by even numbers (option A pads both sides alike), got 16, 31, 64',
    ],
    [() => makeSpec('resnet18', { mean: [0.5, 0.5, 127] }), 'mean: expected three numbers from 0 to 1'],
    [() => makeSpec('resnet18', { std: [0, 0.5, 0.5] }), 'std: expected three numbers from 0.000001 to 1'],
    [
      () => makeSpec('resnet18', { std: [1e-300, 0.5, 0.5] }),
      'std: expected three numbers from 0.000001 to 1',
    ],
  ])('refuses a spec that no net has (%#)', (make, message) => {
    expect(make).toThrow(UserError);
    expect(make).toThrow(message);
  });
});
