/**
 * f64 references of Grad-CAM, the soft mask and one step of the `minimal` and `paper` attacks (spec.md sections 1 and 2,
 * reference.py): what the attack's GPU kernels are compared with step by step. Images are planes [c, h, w] of one image,
 * masks [h, w]; a net's part (forward, gradient) comes from outside, so a step can be checked by itself.
 */
import { extents4, type Nd, nd } from './nd.js';
import { references } from './references.js';

export type MaskNorm = 'max' | 'sum' | 'mean' | 'binary';

/**
 * Equations 4 and 5: activations and gradients of the logit [n, k, h, w] -> L = ReLU(sum_k mean(dZ/dA^k) A^k) [n, 1, h, w],
 * at the resolution of the last convolution block.
 */
export function gradcam(activations: Nd, gradients: Nd): Nd {
  const [n, k, h, w] = extents4(activations);
  const plane = h * w;
  const low = nd([n, 1, h, w]);
  for (let b = 0; b < n; b++)
    for (let channel = 0; channel < k; channel++) {
      const from = (b * k + channel) * plane;
      const lambda =
        gradients.data.subarray(from, from + plane).reduce((sum, value) => sum + value, 0) / plane;
      for (let i = 0; i < plane; i++) low.data[b * plane + i]! += lambda * activations.data[from + i]!;
    }
  return { data: low.data.map((value) => Math.max(value, 0)), shape: low.shape };
}

export interface SoftMask {
  /** Lhat = L / max(L) at the input size, in [0, 1]; zeros where L is all zero. */
  readonly cam: Float64Array;
  readonly mask: Float64Array;
  /** `empty`: L is all zero, the mask is all ones. */
  readonly cfr: 'ok' | 'empty';
  /** Pixels with Lhat >= tau; 0 when empty. */
  readonly cfrPixels: number;
}

/** L at low resolution [n, 1, h, w] -> per image Lhat at `size` and the soft mask of equation 6 (see spec.md for the norms). */
export function softMasks(low: Nd, size: readonly [number, number], tau: number, norm: MaskNorm): SoftMask[] {
  const resized = references.resizeBilinear.forward({ size }, [low]);
  const pixels = size[0] * size[1];
  return Array.from({ length: low.shape[0]! }, (_, b) =>
    softMask(resized.data.subarray(b * pixels, (b + 1) * pixels), tau, norm),
  );
}

function softMask(resized: Float64Array, tau: number, norm: MaskNorm): SoftMask {
  const peak = resized.reduce((greatest, value) => Math.max(greatest, value), 0);
  if (!(peak > 0)) {
    const ones = resized.map(() => 1);
    return { cam: resized.map(() => 0), mask: ones, cfr: 'empty', cfrPixels: 0 };
  }
  const cam = resized.map((value) => value / peak);
  const kept = cam.map((value) => (value >= tau ? value : 0));
  const cfrPixels = cam.filter((value) => value >= tau).length;
  const sum = kept.reduce((total, value) => total + value, 0);
  const scale = norm === 'max' ? 1 : norm === 'sum' ? 1 / sum : cfrPixels / sum;
  const mask =
    norm === 'binary' ? cam.map((value) => (value >= tau ? 1 : 0)) : kept.map((value) => value * scale);
  return { cam, mask, cfr: 'ok', cfrPixels };
}

/** The nearest 8-bit pixel, k/255; halves go to the even k, as in WGSL, torch and numpy. */
export function round8(value: number): number {
  const scaled = value * 255;
  const low = Math.floor(scaled);
  const up = scaled - low > 0.5 || (scaled - low === 0.5 && low % 2 === 1);
  return (up ? low + 1 : low) / 255;
}

/** X' of one image: clamp(x + delta * mask), at full precision. */
export function perturbed(x: Float64Array, delta: Float64Array, mask: Float64Array): Float64Array {
  return x.map((value, i) => clamp(value + delta[i]! * mask[i % mask.length]!));
}

/** What `minimal` keeps of one image between steps. */
export interface MinimalState {
  readonly delta: Float64Array;
  readonly radius: number;
  /** The best rounded image that fooled so far, x before there is one, and its l2 distance (Infinity at first). */
  readonly best: Float64Array;
  readonly bestNorm: number;
}

export interface MinimalStep {
  readonly x: Float64Array;
  readonly mask: Float64Array;
  /** round8(perturbed(...)) of the state: what the net has seen. */
  readonly quantised: Float64Array;
  /** Whether the net was fooled by it. */
  readonly fooled: boolean;
  /** d CE / d quantised, not yet times the mask. */
  readonly gradient: Float64Array;
  /** 0-based step and number of steps N. */
  readonly step: number;
  readonly steps: number;
  /** Decay of the radius, default 0.1; smallest step length, default 0.01. */
  readonly gamma?: number;
  readonly lastStep?: number;
}

/** Keeps the best rounded image: the judging half of a step, and all that happens after the last one. */
export function judge(state: MinimalState, { x, quantised, fooled }: MinimalStep): MinimalState {
  const distance = norm2(quantised.map((value, i) => value - x[i]!));
  if (!fooled || !(distance < state.bestNorm)) return state;
  return { ...state, best: quantised, bestNorm: distance };
}

/** One step of `minimal`: judge, step along g/||g|| by the cosine schedule, scale the radius, project, clip. */
export function minimalStep(state: MinimalState, given: MinimalStep): MinimalState {
  const { x, mask, fooled, gradient, step, steps, gamma = 0.1, lastStep = 0.01 } = given;
  const m = (i: number) => mask[i % mask.length]!;
  const g = gradient.map((value, i) => value * m(i));
  const length = lastStep + ((1 - lastStep) * (1 + Math.cos((Math.PI * step) / steps))) / 2;
  const gNorm = norm2(g) + 1e-12;
  const p = state.delta.map((value, i) => (value + (length * g[i]!) / gNorm) * m(i));
  const radius = step === 0 ? state.radius : state.radius * (fooled ? 1 - gamma : 1 + gamma);
  const scale = radius / (norm2(p) + 1e-12);
  const clipped = p.map((value, i) => clamp(x[i]! + value * scale) - x[i]!);
  return {
    ...judge(state, given),
    radius,
    delta: clipped.map((value, i) => (m(i) > 0 ? value / (m(i) + 1e-12) : 0)),
  };
}

export interface PaperStep {
  readonly x: Float64Array;
  readonly mask: Float64Array;
  /** CE of the net on perturbed(x, delta, mask), and its gradient there. */
  readonly crossEntropy: number;
  readonly gradient: Float64Array;
  /** Inverse temperature T, step eta, weight beta; defaults .1, 10, 1. */
  readonly temperature?: number;
  readonly eta?: number;
  readonly beta?: number;
}

/** Algorithm 1, line 8 with equations 7 to 9: the next delta, and J and ||delta*M|| before the step. */
export function paperStep(
  delta: Float64Array,
  given: PaperStep,
): { delta: Float64Array; j: number; norm: number } {
  const { x, mask, crossEntropy, gradient, temperature = 0.1, eta = 10, beta = 1 } = given;
  const m = (i: number) => mask[i % mask.length]!;
  const p = delta.map((value, i) => value * m(i));
  const norm = norm2(p);
  const guarded = norm + 1e-12;
  const j = crossEntropy / temperature + beta / guarded;
  const next = delta.map((value, i) => {
    const shown = x[i]! + p[i]!;
    const throughNet = shown >= 0 && shown <= 1 ? gradient[i]! / temperature : 0;
    const throughNorm = norm > 0 ? (beta * p[i]!) / (norm * guarded ** 2) : 0;
    const dInverse = (-(throughNet - throughNorm) * m(i)) / j ** 2;
    return (value - eta * dInverse) * m(i);
  });
  return { delta: next, j, norm };
}

function clamp(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

function norm2(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
