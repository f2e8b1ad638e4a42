/**
 * Pillow's 8-bit resampling (src/libImaging/Resample.c) with the bilinear filter, reproduced to the bit: two passes, rows
 * first, fixed-point weights of 22 bits, and an 8-bit image in between.
 */

import type { Image } from './rgb.js';

export const PRECISION_BITS = 32 - 8 - 2;

export interface Weights {
  /** First source pixel of each output pixel. */
  readonly first: Int32Array;
  /** Number of source pixels of each output pixel. */
  readonly count: Int32Array;
  /** Fixed-point weights, `stride` per output pixel. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** The triangle filter's weights along one axis; below a reduction of 1 its support is one pixel each way. */
export function triangleWeights(from: number, to: number): Weights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * stride);
  const exact = new Float64Array(stride);
  // Pillow multiplies by the reciprocal, which rounds differently from a division.
  const inverse = 1 / support;
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const extent = Math.min(from, Math.trunc(centre + support + 0.5)) - low;
    let sum = 0;
    for (let k = 0; k < extent; k++) {
      exact[k] = Math.max(0, 1 - Math.abs((k + low - centre + 0.5) * inverse));
      sum += exact[k]!;
    }
    for (let k = 0; k < extent; k++) {
      const weight = sum !== 0 ? exact[k]! / sum : exact[k]!;
      weights[i * stride + k] = Math.trunc(0.5 + weight * (1 << PRECISION_BITS));
    }
    first[i] = low;
    count[i] = extent;
  }
  return { first, count, weights, stride };
}

/**
 * One pass over lines of pixels: `step` bytes from pixel to pixel along the axis, `lines` lines, `lineStep` bytes apart,
 * of `channels` interleaved bytes.
 */
interface Pass {
  readonly weights: Weights;
  readonly lines: number;
  readonly inStep: number;
  readonly inLineStep: number;
  readonly outStep: number;
  readonly outLineStep: number;
}

function run(input: Uint8Array, output: Uint8Array, pass: Pass): void {
  const { first, count, weights, stride } = pass.weights;
  // Weights are not negative and sum to about one: no sum leaves [0, 2^31) and the shift needs no clamp below.
  const half = 1 << (PRECISION_BITS - 1);
  for (let line = 0; line < pass.lines; line++) {
    for (let i = 0; i < first.length; i++) {
      const start = line * pass.inLineStep + first[i]! * pass.inStep;
      const end = count[i]!;
      let r = half;
      let g = half;
      let b = half;
      for (let k = 0; k < end; k++) {
        const weight = weights[i * stride + k]!;
        const at = start + k * pass.inStep;
        r += input[at]! * weight;
        g += input[at + 1]! * weight;
        b += input[at + 2]! * weight;
      }
      const out = line * pass.outLineStep + i * pass.outStep;
      output[out] = Math.min(255, r >> PRECISION_BITS);
      output[out + 1] = Math.min(255, g >> PRECISION_BITS);
      output[out + 2] = Math.min(255, b >> PRECISION_BITS);
    }
  }
}

/** Resizes to `width` x `height` (both at least 1); an axis of the right size is left alone. */
export function resample(image: Image, width: number, height: number): Image {
  let current = image;
  if (width !== image.width) {
    const data = new Uint8Array(3 * width * image.height);
    run(image.data, data, {
      weights: triangleWeights(image.width, width),
      lines: image.height,
      inStep: 3,
      inLineStep: 3 * image.width,
      outStep: 3,
      outLineStep: 3 * width,
    });
    current = { width, height: image.height, data };
  }
  if (height !== image.height) {
    const data = new Uint8Array(3 * width * height);
    run(current.data, data, {
      weights: triangleWeights(image.height, height),
      lines: width,
      inStep: 3 * width,
      inLineStep: 3,
      outStep: 3 * width,
      outLineStep: 3,
    });
    current = { width, height, data };
  }
  return current;
}
