/** Reads a ResNet off its tensors: depth from the blocks of each stage, form from the stem's kernel. */
import { UserError } from '../base/errors.js';
import { type Entries, type Entry, extent } from './names.js';
import type { Reader } from './reader.js';
import { RESNET_NAMES } from './resnet.js';
import { ARCHITECTURES, architecture, type Form } from './spec.js';

const BLOCK = /^layer(\d+)\.(\d+)\./;
const HEADS = ['fc', 'linear'];
const SHORTCUT = /\.(?:downsample|shortcut)\./;

export const resnetReader: Reader = {
  match(entries) {
    const counts = blockCounts(entries).join();
    const bottleneck = isBottleneck(entries);
    return [...ARCHITECTURES]
      .filter(
        ([, known]) =>
          known.family !== 'vgg' && known.stages.join() === counts && known.bottleneck === bottleneck,
      )
      .map(([arch]) => arch);
  },

  describe(entries) {
    const counts = blockCounts(entries);
    const widths = counts.map((_, stage) => extent(entries, `layer${stage + 1}.0.conv1.weight`, 0) ?? '?');
    const kind = isBottleneck(entries) ? 'bottleneck' : 'basic';
    return `${counts.length} stages of ${counts.join(', ')} ${kind} blocks, ${widths.join(', ')} channels wide`;
  },

  canonical(entries, arch) {
    const names = RESNET_NAMES[architecture(arch).family === 'resnet-cifar' ? 'resnet-cifar' : 'resnet'];
    return new Map(
      [...entries].map(([name, entry]): [string, Entry] => {
        const [first = '', ...rest] = name.split('.');
        if (HEADS.includes(first)) return [[names.head, ...rest].join('.'), entry];
        return [name.replace(SHORTCUT, `.${names.shortcut}.`), entry];
      }),
    );
  },

  sizes(entries, arch, source) {
    const { family, widths: published } = architecture(arch);
    const cifar = family === 'resnet-cifar';
    const { head, shortcut } = RESNET_NAMES[cifar ? 'resnet-cifar' : 'resnet'];
    const classes = extent(entries, `${head}.weight`, 0) ?? extent(entries, `${head}.bias`, 0);
    const projected = [...entries.keys()].some((name) => name.includes(`.${shortcut}.`));
    return {
      form: cifar ? 'cifar' : stemForm(extent(entries, 'conv1.weight', 3), source),
      widths: published.map(
        (width, stage) => extent(entries, `layer${stage + 1}.0.conv1.weight`, 0) ?? width,
      ),
      ...(classes === undefined ? {} : { classes }),
      ...(cifar ? { shortcut: projected ? 'B' : 'A' } : {}),
    };
  },
};

/** Blocks per stage, up to the last index that has a tensor. */
function blockCounts(entries: Entries): number[] {
  const counts: number[] = [];
  for (const name of entries.keys()) {
    const [, stage, block] = BLOCK.exec(name) ?? [];
    if (stage === undefined) continue;
    while (counts.length < Number(stage)) counts.push(0);
    counts[Number(stage) - 1] = Math.max(counts[Number(stage) - 1] ?? 0, Number(block) + 1);
  }
  return counts;
}

function isBottleneck(entries: Entries): boolean {
  return [...entries.keys()].some((name) => BLOCK.test(name) && name.endsWith('.conv3.weight'));
}

function stemForm(kernel: number | undefined, source: string): Form {
  if (kernel === undefined || kernel === 7) return 'imagenet';
  if (kernel === 3) return 'cifar';
  throw new UserError(
    `${source}: conv1.weight: expected a 7x7 (ImageNet form) or 3x3 (CIFAR form) kernel, got ${kernel}x${kernel}`,
  );
}
