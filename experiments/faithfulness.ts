/** Faithfulness of explanations over images: means with intervals, the table and the figure of `cfr explain --faithfulness`. */
import type { Explanation } from '../attack/explanations.js';
import type { Faithfulness, FaithfulnessSettings } from '../attack/faithfulness.js';
import { lineChart, stackCharts } from '../report/charts.js';
import { type Interval, type MeanInterval, meanWithInterval, wilson } from '../report/statistics.js';
import { type Column, fixed, percent, type Row } from '../report/table.js';
import { intervalText } from './compare.js';

/** What an explanation comes to over images. */
export interface FaithfulnessSummary {
  readonly explanation: Explanation;
  readonly n: number;
  /** Images whose map shows no evidence: their pixels go in a random order. */
  readonly empty: number;
  /** Areas under the curves of single images: mean, and its 95 % interval (Student's t). */
  readonly deletion: MeanInterval | null;
  readonly insertion: MeanInterval | null;
  /** Mean of what the probability loses, as a fraction of it, where only the map's part of the image is shown. */
  readonly averageDrop: MeanInterval | null;
  /** Share of images on which it rises then, with its Wilson interval. */
  readonly averageIncrease: { readonly rate: number; readonly interval: Interval } | null;
  readonly curves: {
    readonly shares: readonly number[];
    readonly deletion: readonly MeanInterval[];
    readonly insertion: readonly MeanInterval[];
  };
}

/** Of probabilities, and of areas and falls of them. */
const ofShares = (values: readonly number[]) => meanWithInterval(values, [0, 1]);

export function summariseFaithfulness(
  explanation: Explanation,
  images: readonly Faithfulness[],
  empty: number,
): FaithfulnessSummary {
  const n = images.length;
  const rises = images.filter(({ increase }) => increase).length;
  const shares = images[0]?.shares ?? [];
  const curve = (of: (image: Faithfulness) => readonly number[]) =>
    shares.map((_, k) => ofShares(images.map((image) => of(image)[k]!))!);
  return {
    explanation,
    n,
    empty,
    deletion: ofShares(images.map(({ deletionArea }) => deletionArea)),
    insertion: ofShares(images.map(({ insertionArea }) => insertionArea)),
    averageDrop: ofShares(images.map(({ drop }) => drop)),
    averageIncrease: n === 0 ? null : { rate: rises / n, interval: wilson(rises, n)! },
    curves: { shares, deletion: curve(({ deletion }) => deletion), insertion: curve((one) => one.insertion) },
  };
}

export const faithfulnessColumns: readonly Column[] = [
  { key: 'explanation' },
  { key: 'n' },
  { key: 'empty', header: 'no evidence', format: fixed(0) },
  { key: 'deletion', header: 'deletion (low)', format: fixed(3) },
  { key: 'deletion95', header: '95 %' },
  { key: 'insertion', header: 'insertion (high)', format: fixed(3) },
  { key: 'insertion95', header: '95 %' },
  { key: 'drop', header: 'average drop (low)', format: percent(1) },
  { key: 'drop95', header: '95 %' },
  { key: 'increase', header: 'average increase (high)', format: percent(1) },
  { key: 'increase95', header: '95 %' },
];

export function faithfulnessRow(summary: FaithfulnessSummary): Row {
  const { explanation, n, empty, deletion, insertion, averageDrop, averageIncrease } = summary;
  const area = (of: MeanInterval | null) =>
    of?.interval ? `${of.interval.low.toFixed(3)} – ${of.interval.high.toFixed(3)}` : null;
  return {
    explanation,
    n,
    empty,
    deletion: deletion?.mean,
    deletion95: area(deletion),
    insertion: insertion?.mean,
    insertion95: area(insertion),
    drop: averageDrop?.mean,
    drop95: intervalText(averageDrop?.interval ?? null),
    increase: averageIncrease?.rate,
    increase95: intervalText(averageIncrease?.interval ?? null),
  };
}

/** Both curves, a line an explanation. */
export function faithfulnessFigure(
  net: string,
  summaries: readonly FaithfulnessSummary[],
  { baseline }: FaithfulnessSettings,
): string {
  const colour = baseline === 'mean' ? 'mean colour' : 'black';
  const chart = (kind: 'deletion' | 'insertion', title: string, label: string) =>
    lineChart({
      title: `${title} on ${net}`,
      of: 'images',
      n: summaries[0]?.n ?? 0,
      note: `the other pixels: ${colour}; bands: 95 % intervals of the mean`,
      width: 560,
      height: 400,
      marks: false,
      x: { label, unit: '%', domain: [0, 100] },
      y: { label: 'probability of the class', domain: [0, 1], format: (value) => value.toFixed(1) },
      series: summaries.map(({ explanation, curves, ...own }) => ({
        name: `${explanation} (area ${own[kind]?.mean.toFixed(3) ?? '–'})`,
        points: curves[kind].map(({ mean, interval }, k) => ({
          x: 100 * curves.shares[k]!,
          y: mean,
          ...(interval === null ? {} : interval),
        })),
      })),
    });
  return stackCharts(
    [
      chart('deletion', 'Deletion, low is good', 'pixels taken away, highest first'),
      chart('insertion', 'Insertion, high is good', 'pixels shown, highest first'),
    ],
    2,
  );
}
