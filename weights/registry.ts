/**
 * The nets known by name: those that ship with the package, and torchvision's ImageNet VGGs and ResNets (its
 * `IMAGENET1K_V1` weights, https://pytorch.org/vision/stable/models.html), fetched when first used. Tables only, for Node and
 * browser; registry-files.ts finds and fetches.
 */

import { UserError } from '../base/errors.js';

/** A net that is known by name. */
export interface RegisteredNet {
  /** What `openModel` and `--model` take. */
  readonly name: string;
  /** File name: in weights/files where there is no `url`, else in the cache folder. */
  readonly file: string;
  /** Where it is fetched from; none where it ships. */
  readonly url?: string;
  /** Of the whole file, in hex; for torchvision's files the first 8 digits, which their names carry. */
  readonly sha256: string;
  /** Roughly, in bytes; servers say exactly. */
  readonly size: number;
  /** A name of `makeSpec`. */
  readonly arch: string;
  /** What it was trained on. */
  readonly dataset: 'cifar10' | 'imagenet';
  /** Height and width of its images. */
  readonly inputSize: 32 | 224;
  /** Top-1 on the data set's test or validation images, as a fraction of 1. */
  readonly accuracy: number;
  /** Of nets that were made robust: how, and top-1 under PGD with 20 steps at linf 8/255, as their files state it (`pgd20_accuracy`). */
  readonly robust?: {
    /** Wong et al. 2020, or Madry et al. 2018. */
    readonly training: 'Fast AT' | 'PGD AT';
    /** As a fraction of 1. */
    readonly pgd20Accuracy: number;
  };
  /** Normalisation of [0,1] pixels, red, green, blue. */
  readonly mean: readonly [number, number, number];
  /** As `mean`: deviations. */
  readonly std: readonly [number, number, number];
}

const CIFAR10 = {
  dataset: 'cifar10',
  inputSize: 32,
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
} as const;

const IMAGENET = {
  dataset: 'imagenet',
  inputSize: 224,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;

export const TORCHVISION_URL = 'https://download.pytorch.org/models/';

/** File name, MiB and percent top-1 as torchvision states them. */
function torchvision(arch: string, sha256: string, mebibytes: number, percent: number): RegisteredNet {
  const file = `${arch}-${sha256}.pth`;
  const size = Math.round(mebibytes * 2 ** 20);
  return {
    name: arch,
    arch,
    file,
    url: TORCHVISION_URL + file,
    sha256,
    size,
    accuracy: percent / 100,
    ...IMAGENET,
  };
}

/** Every net that is known by name. */
export const registry: readonly RegisteredNet[] = [
  {
    name: 'resnet18-cifar10',
    arch: 'resnet18',
    file: 'resnet18-cifar10.safetensors',
    sha256: 'bfccd405803f9eca14889cea6b3af7b4d42fab56afbbf5dff701fbb4cf59d657',
    size: 22_376_284,
    accuracy: 0.9088,
    ...CIFAR10,
  },
  {
    name: 'vgg11_bn-cifar10',
    arch: 'vgg11_bn',
    file: 'vgg11_bn-cifar10.safetensors',
    sha256: '474823faf5615d86361fe3f601634e29d5fbfdc3ae7ff3c712f945b3edf0ee20',
    size: 4_633_028,
    accuracy: 0.8828,
    ...CIFAR10,
  },
  {
    name: 'vgg16_bn-cifar10',
    arch: 'vgg16_bn',
    file: 'vgg16_bn-cifar10.safetensors',
    sha256: 'd079b39e2a17a815886554bd52a18d326545aecf4e9470359a34c35ef82bca21',
    size: 7_389_300,
    accuracy: 0.8987,
    ...CIFAR10,
  },
  torchvision('vgg11', '8a719046', 506.84, 69.02),
  torchvision('vgg11_bn', '6002323d', 506.881, 70.37),
  torchvision('vgg13', '19584684', 507.545, 69.928),
  torchvision('vgg13_bn', 'abd245e5', 507.59, 71.586),
  torchvision('vgg16', '397923af', 527.796, 71.592),
  torchvision('vgg16_bn', '6c64b313', 527.866, 73.36),
  torchvision('vgg19', 'dcbb9e9d', 548.051, 72.376),
  torchvision('vgg19_bn', 'c79401a0', 548.143, 74.218),
  torchvision('resnet18', 'f37072fd', 44.661, 69.758),
  torchvision('resnet34', 'b627a593', 83.275, 73.314),
  torchvision('resnet50', '0676ba61', 97.781, 76.13),
  torchvision('resnet101', '63fe2227', 170.511, 77.374),
  torchvision('resnet152', '394f9c45', 230.434, 78.312),
];

/** @throws UserError for a name that is not in the registry, with those that are. */
export function findNet(name: string): RegisteredNet {
  const net = registry.find((entry) => entry.name === name);
  if (net) return net;
  const names = registry.map((entry) => entry.name).join(', ');
  throw new UserError(`model: expected one of ${names}, got "${name}"; files are given as weights instead`);
}
