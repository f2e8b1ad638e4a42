/** What a file does not say of its net, and was assumed: for the user, who may know better. */
import type { NetSpec, Shortcut } from './spec.js';

/** What an option can settle. */
export type Open = 'normalisation' | 'stem' | 'last-pool' | 'shortcut' | 'input-size';

/** Something that a file does not say of its net. */
export interface Assumption {
  /** Absent: something that was seen, which no option changes. */
  readonly about?: Open;
  /** A phrase, with the options that would settle it. */
  readonly text: string;
}

/** The choices that were taken from elsewhere than the defaults. */
export interface Settled {
  readonly stemPool: boolean;
  readonly stemStride: boolean;
  readonly lastPool: boolean;
  readonly shortcut: boolean;
  readonly inputSize: boolean;
  readonly mean: boolean;
  readonly std: boolean;
}

const SHORTCUTS: Partial<Record<Shortcut, string>> = {
  A: 'shortcuts without tensors pad both sides with zeros (--shortcut A-end: behind the last channel)',
  raw: "a block's projection takes what comes into the block (--shortcut activated: its first ReLU's output)",
  activated: "a block's projection takes its first ReLU's output (--shortcut raw: what comes into the block)",
};

export function assumptionsOf(spec: NetSpec, settled: Settled): Assumption[] {
  const { stem, shortcut, form, mean, std, pooled, hidden, family } = spec;
  const out: Assumption[] = [];
  if (stem && !(settled.stemPool && settled.stemStride)) {
    const pool = stem.pool ? 'a max-pool' : 'no max-pool';
    out.push({
      about: 'stem',
      text: `${pool} behind the ${stem.kernel}x${stem.kernel} stem of stride ${stem.stride} (--stem-pool, --no-stem-pool, --stem-stride)`,
    });
  }
  // torchvision's head is over 7x7 cells, which leaves no choice at 224x224.
  if (family === 'vgg' && form === 'cifar' && !settled.lastPool)
    out.push({
      about: 'last-pool',
      text: 'a max-pool behind the last convolution (--no-last-pool: its output is averaged instead)',
    });
  const told = shortcut && SHORTCUTS[shortcut];
  if (!settled.shortcut && told && (family === 'preact' || shortcut === 'A'))
    out.push({ about: 'shortcut', text: told });
  if (spec.bottleneck) out.push({ text: "a bottleneck's stride is on its 3x3 convolution" });
  if (hidden.length > 0 && family !== 'vgg')
    out.push({ text: `a ReLU between the ${hidden.length + 1} linear layers of the head` });
  if (!settled.mean || !settled.std) {
    out.push({
      about: 'normalisation',
      text:
        `normalisation by mean ${mean.join(',')} and std ${std.join(',')}, ${form === 'imagenet' ? "ImageNet's" : "CIFAR-10's"} ` +
        '(--mean, --std; --mean 0,0,0 --std 1,1,1 for nets on plain [0,1])',
    });
  }
  if (!settled.inputSize && pooled[0] === 1 && pooled[1] === 1) {
    out.push({ about: 'input-size', text: inputSizeText(spec, 'the usual one') });
  }
  return out;
}

export function inputSizeText({ height, width }: Pick<NetSpec, 'height' | 'width'>, whose: string): string {
  return `input of ${height}x${width}, ${whose} (--input-size)`;
}
