/**
 * Does a map point at what the net uses? Deletion and insertion curves (Petsiuk et al. 2018, RISE), average drop and increase (Chattopadhay et al.
 * 2018, Grad-CAM++), all of the softmax probability of the explained class.
 */
import type { NetSpec } from '../nets/spec.js';
import type { Classifier } from './classifier.js';
import { logitsOf, softmax } from './logits.js';
import { fillUniform } from './random.js';
import { choice, integer, type Settings } from './settings/rows.js';

export const BASELINES = ['mean', 'black'] as const;

export const faithfulnessTable = {
  steps: integer({
    min: 1,
    max: 4096,
    default: 32,
    help: 'of the curves: shares of the pixels from 0 to 1, both ends among them',
  }),
  baseline: choice(BASELINES, {
    default: 'mean',
    help: "what stands for a pixel that is taken away: the net's mean colour, or black",
  }),
};
/** `steps` of the curves, and the `baseline` that stands for pixels that are taken away. */
export type FaithfulnessSettings = Settings<typeof faithfulnessTable>;

/** Of one map of one image. */
export interface Faithfulness {
  /** Share of the pixels that are gone or there, at each step: 0 first, 1 last. */
  readonly shares: readonly number[];
  /** Probability of the class with the highest pixels of the map taken away: low is good. */
  readonly deletion: readonly number[];
  /** With only the highest pixels there: high is good. */
  readonly insertion: readonly number[];
  /** Areas under them by the trapezoidal rule, in [0, 1]. */
  readonly deletionArea: number;
  /** Of `insertion`; high is good. */
  readonly insertionArea: number;
  /** max(0, p - q) / p: p the probability on the image, q on the image times Lhat (over the baseline). */
  readonly drop: number;
  /** q > p. */
  readonly increase: boolean;
}

/**
 * The pixels of a map from the highest to the lowest.
 * @param seed, index fix the order of equal ones, which is random: a map that is 0 on half of the image must not favour its upper rows
 */
export function evidenceOrder(cam: Float32Array, seed: number, index: number): Uint32Array {
  const draws = new Float32Array(cam.length);
  fillUniform(draws, seed, index);
  return Uint32Array.from(cam, (_, pixel) => pixel).sort(
    (a, b) => cam[b]! - cam[a]! || draws[a]! - draws[b]! || a - b,
  );
}

/** The area under a curve over `shares`, which run from 0 to 1. */
export function areaUnder(shares: readonly number[], values: readonly number[]): number {
  return shares
    .slice(1)
    .reduce((sum, share, i) => sum + ((share - shares[i]!) * (values[i]! + values[i + 1]!)) / 2, 0);
}

/** The baseline's colour, red, green, blue in [0, 1]. */
export function baselineColour({ mean }: Pick<NetSpec, 'mean'>, { baseline }: FaithfulnessSettings) {
  return baseline === 'black' ? ([0, 0, 0] as const) : mean;
}

/** The image with `weights` [h * w] of it over the colour: 1 is the image, 0 the colour. x [3, h, w]. */
export function blended(
  x: Float32Array,
  weights: ArrayLike<number>,
  colour: ArrayLike<number>,
): Float32Array {
  const pixels = weights.length;
  return x.map((value, i) => {
    const weight = weights[i % pixels]!;
    // To the bit where it is one or the other.
    return weight === 1 ? value : weight * value + (1 - weight) * colour[Math.floor(i / pixels)]!;
  });
}

/**
 * @param x [n, 3, h, w] in [0, 1], n at most the classifier's batch
 * @param classes the explained classes [n]
 * @param maps Lhat [n, h, w] of each explanation
 * @param indices numbers of the images, for the order of equal pixels
 * @returns for each explanation, of each image
 */
export async function faithfulnessOf(
  classifier: Classifier,
  spec: NetSpec,
  x: Float32Array,
  classes: readonly number[],
  maps: readonly Float32Array[],
  indices: readonly number[],
  settings: FaithfulnessSettings,
): Promise<Faithfulness[][]> {
  const n = classes.length;
  const pixels = spec.height * spec.width;
  const colour = baselineColour(spec, settings);
  const image = (i: number) => x.subarray(3 * i * pixels, 3 * (i + 1) * pixels);
  const steps = Math.min(settings.steps, pixels);
  const counts = Array.from({ length: steps + 1 }, (_, k) => Math.round((k * pixels) / steps));
  const shares = counts.map((count) => count / pixels);

  const say = async (weights: (i: number) => ArrayLike<number>) => {
    const images = new Float32Array(x.length);
    for (let i = 0; i < n; i++) images.set(blended(image(i), weights(i), colour), 3 * i * pixels);
    const logits = await classifier.run(images);
    return classes.map((label, i) => softmax(logitsOf(logits, i, spec.classes))[label]!);
  };

  const results: Faithfulness[][] = [];
  for (const map of maps) {
    const cam = (i: number) => map.subarray(i * pixels, (i + 1) * pixels);
    const places = classes.map((_, i) => {
      const place = new Uint32Array(pixels);
      for (const [at, pixel] of evidenceOrder(cam(i), 0, indices[i]!).entries()) place[pixel] = at;
      return place;
    });
    const curves: { deletion: number[]; insertion: number[] }[] = classes.map(() => ({
      deletion: [],
      insertion: [],
    }));
    for (const count of counts) {
      const kept = await say((i) => Float32Array.from(places[i]!, (at) => (at < count ? 0 : 1)));
      const shown = await say((i) => Float32Array.from(places[i]!, (at) => (at < count ? 1 : 0)));
      for (const [i, { deletion, insertion }] of curves.entries()) {
        deletion.push(kept[i]!);
        insertion.push(shown[i]!);
      }
    }
    const through = await say(cam);
    results.push(
      curves.map(({ deletion, insertion }, i) => {
        const whole = deletion[0]!;
        return {
          shares,
          deletion,
          insertion,
          deletionArea: areaUnder(shares, deletion),
          insertionArea: areaUnder(shares, insertion),
          drop: whole > 0 ? Math.max(0, whole - through[i]!) / whole : 0,
          increase: through[i]! > whole,
        };
      }),
    );
  }
  return results;
}
