/** Reads a ResNet off its tensors: depth from the blocks of each stage, form from the stem's kernel, kind from its batch-norms. */
import { UserError } from '../base/errors.js';
import { findHead, headNames, renamed } from './heads.js';
import { type Entries, type Entry, extent } from './names.js';
import type { Reader } from './reader.js';
import { RESNET_NAMES } from './resnet.js';
import { ARCHITECTURES, type Family, type Form, type NamedArchitecture } from './spec.js';

const BLOCK = /^layer(\d+)\.(\d+)\./;
const HEADS = ['fc', 'linear'];
const SHORTCUT = /\.(?:downsample|shortcut)\./;

export const resnetReader: Reader = {
  match(entries) {
    const stages = blockCounts(entries);
    if (stages.length === 0 || stages.includes(0)) return [];
    const bottleneck = isBottleneck(entries);
    const family = familyOf(entries, stages.length, bottleneck);
    const known = [...ARCHITECTURES].find(
      ([, of]) => of.family === family && of.stages.join() === stages.join() && of.bottleneck === bottleneck,
    );
    if (known) return [{ ...known[1], name: known[0] }];
    const widths = stages.map((_, stage) => extent(entries, `layer${stage + 1}.0.conv1.weight`, 0) ?? 0);
    if (widths.includes(0)) return [];
    const name = nameOf(family, stages, bottleneck, widths[0]! / (extent(entries, 'conv1.weight', 0) ?? 1));
    return [{ name, family, stages, widths, batchNorm: true, bottleneck }];
  },

  describe(entries) {
    const counts = blockCounts(entries);
    const widths = counts.map((_, stage) => extent(entries, `layer${stage + 1}.0.conv1.weight`, 0) ?? '?');
    const kind = isBottleneck(entries) ? 'bottleneck' : 'basic';
    return `${counts.length} stages of ${counts.join(', ')} ${kind} blocks, ${widths.join(', ')} channels wide`;
  },

  canonical(entries, arch) {
    const names = namesOf(arch);
    const channels = lastChannels(entries, arch);
    const head = channels === undefined ? undefined : findHead(entries, channels, isInBlock);
    const preact = arch.family === 'preact';
    const renaming = new Map(head ? headNames(head, names.head) : []);
    if (preact) renaming.set('bn1', 'bn');
    else if (!entries.has('conv1.weight') && entries.has('conv.weight'))
      renaming.set('conv', 'conv1').set('bn', 'bn1');
    return new Map(
      [...entries].map(([name, entry]): [string, Entry] => {
        const [first = '', ...rest] = name.split('.');
        if (!head && HEADS.includes(first)) return [[names.head, ...rest].join('.'), entry];
        return [renamed(name, renaming).replace(SHORTCUT, `.${names.shortcut}.`), entry];
      }),
    );
  },

  sizes(entries, arch, source) {
    const { family, widths: published, stages, bottleneck } = arch;
    const { head: at, shortcut } = namesOf(arch);
    const channels = lastChannels(entries, arch);
    const head = channels === undefined ? undefined : findHead(entries, channels, isInBlock);
    const classes = head?.classes ?? extent(entries, `${at}.weight`, 0) ?? extent(entries, `${at}.bias`, 0);
    const projected = [...entries.keys()].some((name) => name.includes(`.${shortcut}.`));
    const widths = stages.map(
      (_, stage) => extent(entries, `layer${stage + 1}.0.conv1.weight`, 0) ?? published[stage]!,
    );
    const outputs = extent(entries, `layer1.0.conv${bottleneck ? 3 : 2}.weight`, 0);
    const expansion = outputs === undefined ? undefined : outputs / widths[0]!;
    const stem = extent(entries, 'conv1.weight', 0) ?? extent(entries, 'bn1.weight', 0);
    const biased = [...entries.keys()].some((name) => /conv\d?\.bias$|shortcut\.0\.bias$/.test(name));
    return {
      form: family === 'resnet-cifar' ? 'cifar' : stemForm(extent(entries, 'conv1.weight', 3), source),
      widths,
      ...(Number.isInteger(expansion) ? { expansion: expansion! } : {}),
      ...(stem === undefined ? {} : { stem: { channels: stem } }),
      ...(classes === undefined ? {} : { classes }),
      ...(head ? { hidden: head.hidden, cells: head.cells } : {}),
      ...(family === 'resnet-cifar' ? { shortcut: projected ? 'B' : 'A' } : {}),
      ...(family === 'preact' ? { finalNorm: entries.has('bn.weight'), convBias: biased } : {}),
    };
  },
};

function namesOf({ family }: NamedArchitecture) {
  return RESNET_NAMES[family === 'vgg' ? 'resnet' : family];
}

function isInBlock(layer: string): boolean {
  return BLOCK.test(layer);
}

/** Channels that the last block gives. */
function lastChannels(entries: Entries, { stages, bottleneck }: NamedArchitecture): number | undefined {
  return extent(entries, `layer${stages.length}.0.conv${bottleneck ? 3 : 2}.weight`, 0);
}

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

function familyOf(entries: Entries, stages: number, bottleneck: boolean): Family {
  if (isPreactivation(entries)) return 'preact';
  if (![3, undefined].includes(extent(entries, 'conv1.weight', 3) ?? extent(entries, 'conv.weight', 3)))
    return 'resnet';
  const projected = [...entries.keys()].some((name) => SHORTCUT.test(name));
  return stages === 3 || (!projected && !bottleneck && stages > 1) ? 'resnet-cifar' : 'resnet';
}

/** Every block's first batch-norm has the channels that come in, and somewhere those are others than its first convolution gives. */
function isPreactivation(entries: Entries): boolean {
  const blocks = [...entries.keys()].flatMap(
    (name) => /^(layer\d+\.\d+\.)conv1\.weight$/.exec(name)?.[1] ?? [],
  );
  const norm = (at: string) => extent(entries, `${at}bn1.weight`, 0);
  return (
    blocks.every((at) => norm(at) === extent(entries, `${at}conv1.weight`, 1)) &&
    blocks.some((at) => norm(at) !== extent(entries, `${at}conv1.weight`, 0))
  );
}

/** Depth counted as the papers do: convolutions of the branches, the stem, the head. */
function nameOf(family: Family, stages: readonly number[], bottleneck: boolean, widening: number): string {
  const blocks = stages.reduce((sum, count) => sum + count, 0);
  if (family === 'preact' && stages.length === 3 && !bottleneck && Number.isInteger(widening) && widening > 1)
    return `wrn-${2 * blocks + 4}-${widening}`;
  const name = `${family === 'preact' ? 'preact-' : ''}resnet${(bottleneck ? 3 : 2) * blocks + 2}`;
  return ARCHITECTURES.has(name) ? `${name}-${stages.join('-')}` : name;
}

function stemForm(kernel: number | undefined, source: string): Form {
  if (kernel === undefined || kernel === 7) return 'imagenet';
  if (kernel === 3) return 'cifar';
  throw new UserError(
    `${source}: conv1.weight: expected a 7x7 (ImageNet form) or 3x3 (CIFAR form) kernel, got ${kernel}x${kernel}`,
  );
}
