/** The nets that one file may be, where it does not say: what `cfr eval --try-variants` compares on labelled images. */
import type { Model } from './model.js';
import type { RecogniseOptions } from './recognise.js';
import type { Rgb } from './spec.js';

export interface Variant {
  /** The command line's options for it. */
  readonly title: string;
  readonly options: Pick<
    RecogniseOptions,
    'mean' | 'std' | 'stemPool' | 'stemStride' | 'lastPool' | 'shortcut'
  >;
}

/** Means and standard deviations that training scripts use. */
const NORMALISATIONS: readonly (readonly [mean: Rgb, std: Rgb])[] = [
  [
    [0.4914, 0.4822, 0.4465],
    [0.247, 0.2435, 0.2616],
  ],
  [
    [0.4914, 0.4822, 0.4465],
    [0.2023, 0.1994, 0.201],
  ],
  [
    [0.5071, 0.4867, 0.4408],
    [0.2675, 0.2565, 0.2761],
  ],
  [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ],
  [
    [0.5, 0.5, 0.5],
    [0.5, 0.5, 0.5],
  ],
  [
    [0, 0, 0],
    [1, 1, 1],
  ],
];

/** Every combination of what the model leaves open; one, without options, where it leaves nothing. */
export function variantsOf({ spec, open }: Model): Variant[] {
  const { stem, shortcut } = spec;
  const stems: Variant[] =
    open.includes('stem') && stem
      ? [
          { title: '', options: {} },
          { title: stem.pool ? '--no-stem-pool' : '--stem-pool', options: { stemPool: !stem.pool } },
          {
            title: `--stem-stride ${stem.stride === 1 ? 2 : 1}`,
            options: { stemStride: stem.stride === 1 ? 2 : 1 },
          },
        ]
      : [{ title: '', options: {} }];
  const pools: Variant[] = [{ title: '', options: {} }];
  if (open.includes('last-pool')) pools.push({ title: '--no-last-pool', options: { lastPool: false } });
  const others = { A: 'A-end', 'A-end': 'A', raw: 'activated', activated: 'raw' } as const;
  const shortcuts: Variant[] = [{ title: '', options: {} }];
  if (open.includes('shortcut') && shortcut && shortcut !== 'B') {
    const other = others[shortcut];
    shortcuts.push({ title: `--shortcut ${other}`, options: { shortcut: other } });
  }
  const normalisations: Variant[] = open.includes('normalisation')
    ? NORMALISATIONS.map(([mean, std]) => ({
        title: `--mean ${mean.join(',')} --std ${std.join(',')}`,
        options: { mean, std },
      }))
    : [{ title: '', options: {} }];
  // Only ResNets leave a stem or shortcuts open, only VGGs the last pool.
  return [stems, pools, shortcuts, normalisations].reduce((all, choices) =>
    all.flatMap((a) =>
      choices.map((b) => ({
        title: [a.title, b.title].filter(Boolean).join(' '),
        options: { ...a.options, ...b.options },
      })),
    ),
  );
}
