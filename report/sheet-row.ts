/** What a contact sheet is told of an attacked image. */
import type { Image } from '../data/rgb.js';

/** A class by name and the net's confidence in it (0..1). */
export interface SheetPrediction {
  /** The class's name. */
  readonly label: string;
  /** Softmax, in [0, 1]. */
  readonly confidence: number;
}

/** One attacked image. All images of a sheet have the net's input size, height x width. */
export interface SheetRow {
  /** What the net saw. */
  readonly original: Image;
  /** What it was given instead. */
  readonly adversarial: Image;
  /** Lhat, [height, width] in [0,1]. */
  readonly cam: ArrayLike<number>;
  /** The soft mask, [height, width]; positive on the CFR. */
  readonly mask: ArrayLike<number>;
  /** The net's prediction of `original`. */
  readonly clean: SheetPrediction;
  /** And of `adversarial`. */
  readonly attacked: SheetPrediction;
  /** Name of the true class, given where the clean image is classified wrong. */
  readonly truth?: string;
  /** False where the image came without a label, so that its clean prediction is held against the attacked one. Default true. */
  readonly labelled?: boolean;
  /** The adversarial image fools the net. */
  readonly success: boolean;
  /** `empty`: nothing in the map speaks for the class. */
  readonly cfr: 'ok' | 'empty';
  /** Pixels of the CFR. */
  readonly cfrPixels: number;
  /** Euclidean norm of the difference, pixels in [0,1]. */
  readonly l2: number;
  /** Largest |difference|, pixels in [0,1]. */
  readonly linf: number;
  /** Structural similarity, at most 1. */
  readonly ssim: number;
  /** What finds the image again: its index or file name. */
  readonly name?: string;
}
