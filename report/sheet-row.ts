/** What a contact sheet is told of an attacked image. */
import type { Image } from '../data/rgb.js';

/** A class by name and the net's confidence in it (0..1). */
export interface SheetPrediction {
  readonly label: string;
  readonly confidence: number;
}

/** One attacked image. All images of a sheet have the net's input size, height x width. */
export interface SheetRow {
  readonly original: Image;
  readonly adversarial: Image;
  /** Lhat, [height, width] in [0,1]. */
  readonly cam: ArrayLike<number>;
  /** The soft mask, [height, width]; positive on the CFR. */
  readonly mask: ArrayLike<number>;
  readonly clean: SheetPrediction;
  readonly attacked: SheetPrediction;
  /** Name of the true class, given where the clean image is classified wrong. */
  readonly truth?: string;
  /** False where the image came without a label, so that its clean prediction is held against the attacked one. Default true. */
  readonly labelled?: boolean;
  readonly success: boolean;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
  readonly l2: number;
  readonly linf: number;
  readonly ssim: number;
  /** What finds the image again: its index or file name. */
  readonly name?: string;
}
