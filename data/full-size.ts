/**
 * What a net was shown, carried back to the photo that it came from: the photo is changed as little as can be so that the net's own
 * preprocessing, of the 8-bit file, gives the pixels wanted. Preprocessing is a linear reduction of the lines across, rounded to 8 bits,
 * and then of those down, z = R y. So the way back goes through its two halves, a line at a time: the smallest change (in l2) that adds e to
 * z is R^T (R R^T)^-1 e; where its rounding leaves a value of z off by one, single pixels of the line move by one level until none is. (The same
 * freedom is what Xiao et al., "Seeing is Not Believing", USENIX Security 2019, exploit.)
 */
import { type Placement, type PreprocessOptions, placement, type Size } from './image.js';
import { PRECISION_BITS, triangleWeights } from './resample.js';
import type { Image } from './rgb.js';

/** Whether preprocessing makes the image smaller, or only cuts it: then the net sees less than there is. */
export function isLarger(image: Size, place: Placement, seen: Size): boolean {
  const shrinks = place.width <= image.width && place.height <= image.height;
  return shrinks && (image.width > seen.width || image.height > seen.height);
}

/**
 * @param wanted 8-bit, of the net's size: what preprocessing is to give
 * @returns the photo, changed, of which preprocessing gives `wanted`, or what is near it: beside pixels that are as bright or dark as can be,
 *   and where the photo is hardly larger than that, there may be no such photo; undefined where preprocessing enlarges
 */
export function carryBack(photo: Image, wanted: Image, options: PreprocessOptions): Image | undefined {
  const { width, height } = wanted;
  const place = placement(photo, options);
  if (!isLarger(photo, place, wanted)) return undefined;
  const across = axisOf(photo.width, place.width, place.left, width);
  const down = axisOf(photo.height, place.height, place.top, height);
  if (!across || !down) return undefined;
  // Between the halves: as high as the photo, as wide as what the net sees.
  const between: Image = { width, height: photo.height, data: new Uint8Array(3 * width * photo.height) };
  const out: Image = { ...photo, data: photo.data.slice() };
  for (let line = 0; line < 3 * photo.height; line++)
    reduce(across, photo.data, lineAt(line, photo.width), between.data, lineAt(line, width));
  for (let column = 0; column < 3 * width; column++) {
    const way = { start: column, step: 3 * width };
    fit(down, between.data, way, wanted.data, way);
  }
  for (let line = 0; line < 3 * photo.height; line++)
    fit(across, out.data, lineAt(line, photo.width), between.data, lineAt(line, width));
  return out;
}

/** Where the values of a line stand among those of an image. */
interface Way {
  readonly start: number;
  readonly step: number;
}

/** A channel of a row of pixels; rows have three. */
function lineAt(line: number, width: number): Way {
  return { start: 3 * width * Math.floor(line / 3) + (line % 3), step: 3 };
}

/** A half of preprocessing, along one axis: rows of weights, and the factor of their products R R^T, a band. */
interface Axis {
  readonly length: number;
  readonly size: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly stride: number;
  /** Fixed-point. */
  readonly weights: Int32Array;
  /** Cholesky's L, row by row: L[i][i - band] to L[i][i]. */
  readonly factor: Float64Array;
  readonly band: number;
}

const ONE = 2 ** PRECISION_BITS;

/** Undefined where the rows are as good as dependent. */
function axisOf(length: number, resized: number, offset: number, size: number): Axis | undefined {
  const all = length === resized ? undefined : triangleWeights(length, resized);
  const stride = all?.stride ?? 1;
  const first = Int32Array.from({ length: size }, (_, i) => all?.first[offset + i] ?? offset + i);
  const count = Int32Array.from({ length: size }, (_, i) => all?.count[offset + i] ?? 1);
  const weights = Int32Array.from({ length: size * stride }, (_, i) =>
    all ? all.weights[offset * stride + i]! : ONE,
  );
  const dot = (i: number, j: number) => {
    const from = Math.max(first[i]!, first[j]!);
    const end = Math.min(first[i]! + count[i]!, first[j]! + count[j]!);
    let sum = 0;
    for (let k = from; k < end; k++)
      sum += (weights[i * stride + k - first[i]!]! / ONE) * (weights[j * stride + k - first[j]!]! / ONE);
    return sum;
  };
  let band = 0;
  for (let i = 1; i < size; i++)
    for (let j = i - 1; j >= 0 && first[j]! + count[j]! > first[i]!; j--) band = Math.max(band, i - j);
  const factor = new Float64Array(size * (band + 1));
  const at = (i: number, j: number) => i * (band + 1) + j - i + band;
  for (let i = 0; i < size; i++) {
    for (let j = Math.max(0, i - band); j <= i; j++) {
      let value = dot(i, j);
      const square = value;
      for (let k = Math.max(0, i - band); k < j; k++) value -= factor[at(i, k)]! * factor[at(j, k)]!;
      if (i !== j) factor[at(i, j)] = value / factor[at(j, j)]!;
      else if (value > 1e-6 * square) factor[at(i, i)] = Math.sqrt(value);
      else return undefined;
    }
  }
  return { length, size, first, count, stride, weights, factor, band };
}

/** (R R^T)^-1 on a line of values, in place. */
function solve({ factor, band, size }: Axis, values: Float64Array): void {
  const at = (i: number, j: number) => factor[i * (band + 1) + j - i + band]!;
  for (let i = 0; i < size; i++) {
    let value = values[i]!;
    for (let k = Math.max(0, i - band); k < i; k++) value -= at(i, k) * values[k]!;
    values[i] = value / at(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    let value = values[i]!;
    for (let k = i + 1; k <= Math.min(size - 1, i + band); k++) value -= at(k, i) * values[k]!;
    values[i] = value / at(i, i);
  }
}

/** R of a line of bytes in fixed point, exactly. */
function sumsOf(
  { size, first, count, stride, weights }: Axis,
  data: ArrayLike<number>,
  { start, step }: Way,
): Float64Array {
  const sums = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let k = 0; k < count[i]!; k++)
      sum += weights[i * stride + k]! * data[start + (first[i]! + k) * step]!;
    sums[i] = sum;
  }
  return sums;
}

/** As preprocessing rounds. */
const rounded = (sum: number) => Math.min(255, Math.floor(sum / ONE + 0.5));

function reduce(axis: Axis, from: Uint8Array, way: Way, to: Uint8Array, { start, step }: Way): void {
  for (const [i, sum] of sumsOf(axis, from, way).entries()) to[start + i * step] = rounded(sum);
}

const own: Way = { start: 0, step: 1 };

/** Of the least change within [0, 255]. */
const ROUNDS = 60;
/** Before rounding, of a level. */
const NEAR = 0.4;
/** What changes elsewhere in the line leave of this, rounding of its pixels undoes. */
const SLACK = 0.03;
/** Less than this, of a level, changes nothing. */
const NOTHING = 1e-3;
/** After it, moves by one level for the sake of one value. */
const MOVES = 100;

/** Changes a line of bytes so that `axis` makes of it the line `wanted`, as far as can be */
function fit(axis: Axis, data: Uint8Array, { start, step }: Way, wanted: Uint8Array, at: Way): void {
  const { size, first, count, stride, weights, band } = axis;
  const aim = Float64Array.from({ length: size }, (_, i) => wanted[at.start + i * at.step]!);
  const ideal = Float64Array.from({ length: axis.length }, (_, x) => data[start + x * step]!);
  const sums = sumsOf(axis, ideal, own);
  // Where nothing changes for the net, as near as the photo was is near enough.
  const near = sums.map((sum, i) =>
    rounded(sum) === aim[i] ? Math.max(NEAR, Math.abs(sum / ONE - aim[i]!) + SLACK) : NEAR,
  );
  for (let round = 0; round < ROUNDS; round++) {
    const change = sums.map((sum, i) => {
      const lack = aim[i]! - sum / ONE;
      return Math.abs(lack) <= near[i]! ? 0 : lack;
    });
    if (change.every((value) => value === 0)) {
      if (round === 0) return;
      break;
    }
    solve(axis, change);
    for (let i = 0; i < size; i++) {
      if (Math.abs(change[i]!) < NOTHING) continue;
      const share = change[i]! / ONE;
      for (let k = 0; k < count[i]!; k++) ideal[first[i]! + k]! += weights[i * stride + k]! * share;
    }
    // Where a pixel can go no further, its neighbours go on in the next round.
    for (let x = 0; x < ideal.length; x++) ideal[x] = Math.min(255, Math.max(0, ideal[x]!));
    sums.set(sumsOf(axis, ideal, own));
  }
  const line = Uint8ClampedArray.from(ideal);
  const bytes = new Uint8Array(line.buffer);
  sums.set(sumsOf(axis, bytes, own));
  /** How far a value is from where it surely rounds to its aim, squared. */
  const miss = (i: number, sum: number) =>
    Math.max(0, Math.abs(sum / ONE - aim[i]!) - Math.min(near[i]!, 0.5)) ** 2;
  const moves = new Uint8Array(size);
  for (let i = 0; i < size; ) {
    if (rounded(sums[i]!) === aim[i] || moves[i] === MOVES) {
      i++;
      continue;
    }
    moves[i]!++;
    const sign = aim[i]! * ONE > sums[i]! ? 1 : -1;
    let [best, least] = [-1, Infinity];
    for (let k = 0; k < count[i]!; k++) {
      const x = first[i]! + k;
      if (bytes[x] === (sign > 0 ? 255 : 0)) continue;
      // Of moves that help as much, the one that stays nearest to the ideal.
      let cost = 1e-3 * Math.abs(bytes[x]! + sign - ideal[x]!);
      for (let j = Math.max(0, i - band); j <= Math.min(size - 1, i + band); j++) {
        const weight = x < first[j]! || x >= first[j]! + count[j]! ? 0 : weights[j * stride + x - first[j]!]!;
        cost += miss(j, sums[j]! + sign * weight) - miss(j, sums[j]!);
      }
      if (weights[i * stride + k]! > 0 && cost < least) [best, least] = [x, cost];
    }
    if (best < 0) {
      moves[i] = MOVES;
      continue;
    }
    bytes[best]! += sign;
    // Neighbours may be off by this: back to the first that it reaches.
    for (let j = Math.max(0, i - band); j <= Math.min(size - 1, i + band); j++)
      if (best >= first[j]! && best < first[j]! + count[j]!)
        sums[j]! += sign * weights[j * stride + best - first[j]!]!;
    i = Math.max(0, i - band);
  }
  for (let x = 0; x < axis.length; x++) data[start + x * step] = bytes[x]!;
}
