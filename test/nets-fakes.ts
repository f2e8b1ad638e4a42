/** Weight files made of shapes alone: what the nets' tests recognise and trace. */

import { parameterNames } from '../nets/families.js';
import { makeSpec, type NetSpec, type SpecOptions } from '../nets/spec.js';
import type { HostTensor, StateDict } from '../weights/tensors.js';

/** A tensor of a shape; its zeros are made when asked for. */
export function fakeTensor(shape: readonly number[], values?: readonly number[]): HostTensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return {
    shape,
    dtype: 'f32',
    toFloat32: () => (values ? Float32Array.from(values) : new Float32Array(size)),
  };
}

/** A file that holds these tensors. */
export function fakeFile(
  tensors: Iterable<readonly [string, HostTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): StateDict {
  return { tensors: new Map(tensors), metadata, source: 'net.safetensors' };
}

/** Every tensor of a net, each name changed by `rename`. */
export function fakeTensors(spec: NetSpec, rename = (name: string) => name): Map<string, HostTensor> {
  return new Map([...parameterNames(spec)].map(([name, shape]) => [rename(name), fakeTensor(shape)]));
}

/** The file of one net. */
export function fakeNet(spec: NetSpec, metadata: Readonly<Record<string, string>> = {}): StateDict {
  return fakeFile(fakeTensors(spec), metadata);
}

/** vgg16_bn of the CIFAR form as exporters leave it that fold batch-norm: the positions stay, its tensors are gone. */
export function foldedVgg(): Map<string, HostTensor> {
  const tensors = fakeTensors(makeSpec('vgg16_bn', { form: 'cifar' }));
  const norms = [...tensors.keys()]
    .filter((name) => name.endsWith('.running_mean'))
    .map((name) => name.split('.')[1]);
  for (const name of [...tensors.keys()])
    if (norms.includes(name.split('.')[1]) && name.startsWith('features.')) tensors.delete(name);
  return tensors;
}

const VGGS = ['vgg11', 'vgg13', 'vgg16', 'vgg19'].flatMap((arch) => [arch, `${arch}_bn`]);
const RESNETS = ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'];
const CIFAR_RESNETS = ['resnet20', 'resnet32', 'resnet44', 'resnet56', 'resnet110'];

const VARIANTS: readonly (readonly [string, SpecOptions])[] = [
  ...VGGS.flatMap((arch) => [
    [arch, {}] as const,
    [arch, { form: 'cifar' }] as const,
    [arch, { form: 'cifar', hidden: [512, 512], classes: 100 }] as const,
    [arch, { widths: [4, 8, 12, 16, 20], hidden: [24, 24], classes: 7 }] as const,
  ]),
  ...RESNETS.flatMap((arch) => [
    [arch, {}] as const,
    [arch, { form: 'cifar' }] as const,
    [arch, { form: 'cifar', widths: [32, 64, 128, 256], classes: 100 }] as const,
  ]),
  ...CIFAR_RESNETS.flatMap((arch) => [
    [arch, {}] as const,
    [arch, { shortcut: 'B' }] as const,
    [arch, { widths: [8, 24, 40], classes: 3 }] as const,
  ]),
];

/** Every architecture in every form, as published and with other sizes: [title, spec]. */
export const EVERY_NET: readonly (readonly [string, NetSpec])[] = VARIANTS.map(([arch, options]) => [
  `${arch} ${JSON.stringify(options)}`,
  makeSpec(arch, options),
]);
