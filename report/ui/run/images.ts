/** Which images are shown, and in which order: the state that filters, charts and lists share. */
import { type OutcomeName, outcomeOf, type PageImage } from '../../page-data.js';
import { className } from '../format.js';

export const MEASURES = ['l2', 'linf', 'l1', 'l0', 'ssim', 'confidence'] as const;
export type MeasureName = (typeof MEASURES)[number];

export const MEASURE_NAMES: Readonly<Record<MeasureName, string>> = {
  l2: 'l2',
  linf: 'linf',
  l1: 'l1',
  l0: 'l0',
  ssim: 'SSIM',
  confidence: 'adversarial confidence',
};
export const MEASURE_DIGITS: Readonly<Record<MeasureName, number>> = {
  l2: 3,
  linf: 4,
  l1: 2,
  l0: 0,
  ssim: 4,
  confidence: 3,
};

export function measureOf(image: PageImage, name: MeasureName): number {
  return name === 'confidence' ? image.adversarial.confidence : image[name];
}

/** From the first to below the second. */
export type Range = readonly [from: number, to: number];

export interface Filter {
  readonly outcome: OutcomeName | 'all';
  readonly text: string;
  readonly ranges: Partial<Readonly<Record<MeasureName, Range>>>;
  /** The true class, or without labels the net's own. */
  readonly label?: number | undefined;
  readonly to?: number | undefined;
}

export const NO_FILTER: Filter = { outcome: 'all', text: '', ranges: {} };

/** What an image is found by. */
export function searchText(image: PageImage, classes: readonly string[]): string {
  const { source, label, clean, adversarial } = image;
  const names = [label, clean.class, adversarial.class].map((index) => className(index, classes));
  return [source, ...names].join(' ').toLowerCase();
}

export function filtered(
  images: readonly PageImage[],
  filter: Filter,
  classes: readonly string[],
): PageImage[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const ranges = Object.entries(filter.ranges) as [MeasureName, Range][];
  return images.filter((image) => {
    if (filter.outcome !== 'all' && outcomeOf(image) !== filter.outcome) return false;
    if (filter.label !== undefined && image.label !== filter.label) return false;
    if (filter.to !== undefined && image.adversarial.class !== filter.to) return false;
    // Measures of images that were not fooled are no part of the charts that choose them.
    if (ranges.length > 0 && outcomeOf(image) !== 'fooled') return false;
    for (const [name, [from, to]] of ranges) {
      const value = measureOf(image, name);
      if (!(value >= from && value < to)) return false;
    }
    if (words.length === 0) return true;
    const text = searchText(image, classes);
    return words.every((word) => text.includes(word));
  });
}

export interface Sorting {
  readonly key: string;
  readonly falling: boolean;
}

/** @param value what is sorted by: numbers, or texts */
export function sorted(
  images: readonly PageImage[],
  value: ((image: PageImage) => number | string) | undefined,
  falling: boolean,
): readonly PageImage[] {
  if (!value) return images;
  const sign = falling ? -1 : 1;
  const keyed = images.map((image) => ({ image, key: value(image) }));
  keyed.sort((a, b) => {
    const order =
      typeof a.key === 'number' && typeof b.key === 'number'
        ? a.key - b.key
        : String(a.key).localeCompare(String(b.key), 'en', { numeric: true });
    return sign * order || a.image.index - b.image.index;
  });
  return keyed.map(({ image }) => image);
}

export interface Counted {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** [row][column] */
  readonly counts: readonly (readonly number[])[];
  readonly left: number;
}

/**
 * How many images went from which class to which: those right when clean that were fooled. Of many classes the most frequent; how many
 * images are left out is told.
 */
export function transitions(images: readonly PageImage[], most: number): Counted {
  const fooled = images.filter((image) => outcomeOf(image) === 'fooled');
  const frequent = (of: (image: PageImage) => number) => {
    const counts = new Map<number, number>();
    for (const image of fooled) counts.set(of(image), (counts.get(of(image)) ?? 0) + 1);
    return [...counts]
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, most)
      .map(([index]) => index)
      .sort((a, b) => a - b);
  };
  const rows = frequent(({ label }) => label);
  const columns = frequent(({ adversarial }) => adversarial.class);
  const at = new Map(columns.map((index, c) => [index, c]));
  const counts = rows.map(() => columns.map(() => 0));
  let left = 0;
  for (const { label, adversarial } of fooled) {
    const [r, c] = [rows.indexOf(label), at.get(adversarial.class)];
    if (r < 0 || c === undefined) left++;
    else counts[r]![c]!++;
  }
  return { rows, columns, counts, left };
}

/** Fooled images by their class, of those right when clean; the most fooled first. */
export function byClass(
  images: readonly PageImage[],
): { readonly label: number; readonly count: number; readonly of: number }[] {
  const rates = new Map<number, { count: number; of: number }>();
  for (const image of images) {
    if (!image.correct) continue;
    const rate = rates.get(image.label) ?? { count: 0, of: 0 };
    rate.of++;
    if (image.success) rate.count++;
    rates.set(image.label, rate);
  }
  return [...rates]
    .map(([label, rate]) => ({ label, ...rate }))
    .sort((a, b) => b.count / b.of - a.count / a.of || b.of - a.of || a.label - b.label);
}
