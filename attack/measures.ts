/**
 * How visible a perturbation is: l0, l1, l2, linf and SSIM between an image and its adversarial, and the rates and means
 * over a run. Everything is measured on the 8-bit pixels that a PNG keeps, in f64, so a figure in a summary can be
 * recomputed exactly from the saved files.
 */
import { UserError } from '../base/errors.js';

/** Shape of one image, planes first: `channels` x `height` x `width`. */
export interface PlaneShape {
  /** 3 for RGB. */
  readonly channels: number;
  /** Rows. */
  readonly height: number;
  /** Columns. */
  readonly width: number;
}

/** How far an adversarial image is from its original, on 8-bit pixels. */
export interface Measures {
  /** Channel values that changed, out of channels * height * width. */
  readonly l0: number;
  /** Sum of |difference|, pixels in [0,1]. */
  readonly l1: number;
  /** Euclidean norm of the difference, pixels in [0,1]. */
  readonly l2: number;
  /** Largest |difference|, pixels in [0,1]. */
  readonly linf: number;
  /** Structural similarity, at most 1 (identical images). */
  readonly ssim: number;
}

const RADIUS = 5;
const TAPS = 2 * RADIUS + 1;
const SIGMA = 1.5;
const K1 = 0.01;
const K2 = 0.03;

/** The 11 taps of the window: exp(-k^2 / 2 sigma^2), normalised over the taps that are kept. */
const WINDOW = (() => {
  const taps = Float64Array.from({ length: TAPS }, (_, k) => Math.exp(-0.5 * ((k - RADIUS) / SIGMA) ** 2));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / total);
})();

/**
 * Measures an adversarial image against its original, both [channels, height, width] with values in [0,1] (rounded here
 * to the nearest k/255). Throws when a length does not fit the shape, when a value is no pixel (NaN, out of range) or
 * when the image is smaller than the 11x11 window of SSIM.
 */
export function measure(x: Float32Array, xAdv: Float32Array, shape: PlaneShape): Measures {
  const before = toBytes('measure: x', x, shape);
  const after = toBytes('measure: xAdv', xAdv, shape);
  let l0 = 0;
  let sum = 0;
  let squares = 0;
  let largest = 0;
  // Integer sums are exact, so the norms do not depend on the order of the pixels.
  for (let i = 0; i < before.length; i++) {
    const difference = Math.abs(after[i]! - before[i]!);
    if (difference === 0) continue;
    l0++;
    sum += difference;
    squares += difference * difference;
    if (difference > largest) largest = difference;
  }
  return {
    l0,
    l1: sum / 255,
    l2: Math.sqrt(squares) / 255,
    linf: largest / 255,
    ssim: ssim(before, after, shape, 255),
  };
}

/**
 * Structural similarity of two images [channels, height, width] with values in [0, range]: Wang, Bovik, Sheikh and
 * Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004, Eq. 13, with their
 * 11x11 Gaussian window (sigma 1.5), K1 .01, K2 .03, population covariances, mean over the positions where the window
 * lies inside the image, per channel, then over the channels.
 *
 * Equals scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False): its
 * truncation at 3.5 sigma gives the radius int(3.5 * 1.5 + 0.5) = 5, and it crops 5 pixels on every side, so the padding
 * of its filter is never seen. Needs height and width of at least 11.
 */
export function ssim(x: ArrayLike<number>, y: ArrayLike<number>, shape: PlaneShape, range = 1): number {
  const { channels, height, width } = shape;
  if (height < TAPS || width < TAPS) {
    throw new UserError(
      `ssim: expected an image of at least ${TAPS}x${TAPS} pixels (its window), got ${width}x${height}; use a larger image`,
    );
  }
  checkLength('ssim: x', x.length, shape);
  checkLength('ssim: y', y.length, shape);
  let total = 0;
  for (let c = 0; c < channels; c++) total += planeSsim(x, y, c * height * width, height, width, range);
  return total / channels;
}

/** Mean SSIM of the plane that starts at `start`. */
function planeSsim(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  start: number,
  height: number,
  width: number,
  range: number,
): number {
  const columns = width - 2 * RADIUS;
  const rows = height - 2 * RADIUS;
  // Horizontal pass: the five windowed moments of every row, only where the window is inside.
  const size = height * columns;
  const mx = new Float64Array(size);
  const my = new Float64Array(size);
  const mxx = new Float64Array(size);
  const myy = new Float64Array(size);
  const mxy = new Float64Array(size);
  for (let r = 0; r < height; r++) {
    for (let q = 0; q < columns; q++) {
      let sx = 0;
      let sy = 0;
      let sxx = 0;
      let syy = 0;
      let sxy = 0;
      const from = start + r * width + q;
      for (let k = 0; k < TAPS; k++) {
        const a = x[from + k]!;
        const b = y[from + k]!;
        const wa = WINDOW[k]! * a;
        const wb = WINDOW[k]! * b;
        sx += wa;
        sy += wb;
        sxx += wa * a;
        syy += wb * b;
        sxy += wa * b;
      }
      const at = r * columns + q;
      mx[at] = sx;
      my[at] = sy;
      mxx[at] = sxx;
      myy[at] = syy;
      mxy[at] = sxy;
    }
  }
  const c1 = (K1 * range) ** 2;
  const c2 = (K2 * range) ** 2;
  let total = 0;
  for (let r = 0; r < rows; r++) {
    for (let q = 0; q < columns; q++) {
      let ux = 0;
      let uy = 0;
      let uxx = 0;
      let uyy = 0;
      let uxy = 0;
      for (let k = 0; k < TAPS; k++) {
        const w = WINDOW[k]!;
        const at = (r + k) * columns + q;
        ux += w * mx[at]!;
        uy += w * my[at]!;
        uxx += w * mxx[at]!;
        uyy += w * myy[at]!;
        uxy += w * mxy[at]!;
      }
      const luminance = (2 * ux * uy + c1) / (ux * ux + uy * uy + c1);
      const structure = (2 * (uxy - ux * uy) + c2) / (uxx - ux * ux + (uyy - uy * uy) + c2);
      total += luminance * structure;
    }
  }
  return total / (rows * columns);
}

function toBytes(what: string, values: Float32Array, shape: PlaneShape): Uint8Array {
  checkLength(what, values.length, shape);
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const level = Math.round(values[i]! * 255);
    if (!(level >= 0 && level <= 255)) {
      throw new UserError(
        `${what}: expected pixels in [0,1], got ${values[i]} at index ${i}; denormalise and clip first`,
      );
    }
    bytes[i] = level;
  }
  return bytes;
}

function checkLength(what: string, length: number, { channels, height, width }: PlaneShape): void {
  const expected = channels * height * width;
  if (length !== expected) {
    throw new UserError(
      `${what}: expected ${expected} values (${channels}x${height}x${width}), got ${length}; pass one image`,
    );
  }
}

/** What one attacked image adds to the figures of a run. */
export interface Outcome extends Measures {
  /** The clean image is classified right. */
  readonly correct: boolean;
  /** The saved adversarial fools the net (or reaches the target). */
  readonly success: boolean;
}

/** The figures of a run. */
export interface Aggregate {
  /** All of them, those classified wrong when clean among them. */
  readonly images: number;
  /** Images that are classified right when clean: the base of `asr`. */
  readonly correct: number;
  /** Of those, the ones that the attack fools. */
  readonly succeeded: number;
  /** succeeded / correct as a fraction of 1; null when no image was classified right. */
  readonly asr: number | null;
  /** Means over the `succeeded` images; null when there is none. */
  readonly mean: Measures | null;
  /** Medians over the images classified right, a failure counting as infinite; null where that is the median, or there is no image. */
  readonly median: Readonly<Record<'l0' | 'l1' | 'l2' | 'linf', number | null>>;
}

/** Attack success rate over the images classified right when clean, and the mean measures over those that it fools. */
export function aggregate(outcomes: readonly Outcome[]): Aggregate {
  const right = outcomes.filter((outcome) => outcome.correct);
  const fooled = right.filter((outcome) => outcome.success);
  const mean = (name: keyof Measures) =>
    fooled.reduce((sum, outcome) => sum + outcome[name], 0) / fooled.length;
  const median = (name: 'l0' | 'l1' | 'l2' | 'linf') => {
    const values = right.map((outcome) => (outcome.success ? outcome[name] : Infinity)).sort((a, b) => a - b);
    const middle = values.length >> 1;
    const value = values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
    return Number.isFinite(value) ? value : null;
  };
  return {
    images: outcomes.length,
    correct: right.length,
    succeeded: fooled.length,
    asr: right.length === 0 ? null : fooled.length / right.length,
    mean:
      fooled.length === 0
        ? null
        : { l0: mean('l0'), l1: mean('l1'), l2: mean('l2'), linf: mean('linf'), ssim: mean('ssim') },
    median: { l0: median('l0'), l1: median('l1'), l2: median('l2'), linf: median('linf') },
  };
}
