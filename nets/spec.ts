/** What a net is, as data: the table of known architectures and the spec that fixes one net of them down to its shapes. */
import { UserError } from '../base/errors.js';

export type Family = 'vgg' | 'resnet' | 'resnet-cifar';
export type Form = 'imagenet' | 'cifar';
/** One number per colour channel, red first. */
export type Rgb = readonly [number, number, number];

/** Everything that `parameterNames` and `forward` need to know of a net. Build it with `makeSpec` or `recognise`. */
export interface NetSpec {
  /** A key of `ARCHITECTURES`, e.g. `resnet18`, `vgg16_bn`, `resnet20`. */
  readonly arch: string;
  readonly family: Family;
  /** `imagenet`: 224x224, 7x7 stem or 7x7 pooled head. `cifar`: 32x32, 3x3 stem or 1x1 head. */
  readonly form: Form;
  readonly classes: number;
  /** Height and width of the images that the net was made for. */
  readonly inputSize: 224 | 32;
  readonly batchNorm: boolean;
  /** `resnet-cifar` only. A: subsample and pad with zeros; B: 1x1 convolution (He et al. 2016, section 4.2). */
  readonly shortcut?: 'A' | 'B';
  /** Channels per stage: VGG, output of its convolutions; ResNet, width of its blocks before the bottleneck's expansion. */
  readonly widths: readonly number[];
  /** VGG with the three-layer classifier: its hidden units. Absent: one linear layer. */
  readonly hidden?: number;
  /** Normalisation of [0,1] pixels, the net's first op: (x - mean) / std. */
  readonly mean: Rgb;
  readonly std: Rgb;
}

export interface Architecture {
  readonly family: Family;
  /** Convolutions (VGG) or blocks (ResNet) per stage. */
  readonly stages: readonly number[];
  /** The published `NetSpec.widths`. */
  readonly widths: readonly number[];
  readonly batchNorm: boolean;
  /** Blocks 1x1, 3x3, 1x1 that widen fourfold, instead of two 3x3. */
  readonly bottleneck: boolean;
}

/** Simonyan and Zisserman 2015, table 1 (columns A, B, D, E). */
const VGG_STAGES = {
  vgg11: [1, 1, 2, 2, 2],
  vgg13: [2, 2, 2, 2, 2],
  vgg16: [2, 2, 3, 3, 3],
  vgg19: [2, 2, 4, 4, 4],
};
/** He et al. 2016, table 1. */
const BASIC_STAGES = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] };
const BOTTLENECK_STAGES = { resnet50: [3, 4, 6, 3], resnet101: [3, 4, 23, 3], resnet152: [3, 8, 36, 3] };
/** He et al. 2016, section 4.2: 6n + 2 layers. */
const CIFAR_BLOCKS = { resnet20: 3, resnet32: 5, resnet44: 7, resnet56: 9, resnet110: 18 };

/** Every known architecture by name. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  ...[false, true].flatMap((batchNorm) =>
    Object.entries(VGG_STAGES).map(([name, stages]): [string, Architecture] => [
      batchNorm ? `${name}_bn` : name,
      { family: 'vgg', stages, widths: [64, 128, 256, 512, 512], batchNorm, bottleneck: false },
    ]),
  ),
  ...[BASIC_STAGES, BOTTLENECK_STAGES].flatMap((table, index) =>
    Object.entries(table).map(([name, stages]): [string, Architecture] => [
      name,
      { family: 'resnet', stages, widths: [64, 128, 256, 512], batchNorm: true, bottleneck: index === 1 },
    ]),
  ),
  ...Object.entries(CIFAR_BLOCKS).map(([name, n]): [string, Architecture] => [
    name,
    { family: 'resnet-cifar', stages: [n, n, n], widths: [16, 32, 64], batchNorm: true, bottleneck: false },
  ]),
]);

const DEFAULTS: Readonly<Record<Form, { classes: number; inputSize: 224 | 32; mean: Rgb; std: Rgb }>> = {
  imagenet: { classes: 1000, inputSize: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar: { classes: 10, inputSize: 32, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
};

/** What may differ between nets of one architecture; whatever is left out is as published. */
export interface SpecOptions {
  /** Default: `cifar` for `resnet-cifar`, else `imagenet`. */
  readonly form?: Form;
  /** Default: 1000 or 10, by form. */
  readonly classes?: number;
  /** `resnet-cifar` only; default A. */
  readonly shortcut?: 'A' | 'B';
  readonly widths?: readonly number[];
  /** VGG only; default 4096 in the ImageNet form, one linear layer in the CIFAR form. */
  readonly hidden?: number;
  readonly mean?: Rgb;
  readonly std?: Rgb;
}

/**
 * The spec of a net of a known architecture.
 * @throws UserError on an unknown name or options that no net of the architecture can have
 */
export function makeSpec(arch: string, options: SpecOptions = {}): NetSpec {
  const { family, batchNorm, widths: published } = architecture(arch);
  const form = options.form ?? (family === 'resnet-cifar' ? 'cifar' : 'imagenet');
  const { classes, inputSize, mean, std } = DEFAULTS[form];
  const hidden = options.hidden ?? (form === 'imagenet' ? 4096 : undefined);
  const spec: NetSpec = {
    arch,
    family,
    form,
    classes: options.classes ?? classes,
    inputSize,
    batchNorm,
    ...(family === 'resnet-cifar' ? { shortcut: options.shortcut ?? 'A' } : {}),
    widths: options.widths ?? published,
    ...(family === 'vgg' && hidden !== undefined ? { hidden } : {}),
    mean: checkMean(options.mean ?? mean),
    std: checkStd(options.std ?? std),
  };
  checkSizes(spec, published.length);
  return spec;
}

/** @throws UserError that names the known architectures */
export function architecture(arch: string): Architecture {
  const found = ARCHITECTURES.get(arch);
  if (!found) {
    throw new UserError(
      `architecture: expected one of ${[...ARCHITECTURES.keys()].join(', ')}, got "${arch}"`,
    );
  }
  return found;
}

function checkSizes(spec: NetSpec, stages: number): void {
  const { arch, family, form, widths } = spec;
  if (family === 'resnet-cifar' && form !== 'cifar')
    throw new UserError(`${arch}: expected the CIFAR form, got ${form}`);
  if (widths.length !== stages)
    throw new UserError(`${arch}: expected ${stages} stage widths, got ${widths.length}`);
  for (const size of [spec.classes, ...widths, spec.hidden ?? 1]) {
    if (!Number.isInteger(size) || size < 1) {
      throw new UserError(`${arch}: expected classes, widths and hidden units of at least 1, got ${size}`);
    }
  }
  const evenly = widths.every(
    (width, k) => k === 0 || (width >= widths[k - 1]! && (width - widths[k - 1]!) % 2 === 0),
  );
  if (spec.shortcut === 'A' && !evenly) {
    throw new UserError(
      `${arch}: expected stage widths that rise by even numbers (option A pads both sides alike), got ${widths.join(', ')}; ` +
        'option B has shortcut tensors',
    );
  }
}

function checkMean(mean: Rgb): Rgb {
  if (mean.length !== 3 || !mean.every((value) => value >= 0 && value <= 1)) {
    throw new UserError(
      `mean: expected three numbers from 0 to 1 (of pixels in [0,1]), got ${mean.join(', ')}`,
    );
  }
  return mean;
}

function checkStd(std: Rgb): Rgb {
  if (std.length !== 3 || !std.every((value) => value > 0 && value <= 1)) {
    throw new UserError(
      `std: expected three numbers above 0, at most 1 (of pixels in [0,1]), got ${std.join(', ')}`,
    );
  }
  return std;
}
