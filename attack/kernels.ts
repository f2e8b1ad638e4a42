/** The compute shaders of explanations and attacks, their common constants, and the layout of the per-image state. */

import attackBudget from '../shaders/attack_budget.wgsl';
import attackFinish from '../shaders/attack_finish.wgsl';
import attackInit from '../shaders/attack_init.wgsl';
import attackKeep from '../shaders/attack_keep.wgsl';
import attackLoss from '../shaders/attack_loss.wgsl';
import attackMinimal from '../shaders/attack_minimal.wgsl';
import attackPaper from '../shaders/attack_paper.wgsl';
import attackPixel from '../shaders/attack_pixel.wgsl';
import attackTotal from '../shaders/attack_total.wgsl';
import explainCam from '../shaders/explain_cam.wgsl';
import explainMask from '../shaders/explain_mask.wgsl';
import explainSeed from '../shaders/explain_seed.wgsl';
import { shaderSource } from '../shaders/source.js';

export const shaders = {
  budget: shaderSource('attack_budget', attackBudget, attackPixel, attackTotal),
  finish: shaderSource('attack_finish', attackFinish, attackPixel, attackTotal),
  init: shaderSource('attack_init', attackInit, attackPixel),
  keep: shaderSource('attack_keep', attackKeep),
  loss: shaderSource('attack_loss', attackLoss, attackTotal),
  minimal: shaderSource('attack_minimal', attackMinimal, attackPixel, attackTotal),
  paper: shaderSource('attack_paper', attackPaper, attackTotal),
  cam: shaderSource('explain_cam', explainCam),
  mask: shaderSource('explain_mask', explainMask),
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

/** Places in the state of one image; flags are 0 or 1. The shaders see them as constants of the same names. */
export const SLOTS = {
  /** r of the minimal mode. */
  SLOT_RADIUS: 0,
  /** Step length of this iteration. */
  SLOT_STEP: 1,
  /** Updates done. */
  SLOT_ITERATION: 2,
  /** Norm of the current iterate's perturbation. */
  SLOT_NORM: 3,
  /** Verdict on the current iterate: it fools, it is the best so far, the loss that the attack raises. */
  SLOT_FOOLS: 4,
  SLOT_IMPROVED: 5,
  SLOT_LOSS: 6,
  /** Any iterate was judged. */
  SLOT_JUDGED: 7,
  /** The best iterate: it fools, its norm and loss, the updates before it. */
  SLOT_FOUND: 8,
  SLOT_BEST_NORM: 9,
  SLOT_BEST_LOSS: 10,
  SLOT_BEST_AT: 11,
  SLOT_MASK_MAX: 12,
  /** Share by which r changes in this iteration. */
  SLOT_GAMMA: 13,
} as const;

/** Values per image of the state. */
export const STATE = 16;
