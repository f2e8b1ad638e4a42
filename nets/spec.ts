/** What a net is, as data: the table of known architectures and the spec that fixes one net of them down to its shapes. */
import { UserError } from '../base/errors.js';

/** `vgg`; `resnet` (He et al. 2016, section 4.1, and wide ones); `resnet-cifar` (section 4.2); `preact` (pre-activation). */
export type Family = 'vgg' | 'resnet' | 'resnet-cifar' | 'preact';
/** What the net was made for: 224x224 images, or 32x32 ones. */
export type Form = 'imagenet' | 'cifar';
/** One number per colour channel, red first. */
export type Rgb = readonly [number, number, number];
/** Height and width. */
export type Size = readonly [number, number];

/**
 * How a block whose sizes change takes its shortcut. A: subsample and pad with zeros on both sides; A-end: pad behind the
 * last channel; B: 1x1 convolution (He et al. 2016, section 4.2). Pre-activation blocks project what comes into the block
 * (`raw`) or its first ReLU (`activated`).
 */
export type Shortcut = 'A' | 'A-end' | 'B' | 'raw' | 'activated';

/** The first convolution of a ResNet. */
export interface Stem {
  /** That it gives. */
  readonly channels: number;
  /** Side of its kernel. */
  readonly kernel: 3 | 7;
  /** In both axes. */
  readonly stride: number;
  /** Max-pool 3x3, stride 2, behind it. */
  readonly pool: boolean;
}

/** Everything that `parameterNames` and `forward` need to know of a net. Build it with `makeSpec` or `recognise`. */
export interface NetSpec {
  /** A key of `ARCHITECTURES`, e.g. `resnet18`, `vgg16_bn`, `resnet20`; or made up of the same parts, e.g. `resnet14`, `wrn-28-10`. */
  readonly arch: string;
  /** Which rules its layers follow. */
  readonly family: Family;
  /** `imagenet`: 7x7 stem or 7x7 pooled head. `cifar`: 3x3 stem or a smaller head. */
  readonly form: Form;
  /** Logits that it gives. */
  readonly classes: number;
  /** Height and width of the images that the net gets; where they differ the smaller. */
  readonly inputSize: number;
  /** Rows of the images that it gets. */
  readonly height: number;
  /** Columns of the images that it gets. */
  readonly width: number;
  /** Batch-norm behind the convolutions. */
  readonly batchNorm: boolean;
  /** Convolutions (VGG) or blocks (ResNet) per stage. */
  readonly stages: readonly number[];
  /** Channels per stage: VGG, output of its convolutions; ResNet, width of its blocks before the bottleneck's expansion. */
  readonly widths: readonly number[];
  /** Blocks 1x1, 3x3, 1x1 instead of two 3x3. */
  readonly bottleneck: boolean;
  /** Widening of a block's last convolution: 4 in bottlenecks, 2 in the wide ones, 1 in basic blocks. */
  readonly expansion: number;
  /** ResNets only. */
  readonly stem?: Stem;
  /** VGGs only: a max-pool behind the last stage too, as published. Without it the features themselves are averaged to `pooled`. */
  readonly lastPool?: boolean;
  /** `resnet-cifar` and `preact` only. */
  readonly shortcut?: Shortcut;
  /** `preact` only: batch-norm and ReLU behind the last block. */
  readonly finalNorm?: boolean;
  /** `preact` only: biases in the convolutions that no batch-norm follows. */
  readonly convBias?: boolean;
  /** Grid that the head sees: 1x1 is global pooling. */
  readonly pooled: Size;
  /** Hidden units of the head's layers but the last, a ReLU behind each. */
  readonly hidden: readonly number[];
  /** Normalisation of [0,1] pixels, the net's first op: (x - mean) / std. */
  readonly mean: Rgb;
  /** Deviations of [0,1] pixels. */
  readonly std: Rgb;
}

/** A known net but for its sizes of images and classes. */
export interface Architecture {
  /** Which rules its layers follow. */
  readonly family: Family;
  /** Convolutions (VGG) or blocks (ResNet) per stage. */
  readonly stages: readonly number[];
  /** The published `NetSpec.widths`. */
  readonly widths: readonly number[];
  /** Batch-norm behind the convolutions. */
  readonly batchNorm: boolean;
  /** Blocks 1x1, 3x3, 1x1 that widen fourfold, instead of two 3x3. */
  readonly bottleneck: boolean;
}

/** An architecture by its name, or by one that is made up of the same parts. */
export interface NamedArchitecture extends Architecture {
  /** As in `NetSpec.arch`. */
  readonly name: string;
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

const DEFAULTS: Readonly<Record<Form, { classes: number; mean: Rgb; std: Rgb }>> = {
  imagenet: { classes: 1000, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar: { classes: 10, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
};

/** Input size per cell of the pooled grid: five halvings in a VGG, four without its last pool, and what CIFAR ResNets were made for. */
const cellOf = (lastPool: boolean) => (lastPool ? 32 : 16);

/** What may differ between nets of one architecture; whatever is left out is as published. */
export interface SpecOptions {
  /** Default: `cifar` for `resnet-cifar` and `preact`, else `imagenet`. */
  readonly form?: Form;
  /** Default: 1000 or 10, by form. */
  readonly classes?: number;
  /** Default: A for `resnet-cifar`; for `preact` what RobustBench's have: `activated` with a last batch-norm, else `raw`. */
  readonly shortcut?: Shortcut;
  /** Channels per stage. Default: the published ones. */
  readonly widths?: readonly number[];
  /** Default: 4 in bottlenecks, else 1. */
  readonly expansion?: number;
  /** ResNets. Default: the published one of the form. */
  readonly stem?: Partial<Stem>;
  /** Default: true. */
  readonly lastPool?: boolean;
  /** `preact` only. Default: true. */
  readonly finalNorm?: boolean;
  /** `preact` only. Default: false. */
  readonly convBias?: boolean;
  /** Cells of the grid that the head sees, where it is not the form's: a square's, or that of `inputSize`. */
  readonly cells?: number;
  /** Default: VGG of the ImageNet form 4096, 4096; else none. */
  readonly hidden?: readonly number[];
  /** Default: 224x224 in the ImageNet form, else 32x32 for each cell of the head's grid. */
  readonly inputSize?: Size;
  /** Normalisation. Default: the usual one of the form. */
  readonly mean?: Rgb;
  /** As `mean`; deviations of [0,1] pixels. */
  readonly std?: Rgb;
}

/**
 * The spec of a net of a known architecture, or of one given whole.
 * @throws UserError on an unknown name or options that no net of the architecture can have
 */
export function makeSpec(arch: string | NamedArchitecture, options: SpecOptions = {}): NetSpec {
  const known = typeof arch === 'string' ? architecture(arch) : arch;
  const { name, family, batchNorm, stages, widths: published, bottleneck } = known;
  const form = options.form ?? (family === 'resnet-cifar' || family === 'preact' ? 'cifar' : 'imagenet');
  const { classes, mean, std } = DEFAULTS[form];
  const widths = options.widths ?? published;
  const large = form === 'imagenet';
  const lastPool = options.lastPool ?? true;
  const cell = cellOf(lastPool);
  const pooled = pooledGrid(name, options, cell, family === 'vgg' && large ? 49 : 1);
  const side = (cells: number) => (pooled[0] * pooled[1] === 1 ? 32 : cell * cells);
  const [height, width] =
    options.inputSize ??
    (large && pooled[0] === (family === 'vgg' ? 7 : 1) ? [224, 224] : [side(pooled[0]), side(pooled[1])]);
  const spec: NetSpec = {
    arch: name,
    family,
    form,
    classes: options.classes ?? classes,
    inputSize: Math.min(height, width),
    height,
    width,
    batchNorm,
    stages,
    widths,
    bottleneck,
    expansion: options.expansion ?? (bottleneck ? 4 : 1),
    ...(family === 'vgg'
      ? { lastPool }
      : {
          stem: {
            channels: widths[0]!,
            kernel: large ? 7 : 3,
            stride: large ? 2 : 1,
            pool: large,
            ...options.stem,
          },
        }),
    ...(family === 'resnet-cifar' ? { shortcut: options.shortcut ?? 'A' } : {}),
    ...(family === 'preact'
      ? {
          shortcut: options.shortcut ?? ((options.finalNorm ?? true) ? 'activated' : 'raw'),
          finalNorm: options.finalNorm ?? true,
          convBias: options.convBias ?? false,
        }
      : {}),
    pooled,
    hidden: options.hidden ?? (family === 'vgg' && large ? [4096, 4096] : []),
    mean: checkMean(options.mean ?? mean),
    std: checkStd(options.std ?? std),
  };
  checkSizes(spec);
  return spec;
}

/** The same net for images of another size. */
export function resized(spec: NetSpec, [height, width]: Size): NetSpec {
  return { ...spec, height, width, inputSize: Math.min(height, width) };
}

function pooledGrid(arch: string, { cells, inputSize }: SpecOptions, cell: number, usual: number): Size {
  if (cells === undefined || cells === usual) return [Math.sqrt(usual), Math.sqrt(usual)];
  const [rows, columns] = (inputSize ?? []).map((extent) => Math.floor(extent / cell));
  if (rows !== undefined && columns !== undefined && rows * columns === cells) return [rows, columns];
  const side = Math.sqrt(cells);
  if (Number.isInteger(side)) return [side, side];
  throw new UserError(
    `${arch}: expected a head over a square grid, got one over ${cells} cells; give --input-size HxW`,
  );
}

/** @throws UserError that names the known architectures */
export function architecture(arch: string): NamedArchitecture {
  const found = ARCHITECTURES.get(arch);
  if (!found) {
    throw new UserError(
      `architecture: expected one of ${[...ARCHITECTURES.keys()].join(', ')}, got "${arch}"`,
    );
  }
  return { ...found, name: arch };
}

function checkSizes(spec: NetSpec): void {
  const { arch, family, form, widths, stages, shortcut, stem } = spec;
  if (family === 'resnet-cifar' && form !== 'cifar')
    throw new UserError(`${arch}: expected the CIFAR form, got ${form}`);
  if (widths.length !== stages.length)
    throw new UserError(`${arch}: expected ${stages.length} stage widths, got ${widths.length}`);
  for (const size of [spec.classes, ...widths, ...spec.hidden]) {
    if (!Number.isInteger(size) || size < 1) {
      throw new UserError(`${arch}: expected classes, widths and hidden units of at least 1, got ${size}`);
    }
  }
  for (const size of [spec.height, spec.width]) {
    if (!Number.isInteger(size) || size < 1)
      throw new UserError(
        `${arch}: expected an input size of whole numbers, got ${spec.height}x${spec.width}`,
      );
  }
  const allowed: Partial<Record<Family, readonly Shortcut[]>> = {
    'resnet-cifar': ['A', 'A-end', 'B'],
    preact: ['raw', 'activated'],
  };
  if (shortcut !== undefined && !allowed[family]?.includes(shortcut)) {
    throw new UserError(`${arch}: --shortcut: expected ${allowed[family]!.join(' or ')}, got ${shortcut}`);
  }
  const inputs = [stem?.channels ?? 0, ...widths.slice(0, -1)];
  const evenly = widths.every((width, k) => width >= inputs[k]! && (width - inputs[k]!) % 2 === 0);
  if (shortcut === 'A' && !evenly) {
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

/** Far below one grey level; the inverse of less overflows before the net is through. */
const LEAST_STD = 1e-6;

function checkStd(std: Rgb): Rgb {
  if (std.length !== 3 || !std.every((value) => value >= LEAST_STD && value <= 1)) {
    throw new UserError(
      `std: expected three numbers from ${LEAST_STD} to 1 (of pixels in [0,1]), got ${std.join(', ')}`,
    );
  }
  return std;
}
