/** What is computed of the results of runs: intervals, curves, areas under them, optimality, the worst case of several runs. Numbers in, numbers out. */
import { quantile } from 'd3-array';
import type { Norm } from '../attack/settings/common.js';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 0.975 quantile of N(0, 1). */
const Z = 1.959963984540054;

/** The 95 % interval of a rate: Wilson, "Probable inference, the law of succession, and statistical inference", 1927. Null of nothing. */
export function wilson(successes: number, n: number): Interval | null {
  if (n === 0) return null;
  const rate = successes / n;
  const centre = (rate + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((rate * (1 - rate)) / n + Z ** 2 / (4 * n ** 2));
  // The ends that are 0 and 1 are so to the last bit.
  return {
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === n ? 1 : Math.min(1, centre + half),
  };
}

/** The size of an image's perturbation: infinite where the attack failed. */
export type Sizes = readonly number[];

/** Sizes of the results of images that are right when clean. */
export function sizesOf(
  results: readonly (Readonly<Record<Norm, number>> & { readonly success: boolean })[],
  norm: Norm,
): Sizes {
  return results.map((result) => (result.success ? result[norm] : Number.POSITIVE_INFINITY));
}

/** Image by image the least of several runs, which hold the same images in the same order. */
export function leastOf(runs: readonly Sizes[]): Sizes {
  return (runs[0] ?? []).map((_, image) => Math.min(...runs.map((run) => run[image]!)));
}

/**
 * The norm to which the areas under curves are taken: where the best of all runs fools every image, the largest norm that it needs; else
 * the largest norm that any run needed. Null where no run fooled an image.
 */
export function reach(runs: readonly Sizes[]): number | null {
  const best = leastOf(runs);
  const seen = (best.every(Number.isFinite) ? best : runs.flat()).filter(Number.isFinite);
  return seen.length === 0 ? null : Math.max(...seen);
}

/** The area under a run's robustness curve from 0 to `most`, the accuracy of the clean images being 1. */
export function area(sizes: Sizes, most: number): number {
  return sizes.reduce((sum, size) => sum + Math.min(size, most), 0) / sizes.length;
}

/**
 * Optimality of each run at a norm (Cina et al. 2025, AttackBench): 1 - (A - A*) / (r - A*), A the area under its curve, A* under that of the
 * image-wise best, r of `reach`. The images are those right when clean, so that their accuracy is 1; wrong ones would scale all areas alike.
 * Null where nothing tells the runs apart.
 */
export function optimality(runs: readonly Sizes[]): (number | null)[] {
  const most = reach(runs);
  if (most === null) return runs.map(() => null);
  const least = area(leastOf(runs), most);
  // Sums of the same numbers in another order differ in the last bits.
  if (most - least < 1e-12 * most) return runs.map(() => null);
  // Of a run in which nothing fools it is 0, but for the last bits.
  return runs.map((run) => Math.max(0, 1 - (area(run, most) - least) / (most - least)));
}

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/** Accuracy left over the norm, from 0 to `most`, as the corners of its steps. */
export function robustnessCurve(sizes: Sizes, most: number): CurvePoint[] {
  const n = sizes.length;
  if (n === 0) return [];
  const sorted = sizes.filter((size) => size <= most).sort((a, b) => a - b);
  const points: CurvePoint[] = [{ x: 0, y: 1 }];
  for (const [i, x] of sorted.entries()) {
    if (sorted[i + 1] === x) continue;
    points.push({ x, y: points.at(-1)!.y }, { x, y: 1 - (i + 1) / n });
  }
  points.push({ x: most, y: points.at(-1)!.y });
  return points;
}

/** How far a chart of curves must go to show what they say: not to the last image of the worst run. */
export function shownReach(runs: readonly Sizes[]): number {
  const ends = runs
    .map((run) => quantile(run.filter(Number.isFinite), 0.95))
    .filter((end) => end !== undefined);
  return ends.length === 0 ? 1 : Math.min(Math.max(...ends), 4 * Math.min(...ends)) * 1.05;
}

/** The 0.975 quantile of Student's t: Cornish-Fisher's expansion (Abramowitz and Stegun 26.7.5), to 1 % from 3 degrees of freedom on. */
function studentT(freedom: number): number {
  const power = (exponent: number) => Z ** exponent;
  return (
    Z +
    (power(3) + Z) / (4 * freedom) +
    (5 * power(5) + 16 * power(3) + 3 * Z) / (96 * freedom ** 2) +
    (3 * power(7) + 19 * power(5) + 17 * power(3) - 15 * Z) / (384 * freedom ** 3)
  );
}

/** Between what all values of a measure lie. */
export type Bounds = readonly [least: number, most: number];

/** The 95 % interval of a mean, by Student's t, as far as it is within the bounds; null of fewer than 4 values. */
export function meanInterval(values: readonly number[], [least, most]: Bounds): Interval | null {
  const n = values.length;
  if (n < 4) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentT(n - 1) * Math.sqrt(variance / n);
  return { low: Math.max(least, mean - half), high: Math.min(most, mean + half) };
}

/** A mean and its 95 % interval, which fewer than 4 values have not. */
export interface MeanInterval {
  readonly mean: number;
  readonly interval: Interval | null;
}

/** Null of nothing. */
export function meanWithInterval(values: readonly number[], bounds: Bounds): MeanInterval | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, interval: meanInterval(values, bounds) };
}
