/** Recognition of weight files: every net from its shapes, and every usual way of naming. */
import { describe, expect, it } from 'vitest';
import { parameterNames } from '../nets/families.js';
import { recognise } from '../nets/recognise.js';
import { ARCHITECTURES, makeSpec } from '../nets/spec.js';
import { EVERY_NET, fakeFile, fakeNet, fakeTensor, fakeTensors, foldedVgg } from './nets-fakes.js';

const resnet18 = makeSpec('resnet18');
const resnet18Cifar = makeSpec('resnet18', { form: 'cifar' });

describe('every net', () => {
  it('covers the whole table', () => {
    expect(new Set(EVERY_NET.map(([, { arch }]) => arch))).toEqual(new Set(ARCHITECTURES.keys()));
  });

  it.each(EVERY_NET)('%s is recognised from its names and shapes', (_, spec) => {
    const file = fakeNet(spec);
    const net = recognise(file);
    expect(net.spec).toEqual(spec);
    expect([...net.params.keys()]).toEqual([...parameterNames(spec).keys()]);
    for (const [name, tensor] of net.params) expect(tensor).toBe(file.tensors.get(name));
  });

  // Counts of learned numbers as torchvision and the CIFAR ResNets' author publish them: an independent check of the plans.
  it.each([
    ['vgg11', 132_863_336],
    ['vgg13', 133_047_848],
    ['vgg16', 138_357_544],
    ['vgg19', 143_667_240],
    ['vgg11_bn', 132_868_840],
    ['vgg13_bn', 133_053_736],
    ['vgg16_bn', 138_365_992],
    ['vgg19_bn', 143_678_248],
    ['resnet18', 11_689_512],
    ['resnet34', 21_797_672],
    ['resnet50', 25_557_032],
    ['resnet101', 44_549_160],
    ['resnet152', 60_192_808],
    ['resnet20', 269_722],
    ['resnet32', 464_154],
    ['resnet44', 658_586],
    ['resnet56', 853_018],
    ['resnet110', 1_727_962],
  ])('%s has %i parameters', (arch, count) => {
    let sum = 0;
    for (const [name, shape] of parameterNames(makeSpec(arch))) {
      if (!name.includes('.running_')) sum += shape.reduce((product, extent) => product * extent, 1);
    }
    expect(sum).toBe(count);
  });

  it('has torchvision names', () => {
    const bottleneck = parameterNames(makeSpec('resnet50'));
    expect(bottleneck.get('layer2.0.conv2.weight')).toEqual([128, 128, 3, 3]);
    expect(bottleneck.get('layer2.0.downsample.0.weight')).toEqual([512, 256, 1, 1]);
    expect(bottleneck.get('layer1.0.downsample.1.running_var')).toEqual([256]);
    expect(bottleneck.has('layer1.1.downsample.0.weight')).toBe(false);
    expect(bottleneck.get('fc.weight')).toEqual([1000, 2048]);
    const vgg = parameterNames(makeSpec('vgg16_bn'));
    expect(vgg.get('features.40.weight')).toEqual([512, 512, 3, 3]);
    expect(vgg.get('features.41.running_mean')).toEqual([512]);
    expect(vgg.get('classifier.0.weight')).toEqual([4096, 25088]);
    expect(parameterNames(makeSpec('vgg16')).has('features.28.weight')).toBe(true);
    expect(parameterNames(makeSpec('resnet20', { shortcut: 'B' })).has('layer2.0.shortcut.0.weight')).toBe(
      true,
    );
  });
});

describe('names', () => {
  it.each(['module.', 'model.', 'net.', 'backbone.', '0.', '1.', 'module.model.', '_orig_mod.'])(
    'strips the prefix %s',
    (prefix) => {
      for (const spec of [resnet18Cifar, makeSpec('vgg11_bn', { form: 'cifar' }), makeSpec('resnet20')]) {
        const net = recognise(fakeFile(fakeTensors(spec, (name) => prefix + name)));
        expect(net.spec).toEqual(spec);
        expect([...net.params.keys()]).toEqual([...parameterNames(spec).keys()]);
      }
    },
  );

  it('takes a wrapper inside the names', () => {
    const spec = makeSpec('vgg11', { form: 'cifar' });
    const tensors = fakeTensors(spec, (name) => name.replace('features.', 'features.module.'));
    expect(recognise(fakeFile(tensors)).spec).toEqual(spec);
  });

  it('ignores counters', () => {
    const tensors = fakeTensors(resnet18, (name) => `module.${name}`);
    tensors.set('module.bn1.num_batches_tracked', fakeTensor([]));
    tensors.set('n_averaged', fakeTensor([]));
    expect(recognise(fakeFile(tensors)).spec).toEqual(resnet18);
  });

  it.each([
    ['0.mean', '0.std', '1.'],
    ['normalize.mean', 'normalize.std', 'model.'],
    ['mu', 'sigma', ''],
  ])('reads the normaliser %s, %s', (mean, std, prefix) => {
    const tensors = fakeTensors(resnet18Cifar, (name) => prefix + name);
    tensors.set(mean, fakeTensor([1, 3, 1, 1], [0.5, 0.25, 0.125]));
    tensors.set(std, fakeTensor([3], [0.5, 0.5, 0.25]));
    const { spec, params } = recognise(fakeFile(tensors, { mean: '[0, 0, 0]' }));
    expect(spec).toEqual({ ...resnet18Cifar, mean: [0.5, 0.25, 0.125], std: [0.5, 0.5, 0.25] });
    expect(params.size).toBe(parameterNames(resnet18Cifar).size);
  });

  it('takes shortcut and linear for ResNets, downsample and fc for CIFAR ResNets', () => {
    const away = (name: string) => name.replace('.downsample.', '.shortcut.').replace(/^fc\./, 'linear.');
    expect(recognise(fakeFile(fakeTensors(resnet18Cifar, away))).spec).toEqual(resnet18Cifar);
    const spec = makeSpec('resnet20', { shortcut: 'B' });
    const back = (name: string) => name.replace('.shortcut.', '.downsample.').replace(/^linear\./, 'fc.');
    const net = recognise(fakeFile(fakeTensors(spec, back)));
    expect(net.spec).toEqual(spec);
    expect(net.params.has('layer2.0.shortcut.0.weight')).toBe(true);
  });

  it.each(['fc', 'linear', 'classifier.0', 'classifier.1'])(
    'takes %s for a VGG with one linear layer',
    (head) => {
      const spec = makeSpec('vgg16_bn', { form: 'cifar' });
      const tensors = fakeTensors(spec, (name) => name.replace('classifier', head));
      expect(recognise(fakeFile(tensors)).spec).toEqual(spec);
    },
  );

  it('takes a classifier with its linear layers at other places', () => {
    const spec = makeSpec('vgg16', { form: 'cifar', hidden: [512, 512] });
    const tensors = fakeTensors(spec, (name) =>
      name.replace('classifier.0', 'classifier.1').replace('classifier.3', 'classifier.4'),
    );
    expect(recognise(fakeFile(tensors)).spec).toEqual(spec);
  });
});

describe('metadata and options', () => {
  const mean = [0.1, 0.2, 0.3] as const;
  const std = [0.4, 0.5, 0.6] as const;

  it('takes mean and std from the metadata, and options before it', () => {
    const file = fakeNet(resnet18, {
      mean: JSON.stringify(mean),
      std: JSON.stringify(std),
      architecture: 'ResNet-18',
    });
    expect(recognise(file).spec).toEqual({ ...resnet18, mean, std });
    expect(recognise(file, { mean: std }).spec).toEqual({ ...resnet18, mean: std, std });
  });

  it('lets the metadata settle an ambiguous file', () => {
    const tensors = foldedVgg();
    const net = recognise(fakeFile(tensors, { architecture: 'vgg16' }));
    expect(net.spec).toEqual(makeSpec('vgg16', { form: 'cifar' }));
    expect(net.params.get('features.28.weight')).toBe(tensors.get('features.40.weight'));
  });

  it('lets --arch override the metadata', () => {
    expect(recognise(fakeNet(resnet18, { architecture: 'resnet34' }), { arch: 'resnet18' }).spec).toEqual(
      resnet18,
    );
    expect(recognise(fakeFile(foldedVgg()), { arch: 'vgg16' }).spec.arch).toBe('vgg16');
  });
});
