/** Reads a VGG off its tensors: depth and batch-norm from the positions in `features`, form from the classifier. */
import { UserError } from '../base/errors.js';
import { type Entries, type Entry, extent } from './names.js';
import type { Reader } from './reader.js';
import { ARCHITECTURES, architecture, type Form } from './spec.js';
import { VGG_POOLED, vggPositions } from './vgg.js';

const CONVOLUTION = /^features\.(\d+)\.weight$/;
const SINGLE_HEADS = ['classifier', 'fc', 'linear'];
/** Positions of the linear layers in torchvision's classifier. */
const HEAD_POSITIONS = [0, 3, 6];

export const vggReader: Reader = {
  // A file laid out as with batch-norm but without its tensors is either incomplete, or had its batch-norm folded into the
  // convolutions by an exporter: two readings.
  match(entries) {
    const found = convolutionPositions(entries);
    const normed = hasBatchNorm(entries);
    const matches: string[] = [];
    for (const [arch, { family, stages, batchNorm }] of ARCHITECTURES) {
      if (family !== 'vgg' || (normed && !batchNorm)) continue;
      if (sameNumbers(found, vggPositions(stages, batchNorm).flat())) matches.push(arch);
      else if (isFolded(entries, arch)) matches.push(arch);
    }
    return matches;
  },

  describe(entries) {
    const found = convolutionPositions(entries);
    const norm = hasBatchNorm(entries) ? 'with' : 'without';
    return `${found.length} convolutions at features.${found.join(', ')}, ${norm} batch-norm tensors`;
  },

  canonical(entries, arch) {
    const rename = new Map([...foldedNames(entries, arch), ...headNames(entries)]);
    return new Map([...entries].map(([name, entry]): [string, Entry] => [renamed(name, rename), entry]));
  },

  sizes(entries, arch, source) {
    const { stages, widths: published, batchNorm } = architecture(arch);
    const widths = vggPositions(stages, batchNorm).map(
      ([first], stage) => extent(entries, `features.${first}.weight`, 0) ?? published[stage]!,
    );
    const hidden = extent(entries, 'classifier.0.weight', 0);
    const [first, last] =
      hidden === undefined ? ['classifier', 'classifier'] : ['classifier.0', 'classifier.6'];
    const inputs = extent(entries, `${first}.weight`, 1);
    const form = formOf(widths.at(-1)!, inputs, `${source}: ${first}.weight`);
    const classes = extent(entries, `${last}.weight`, 0) ?? extent(entries, `${last}.bias`, 0);
    return {
      form,
      widths,
      ...(classes === undefined ? {} : { classes }),
      ...(hidden === undefined ? {} : { hidden }),
    };
  },
};

function convolutionPositions(entries: Entries): number[] {
  const positions: number[] = [];
  for (const [name, { tensor }] of entries) {
    const position = CONVOLUTION.exec(name)?.[1];
    if (position !== undefined && tensor.shape.length === 4) positions.push(Number(position));
  }
  return positions.sort((a, b) => a - b);
}

function hasBatchNorm(entries: Entries): boolean {
  return [...entries.keys()].some((name) => name.startsWith('features.') && name.endsWith('.running_mean'));
}

function isFolded(entries: Entries, arch: string): boolean {
  const { family, stages, batchNorm } = architecture(arch);
  if (family !== 'vgg' || batchNorm || hasBatchNorm(entries)) return false;
  return sameNumbers(convolutionPositions(entries), vggPositions(stages, true).flat());
}

/** From the positions of the layout with batch-norm to those without, where the file has its batch-norm folded. */
function foldedNames(entries: Entries, arch: string): [string, string][] {
  if (!isFolded(entries, arch)) return [];
  const plain = vggPositions(architecture(arch).stages, false).flat();
  return convolutionPositions(entries).map((position, k) => [`features.${position}`, `features.${plain[k]}`]);
}

/** One linear layer is called `classifier`, three `classifier.0`, `.3`, `.6`, whatever stands between them in the file. */
function headNames(entries: Entries): [string, string][] {
  const layers = [...entries.keys()]
    .filter((name) => name.endsWith('.weight') && !name.startsWith('features.'))
    .map((name) => name.slice(0, -'.weight'.length));
  const numbered = layers
    .filter((name) => /^classifier\.\d+$/.test(name))
    .sort((a, b) => position(a) - position(b));
  if (numbered.length === HEAD_POSITIONS.length) {
    return numbered.map((name, k) => [name, `classifier.${HEAD_POSITIONS[k]}`]);
  }
  const [only, ...others] = layers;
  const single = only !== undefined && (SINGLE_HEADS.includes(only) || numbered.length === 1);
  return single && others.length === 0 ? [[only, 'classifier']] : [];
}

function position(layer: string): number {
  return Number(layer.split('.').at(-1));
}

/** Renames the layer of a tensor: everything before its last dot. */
function renamed(name: string, layers: ReadonlyMap<string, string>): string {
  const dot = name.lastIndexOf('.');
  const layer = layers.get(name.slice(0, dot));
  return layer === undefined ? name : layer + name.slice(dot);
}

function formOf(channels: number, inputs: number | undefined, what: string): Form {
  if (inputs === undefined || inputs === channels * VGG_POOLED.imagenet ** 2) return 'imagenet';
  if (inputs === channels * VGG_POOLED.cifar ** 2) return 'cifar';
  throw new UserError(
    `${what}: expected ${channels * VGG_POOLED.imagenet ** 2} inputs (ImageNet form) or ${channels} (CIFAR form), got ${inputs}`,
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
