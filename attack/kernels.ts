/** The compute shaders that all methods share, and the state of an image that they keep. A method imports its own beside its settings. */
import attackBegin from '../shaders/attack_begin.wgsl';
import attackJudge from '../shaders/attack_judge.wgsl';
import attackKeep from '../shaders/attack_keep.wgsl';
import attackLeast from '../shaders/attack_least.wgsl';
import attackPixel from '../shaders/attack_pixel.wgsl';
import attackRegion from '../shaders/attack_region.wgsl';
import attackSee from '../shaders/attack_see.wgsl';
import attackTanh from '../shaders/attack_tanh.wgsl';
import attackZero from '../shaders/attack_zero.wgsl';
import explainCam from '../shaders/explain_cam.wgsl';
import explainMask from '../shaders/explain_mask.wgsl';
import explainPixels from '../shaders/explain_pixels.wgsl';
import explainSeed from '../shaders/explain_seed.wgsl';
import { randomText, shaderSource, totalText } from '../shaders/source.js';

/**
 * WGSL that kernels of methods append to their own: `least`; `pixel`; `random4`, `uniform01`, `normal2`; `squashed`, `unsquashed`, Adam; `total`,
 * `largest`.
 */
export const pieces = {
  least: attackLeast,
  pixel: attackPixel,
  random: randomText,
  tanh: attackTanh,
  total: totalText,
} as const;

export const shaders = {
  begin: shaderSource('attack_begin', attackBegin),
  judge: shaderSource('attack_judge', attackJudge, totalText),
  keep: shaderSource('attack_keep', attackKeep),
  region: shaderSource('attack_region', attackRegion, totalText, randomText),
  see: shaderSource('attack_see', attackSee, attackPixel, totalText),
  zero: shaderSource('attack_zero', attackZero),
  cam: shaderSource('explain_cam', explainCam),
  mask: shaderSource('explain_mask', explainMask),
  pixels: shaderSource('explain_pixels', explainPixels),
  seed: shaderSource('explain_seed', explainSeed),
} as const;

/** Invocations of a workgroup that owns an image; the most that every WebGPU device has. */
export const WORKGROUP = 256;

/** One invocation a class up to `WORKGROUP`: the least power of two from 16 that holds them. */
export function classWorkgroup(classes: number): number {
  let size = 16;
  while (size < classes && size < WORKGROUP) size *= 2;
  return size;
}

/** Places in the state of one image; flags are 0 or 1. Shaders see them as constants of the same names. A method's own follow. */
export const SLOTS = {
  /** Steps judged so far, and the index of the last of them. */
  SLOT_STEPS: 0,
  SLOT_STEP: 1,
  /** Verdict on what the net was shown last: it fools, it is the best so far, the loss that the attack raises, the margin, the strongest other class. */
  SLOT_FOOLS: 2,
  SLOT_IMPROVED: 3,
  SLOT_LOSS: 4,
  SLOT_MARGIN: 5,
  SLOT_RIVAL: 6,
  /** Anything was judged by a rank, so that there is a best. */
  SLOT_JUDGED: 7,
  /** Norms of what the net was shown last, less the clean image. */
  SLOT_L0: 8,
  SLOT_L1: 9,
  SLOT_L2: 10,
  SLOT_LINF: 11,
  /** The best: it fools, its loss, the steps and propagations before it, its norms. */
  SLOT_FOUND: 12,
  SLOT_BEST_LOSS: 13,
  SLOT_BEST_AT: 14,
  SLOT_FOUND_AT: 15,
  SLOT_BEST_L0: 16,
  SLOT_BEST_L1: 17,
  SLOT_BEST_L2: 18,
  SLOT_BEST_LINF: 19,
  /** The method needs no more steps on this image. */
  SLOT_DONE: 20,
  /** Propagations spent on it. */
  SLOT_FORWARDS: 21,
  SLOT_BACKWARDS: 22,
  /** The best before it was rounded, where rounding comes at the end. */
  SLOT_FLOAT_FOUND: 23,
  SLOT_FLOAT_L0: 24,
  SLOT_FLOAT_L1: 25,
  SLOT_FLOAT_L2: 26,
  SLOT_FLOAT_LINF: 27,
} as const;

/** Values of the state before a method's own. */
export const OWN_SLOTS = 28;
