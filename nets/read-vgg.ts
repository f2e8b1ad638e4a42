/** Reads a VGG off its tensors: depth and batch-norm from the positions in `features`, form from the classifier. */
import { UserError } from '../base/errors.js';
import { findHead, headNames, renamed } from './heads.js';
import { type Entries, type Entry, extent } from './names.js';
import type { Reader } from './reader.js';
import { ARCHITECTURES, type Architecture } from './spec.js';
import { vggPositions } from './vgg.js';

const CONVOLUTION = /^features\.(\d+)\.weight$/;
/** AdaptiveAvgPool2d(7) in front of torchvision's classifier. */
const IMAGENET_CELLS = 49;

export const vggReader: Reader = {
  // A file laid out as with batch-norm but without its tensors is either incomplete, or had its batch-norm folded into the
  // convolutions by an exporter: two readings.
  match(entries) {
    const found = convolutionPositions(entries);
    const normed = hasBatchNorm(entries);
    return [...ARCHITECTURES].flatMap(([name, known]) => {
      const { family, stages, batchNorm } = known;
      if (family !== 'vgg' || (normed && !batchNorm)) return [];
      const fits = sameNumbers(found, vggPositions(stages, batchNorm).flat());
      return fits || isFolded(entries, known) ? [{ ...known, name }] : [];
    });
  },

  describe(entries) {
    const found = convolutionPositions(entries);
    const norm = hasBatchNorm(entries) ? 'with' : 'without';
    return `${found.length} convolutions at features.${found.join(', ')}, ${norm} batch-norm tensors`;
  },

  canonical(entries, arch) {
    const convolutions = new Map([...foldedNames(entries, arch)]);
    const channels = lastChannels(entries);
    const head = channels === undefined ? undefined : findHead(entries, channels, isFeature);
    const layers = new Map([...convolutions, ...(head ? headNames(head, 'classifier') : [])]);
    return new Map([...entries].map(([name, entry]): [string, Entry] => [renamed(name, layers), entry]));
  },

  sizes(entries, arch, source) {
    const { stages, widths: published, batchNorm } = arch;
    const widths = vggPositions(stages, batchNorm).map(
      ([first], stage) => extent(entries, `features.${first}.weight`, 0) ?? published[stage]!,
    );
    const channels = widths.at(-1)!;
    const head = entries.has('features.0.weight') ? findHead(entries, channels, isFeature) : undefined;
    const hidden = head?.hidden ?? unchainedHidden(entries);
    const [first, last] =
      hidden.length === 0 ? ['classifier', 'classifier'] : ['classifier.0', 'classifier.6'];
    const classes =
      head?.classes ?? extent(entries, `${last}.weight`, 0) ?? extent(entries, `${last}.bias`, 0);
    const cells =
      head?.cells ?? (extent(entries, `${first}.weight`, 1) ?? channels * IMAGENET_CELLS) / channels;
    if (!Number.isInteger(cells)) {
      throw new UserError(
        `${source}: ${first}.weight: expected a multiple of ${channels} inputs (${channels * IMAGENET_CELLS} in the ImageNet form, ` +
          `${channels} in the CIFAR form), got ${cells * channels}`,
      );
    }
    return {
      form: cells === IMAGENET_CELLS ? 'imagenet' : 'cifar',
      widths,
      cells,
      hidden,
      ...(classes === undefined ? {} : { classes }),
    };
  },
};

function isFeature(layer: string): boolean {
  return layer.startsWith('features.');
}

function lastChannels(entries: Entries): number | undefined {
  return extent(entries, `features.${convolutionPositions(entries).at(-1)}.weight`, 0);
}

/** Hidden units of a head that is not whole: as much as its first layer says, twice as published. */
function unchainedHidden(entries: Entries): number[] {
  if (![...entries.keys()].some((name) => /^classifier\.\d/.test(name))) return [];
  const units = extent(entries, 'classifier.0.weight', 0) ?? 4096;
  return [units, units];
}

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

function isFolded(entries: Entries, { family, stages, batchNorm }: Architecture): boolean {
  if (family !== 'vgg' || batchNorm || hasBatchNorm(entries)) return false;
  return sameNumbers(convolutionPositions(entries), vggPositions(stages, true).flat());
}

/** From the positions of the layout with batch-norm to those without, where the file has its batch-norm folded. */
function foldedNames(entries: Entries, arch: Architecture): [string, string][] {
  if (!isFolded(entries, arch)) return [];
  const plain = vggPositions(arch.stages, false).flat();
  return convolutionPositions(entries).map((position, k) => [`features.${position}`, `features.${plain[k]}`]);
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
