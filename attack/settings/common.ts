/** The settings that every method has, and rows that many share. */
import { EXPLANATIONS, OF_A_BLOCK } from '../explanations.js';
import { regionForms } from '../regions.js';
import { choice, classOfNet, integer, pattern, real, type SettingRow, type Settings } from './rows.js';

export const MASK_NORMS = ['max', 'sum', 'mean', 'binary'] as const;
export type MaskNorm = (typeof MASK_NORMS)[number];
export const NORMS = ['l0', 'l1', 'l2', 'linf'] as const;
/** What a perturbation is measured by. */
export type Norm = (typeof NORMS)[number];

/**
 * `auto`: the deepest block whose map has at least 4x4 cells (a CIFAR VGG's last has 2x2: its CFR would be the whole image), or
 * the last; `last`: the last block, as published; `block3`: the third stage.
 */
const LAYER = /^(auto|last|(?:block|layer)[1-9]\d?)$/;

/** Which part of an image carries the evidence, and how strongly each pixel may change. */
export const explainTable = {
  /** A name of `explanationTable`. */
  explanation: choice(EXPLANATIONS, {
    default: 'gradcam',
    help: 'the map that the CFR and the soft mask are made of',
  }),
  /** Default: the label. */
  explainClass: classOfNet({ help: 'the class that is explained (default: the label)' }),
  /** The block that is explained: `auto`, `last`, `block1`… */
  layer: pattern<string>({
    default: 'auto',
    only: ['explanation', ...OF_A_BLOCK],
    expected: 'auto, last or a block (block1, block2 ... from the input)',
    check: (value) => typeof value === 'string' && LAYER.test(value),
    help: 'the convolution block that is explained: auto (the deepest with at least 4x4 cells), last, block3',
  }),
  /** From 0 to 1: the CFR is where the map is at least this. */
  tau: real({ min: 0, max: 1, default: 0.2, help: 'the CFR is where the map is at least this' }),
  /** How the soft mask M is scaled over the CFR: `max`, `sum` (Eq. 6), `mean`, or `binary`. */
  maskNorm: choice(MASK_NORMS, { default: 'max', help: 'the soft mask over the CFR; binary restricts only' }),
};
/** Which explanation of which class and layer, and how the CFR and the soft mask are made of it. */
export type ExplainSettings = Settings<typeof explainTable>;

/** @param region where the method works unless it is told */
export function commonTable(region: 'all' | 'cfr') {
  return {
    region: pattern<string>({
      default: region,
      expected: regionForms.text,
      check: regionForms.check,
      help: `where pixels may change: ${regionForms.text}`,
    }),
    ...explainTable,
    target: classOfNet({ help: 'the class to reach (default: any wrong class)' }),
    seed: integer({ min: 0, max: 2 ** 32 - 1, default: 0, structural: false, help: 'of random numbers' }),
  };
}
/** What every method has: where it works, what is explained, which class is the goal, and the seed. */
export type CommonSettings = Settings<ReturnType<typeof commonTable>>;

/** Gradient steps. */
export function iterations(count: number, help = 'gradient steps'): SettingRow<number> {
  return integer({ min: 1, max: 10_000, default: count, help });
}

/**
 * Size of a perturbation, in units of pixels in [0,1]. Nothing smaller than one 8-bit step survives in the saved image.
 * @param sizes the default by norm at 32x32; l2 scales with the root of the pixels
 */
export function epsilon(sizes: { readonly linf?: number; readonly l2?: number }): SettingRow<number> {
  return real({
    min: 1 / 255,
    max: 1e6,
    aliases: ['budget'],
    unit: '[0,1]',
    default: ({ inputSize }, { norm }) => (norm === 'l2' ? (sizes.l2! * inputSize) / 32 : sizes.linf!),
    defaultText: [sizes.linf && `linf ${fraction(sizes.linf)}`, sizes.l2 && `l2 ${sizes.l2} at 32x32`]
      .filter(Boolean)
      .join(', '),
    help: 'most that the perturbation may be',
  });
}

/** Whether the net sees the 8-bit image at each step, so that what fools it is what is saved. */
export function rounding(value: 'loop' | 'end') {
  return choice(['loop', 'end'], {
    default: value,
    help: 'loop: the net sees 8-bit images (straight-through); end: the result is rounded once',
  });
}

function fraction(value: number): string {
  const levels = value * 255;
  return Math.abs(levels - Math.round(levels)) < 1e-6 ? `${Math.round(levels)}/255` : String(value);
}
