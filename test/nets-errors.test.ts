/** What is said of weight files that hold no known net, or not all of one: an error table. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { parameterNames } from '../nets/families.js';
import { recognise } from '../nets/recognise.js';
import { makeSpec } from '../nets/spec.js';
import type { HostTensor } from '../weights/tensors.js';
import { fakeFile, fakeTensor, fakeTensors, foldedVgg } from './nets-fakes.js';

const resnet18 = makeSpec('resnet18');

describe('files that do not fit', () => {
  const known =
    'vgg11, vgg13, vgg16, vgg19, vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn, resnet18, resnet34, resnet50, resnet101, resnet152, resnet20, resnet32, resnet44, resnet56, resnet110';
  const changed = (change: (tensors: Map<string, HostTensor>) => void, spec = resnet18) => {
    const tensors = fakeTensors(spec);
    change(tensors);
    return tensors;
  };
  const vgg = makeSpec('vgg16', { form: 'cifar' });

  it.each<[string, Map<string, HostTensor>, Record<string, string>, string | undefined, string | RegExp]>([
    [
      'a wrong shape',
      changed((tensors) => tensors.set('layer3.0.conv2.weight', fakeTensor([256, 128, 3, 3]))),
      {},
      undefined,
      'net.safetensors: expected the tensors of resnet18 (imagenet form, 1000 classes), got 1 wrong shape ' +
        '(layer3.0.conv2.weight: expected [256, 256, 3, 3], got [256, 128, 3, 3]); is the file whole, and of this net?',
    ],
    [
      'missing and unexpected tensors',
      changed((tensors) => {
        for (const name of ['conv1.weight', 'bn1.weight', 'bn1.bias', 'fc.weight']) tensors.delete(name);
        tensors.set('layer1.0.se.weight', fakeTensor([64]));
      }),
      {},
      undefined,
      'net.safetensors: expected the tensors of resnet18 (imagenet form, 1000 classes), got 4 missing tensors ' +
        '(conv1.weight, bn1.weight, bn1.bias, ...), 1 unexpected tensor (layer1.0.se.weight); is the file whole, and of this net?',
    ],
    [
      'a truncated file whose metadata names the net',
      changed((tensors) => tensors.delete('features.28.weight'), vgg),
      { architecture: 'vgg16' },
      undefined,
      'net.safetensors: expected the tensors of vgg16 (cifar form, 10 classes), got 1 missing tensor (features.28.weight); ' +
        'is the file whole, and of this net?',
    ],
    [
      'a truncated VGG',
      changed((tensors) => tensors.delete('features.28.weight'), vgg),
      {},
      undefined,
      `net.safetensors: expected the structure of a known net (${known}), got 12 convolutions at ` +
        'features.0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, without batch-norm tensors; --arch NAME lists what differs from one of them',
    ],
    [
      'a VGG that can be two',
      foldedVgg(),
      {},
      undefined,
      'net.safetensors: expected the tensors of one net, got a file that can be vgg16 or vgg16_bn (13 convolutions at ' +
        'features.0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40, without batch-norm tensors); choose with --arch',
    ],
    [
      'that VGG read as the one with batch-norm',
      foldedVgg(),
      {},
      'vgg16_bn',
      'net.safetensors: expected the tensors of vgg16_bn (cifar form, 10 classes), got 52 missing tensors ' +
        '(features.1.weight, features.1.bias, features.1.running_mean, ...); the structure is that of vgg16',
    ],
    [
      'another architecture in the metadata',
      fakeTensors(resnet18),
      { architecture: 'resnet34' },
      undefined,
      'net.safetensors: expected the tensors of resnet34 (metadata "architecture"), got those of resnet18 ' +
        '(4 stages of 2, 2, 2, 2 basic blocks, 64, 128, 256, 512 channels wide); choose with --arch',
    ],
    [
      'an unknown architecture in the metadata',
      fakeTensors(resnet18),
      { architecture: 'densenet121' },
      undefined,
      `net.safetensors: metadata "architecture": expected one of ${known}, got "densenet121"; --arch overrides it`,
    ],
    [
      'an unknown --arch',
      fakeTensors(resnet18),
      {},
      'resnet19',
      `architecture: expected one of ${known}, got "resnet19"`,
    ],
    [
      '--arch of another net',
      fakeTensors(resnet18),
      {},
      'vgg11',
      'net.safetensors: expected the tensors of vgg11 (imagenet form, 1000 classes), got 18 missing tensors ' +
        '(features.0.weight, features.0.bias, features.3.weight, ...), 102 unexpected tensors ' +
        '(conv1.weight, bn1.weight, bn1.bias, ...); is the file whole, and of this net?',
    ],
    [
      'an unknown net',
      new Map(['a', 'b', 'c', 'd'].map((name) => [`encoder.${name}.weight`, fakeTensor([1])])),
      {},
      undefined,
      'net.safetensors: expected a VGG (features.0.weight, ...) or a ResNet (layer1.0.conv1.weight, ...), got 4 tensors of neither ' +
        '(encoder.a.weight, encoder.b.weight, encoder.c.weight, ...)',
    ],
    ['no tensors', new Map(), {}, undefined, /got 0 tensors of neither \(none\)$/],
    [
      'two nets',
      new Map([
        ...fakeTensors(resnet18, (name) => `a.${name}`),
        ...fakeTensors(resnet18, (name) => `b.${name}`),
        ['b.fc.bias', fakeTensor([1000], new Array<number>(1000).fill(1))],
      ]),
      {},
      undefined,
      'net.safetensors: expected the tensors of one net, got nets under "a.", "b."; choose one with --prefix (prefix: in the library)',
    ],
    [
      'a tensor given twice',
      new Map([...fakeTensors(resnet18), ['module.conv1.weight', fakeTensor([64, 3, 7, 7])]]),
      {},
      undefined,
      'net.safetensors: expected one tensor conv1.weight, got two: conv1.weight and module.conv1.weight',
    ],
    [
      'an odd stem',
      changed((tensors) => tensors.set('conv1.weight', fakeTensor([64, 3, 5, 5]))),
      {},
      undefined,
      'net.safetensors: conv1.weight: expected a 7x7 (ImageNet form) or 3x3 (CIFAR form) kernel, got 5x5',
    ],
    [
      'an odd classifier',
      changed((tensors) => tensors.set('classifier.weight', fakeTensor([10, 2049])), vgg),
      {},
      undefined,
      'net.safetensors: classifier.weight: expected a multiple of 512 inputs (25088 in the ImageNet form, 512 in the CIFAR form), got 2049',
    ],
    [
      'a wide ResNet-50',
      changed(
        (tensors) => tensors.set('layer1.0.conv1.weight', fakeTensor([128, 64, 1, 1])),
        makeSpec('resnet50'),
      ),
      {},
      undefined,
      /resnet50 .* wrong shapes \(layer1.0.bn1.weight/,
    ],
    [
      'an unreadable mean',
      fakeTensors(resnet18),
      { mean: '0.5' },
      undefined,
      'net.safetensors: metadata "mean": expected three numbers like [0.5, 0.5, 0.5], got "0.5"; --mean overrides it',
    ],
    [
      'a std of 8-bit pixels',
      fakeTensors(resnet18),
      { std: '[58, 57, 57]' },
      undefined,
      'std: expected three numbers from 0.000001 to 1 (of pixels in [0,1]), got 58, 57, 57',
    ],
  ])('%s', (_, tensors, metadata, arch, message) => {
    const run = () => recognise(fakeFile(tensors, metadata), arch === undefined ? {} : { arch });
    expect(run).toThrow(UserError);
    expect(run).toThrow(message);
  });

  it.each<[string, (tensors: Map<string, HostTensor>) => void, string]>([
    [
      'ResNet-D',
      (tensors) => {
        tensors.delete('conv1.weight');
        for (const k of [0, 3, 6]) tensors.set(`conv1.${k}.weight`, fakeTensor([32, k === 0 ? 3 : 32, 3, 3]));
      },
      'ResNet-D: deep stem and pooled shortcuts are not supported',
    ],
    [
      'pooled shortcuts',
      (tensors) => tensors.set('layer2.0.downsample.1.weight', fakeTensor([128, 64, 1, 1])),
      'ResNet-D: deep stem and pooled shortcuts are not supported',
    ],
    [
      'SENet',
      (tensors) => tensors.set('layer1.0.se.fc1.weight', fakeTensor([4, 64, 1, 1])),
      'SENet: squeeze-and-excitation blocks are not supported',
    ],
    [
      "kuangliu's SENet",
      (tensors) => tensors.set('layer1.0.fc1.weight', fakeTensor([4, 64, 1, 1])),
      'SENet: squeeze-and-excitation blocks are not supported',
    ],
    [
      'a gray net',
      (tensors) => tensors.set('conv1.weight', fakeTensor([64, 1, 7, 7])),
      'a grayscale net (its first convolution takes 1 channel)',
    ],
    [
      'ResNeXt',
      (tensors) => {
        tensors.set('layer1.0.conv1.weight', fakeTensor([128, 64, 1, 1]));
        tensors.set('layer1.0.conv2.weight', fakeTensor([128, 4, 3, 3]));
      },
      'grouped or depthwise convolutions (ResNeXt, MobileNet, EfficientNet): groups are not supported',
    ],
    [
      'GroupNorm',
      (tensors) => {
        for (const name of [...tensors.keys()]) if (name.includes('.running_')) tensors.delete(name);
      },
      'normalisation without running statistics',
    ],
    [
      'weight normalisation',
      (tensors) => tensors.set('layer1.0.conv1.weight_g', fakeTensor([64, 1, 1, 1])),
      'weight normalisation or spectral normalisation',
    ],
    [
      'a mask without its weight',
      (tensors) => tensors.set('layer1.0.conv1.weight_mask', fakeTensor([64, 64, 3, 3])),
      'a pruned net of which only the mask or the original weight is there',
    ],
  ])('%s is refused by its own name', (_, change, message) => {
    const run = () => recognise(fakeFile(changed(change)));
    expect(run).toThrow(UserError);
    expect(run).toThrow(`net.safetensors: ${message}`);
  });

  it('never leaves out what is inside the net', () => {
    const run = (name: string) =>
      recognise(fakeFile(changed((tensors) => tensors.set(name, fakeTensor([64])))), { ignoreExtra: true });
    expect(() => run('layer1.0.scale.weight')).toThrow('1 unexpected tensor (layer1.0.scale.weight)');
    expect(() => run('fc.1.weight')).toThrow('unexpected tensor');
    expect(run('aux.weight').assumptions.map(({ text }) => text)).toContainEqual(
      'left out aux.weight (--ignore-extra)',
    );
  });

  it.each([
    [{ prefix: 'x' }, '--prefix: expected one of "", got "x"'],
    [{ shortcut: 'raw' as const }, '--shortcut: expected a net whose file does not tell its shortcuts'],
  ])('refuses the options %j', (options, message) => {
    expect(() => recognise(fakeFile(fakeTensors(resnet18)), options)).toThrow(message);
  });

  it.each([
    ['vgg11_bn', makeSpec('vgg11_bn')],
    ['resnet18', resnet18],
    ['resnet50', makeSpec('resnet50')],
    ['resnet20', makeSpec('resnet20', { shortcut: 'B' })],
  ])('%s misses any one tensor', (_, spec) => {
    for (const name of parameterNames(spec).keys()) {
      // Heads without a bias are usual.
      if (/^(?:fc|linear)\.bias$/.test(name)) continue;
      const tensors = fakeTensors(spec);
      tensors.delete(name);
      expect(() => recognise(fakeFile(tensors), { arch: spec.arch })).toThrow(`1 missing tensor (${name})`);
    }
  });
});
