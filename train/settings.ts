/** What a training run is asked for, checked and completed: the recipe is settled before the first step. */
import { UserError } from '../base/errors.js';
import type { NetSpec, Size } from '../nets/spec.js';

/** Epochs at a resolution. */
export interface Stage {
  /** Height and width of what the net gets. */
  readonly size: Size;
  /** Passes over the images at this size, from 1. */
  readonly epochs: number;
}

/** A training recipe; everything has a default. */
export interface TrainOptions {
  /** Passes over the images; default 30, or those of `stages`. */
  readonly epochs?: number;
  /** Images of a step; default 128. What does not fill the last one is left out, other images in each epoch. */
  readonly batch?: number;
  /** The highest learning rate. Default: SGD .2 for residual nets, .1 for VGG, times batch / 128; Adam .001; half of it in adversarial training. */
  readonly rate?: number;
  /**
   * `one-cycle` (default): up linearly in the first fifth of the steps, then down by a half cosine; `cosine`: down from the start (Loshchilov and Hutter 2017); `constant`.
   */
  readonly schedule?: 'one-cycle' | 'cosine' | 'constant';
  /** Resolutions, one after the other; nets that end in global pooling take any. Default: the net's own all the time. */
  readonly stages?: readonly Stage[];
  /** Of the order of the images, their augmentation, the initial weights, dropout and random starts. Default 0. */
  readonly seed?: number;
  /** `sgd` (default; Nesterov), `adam` (Kingma and Ba 2015) or `adamw` (decoupled decay, Loshchilov and Hutter 2019). */
  readonly optimiser?: 'sgd' | 'adam' | 'adamw';
  /** SGD's; default .9. */
  readonly momentum?: number;
  /** Default true. */
  readonly nesterov?: boolean;
  /** Weight decay of matrices and kernels, not of biases and batch-norm. Default .0005. */
  readonly decay?: number;
  /** Label smoothing in [0, 1). Default 0. */
  readonly smoothing?: number;
  /** Rate of the dropout behind hidden layers of the head (VGG's ImageNet form). Default .5. */
  readonly dropout?: number;
  /** Share that the running average of the weights keeps in each step; 0 for the weights as they are. Default .998. */
  readonly average?: number;
  /** Black pixels around the images, from which they are cropped at random. Default: an eighth of their size, 4 for CIFAR-10's. */
  readonly border?: number;
  /** Mirror half of the images. Default true. */
  readonly flip?: boolean;
  /** `none` (default), `fast` (FGSM from a random start, Wong et al. 2020) or `pgd` (Madry et al. 2018). */
  readonly at?: 'none' | 'fast' | 'pgd';
  /** Linf radius of the attack, in pixels from 0 to 1. Default 8/255. */
  readonly epsilon?: number;
  /** Its step. Default 10/255 for `fast`, 2/255 for `pgd`. */
  readonly alpha?: number;
  /** Its number of steps. Default 1 for `fast`, 7 for `pgd`. */
  readonly attackSteps?: number;
}

/** A whole recipe, checked. */
export type TrainSettings = Required<TrainOptions>;

/**
 * @param size height and width of the images as they are stored
 * @throws UserError on a value out of range, and where the net cannot take a resolution
 */
export function trainSettings(options: TrainOptions, spec: NetSpec, size: Size): TrainSettings {
  const at = options.at ?? 'none';
  const optimiser = options.optimiser ?? 'sgd';
  const batch = options.batch ?? 128;
  const stages = options.stages ?? [{ size, epochs: options.epochs ?? 30 }];
  const epochs = stages.reduce((sum, stage) => sum + stage.epochs, 0);
  if (options.epochs !== undefined && options.epochs !== epochs)
    throw new UserError(
      `epochs: expected the ${epochs} of the resolutions, got ${options.epochs}; leave out one`,
    );
  const usual = optimiser === 'sgd' ? ((spec.family === 'vgg' ? 0.1 : 0.2) * batch) / 128 : 0.001;
  const settings: TrainSettings = {
    epochs,
    batch,
    rate: options.rate ?? usual * (at === 'none' ? 1 : 0.5),
    schedule: options.schedule ?? 'one-cycle',
    stages,
    seed: options.seed ?? 0,
    optimiser,
    momentum: options.momentum ?? 0.9,
    nesterov: options.nesterov ?? true,
    decay: options.decay ?? 5e-4,
    smoothing: options.smoothing ?? 0,
    dropout: options.dropout ?? 0.5,
    average: options.average ?? 0.998,
    border: options.border ?? Math.round(Math.min(...size) / 8),
    flip: options.flip ?? true,
    at,
    epsilon: options.epsilon ?? 8 / 255,
    alpha: options.alpha ?? (at === 'fast' ? 10 / 255 : 2 / 255),
    attackSteps: options.attackSteps ?? (at === 'fast' ? 1 : 7),
  };
  const unknown = Object.keys(options).filter((name) => !(name in settings));
  if (unknown.length > 0)
    throw new UserError(
      `training: expected the options ${Object.keys(settings).join(', ')}, got ${unknown.join(', ')}`,
    );
  check(settings);
  for (const stage of stages) checkSize(spec, stage.size);
  return settings;
}

type Check = readonly [name: keyof TrainSettings, expected: string, ok: (value: number) => boolean];

const whole = (least: number): readonly [string, (value: number) => boolean] => [
  `a whole number of at least ${least}`,
  (value) => Number.isInteger(value) && value >= least,
];
const share: readonly [string, (value: number) => boolean] = [
  'a number in [0, 1)',
  (value) => value >= 0 && value < 1,
];
const positive: readonly [string, (value: number) => boolean] = [
  'a number above 0',
  (value) => value > 0 && Number.isFinite(value),
];
const CHECKS: readonly Check[] = [
  ['epochs', ...whole(1)],
  ['batch', ...whole(1)],
  ['rate', ...positive],
  ['seed', ...whole(0)],
  ['momentum', ...share],
  ['decay', 'a number of at least 0', (value) => value >= 0 && Number.isFinite(value)],
  ['smoothing', ...share],
  ['dropout', ...share],
  ['average', ...share],
  ['border', ...whole(0)],
  ['epsilon', ...positive],
  ['alpha', ...positive],
  ['attackSteps', ...whole(1)],
];

function check(settings: TrainSettings): void {
  for (const [name, expected, ok] of CHECKS) {
    const value = settings[name] as number;
    if (!ok(value)) throw new UserError(`${name}: expected ${expected}, got ${value}`);
  }
  for (const { epochs } of settings.stages) {
    if (!(Number.isInteger(epochs) && epochs >= 1))
      throw new UserError(`resolutions: expected whole numbers of epochs of at least 1, got ${epochs}`);
  }
}

function checkSize({ arch, family, pooled, height, width }: NetSpec, size: Size): void {
  const text = size.join('x');
  if (!size.every((extent) => Number.isInteger(extent) && extent >= 8))
    throw new UserError(`resolutions: expected at least 8x8, got ${text}`);
  const own = size[0] === height && size[1] === width;
  if (!own && (family === 'vgg' || pooled[0] * pooled[1] > 1))
    throw new UserError(
      `resolutions: expected ${height}x${width}, all that ${arch} takes, got ${text}; residual nets with global pooling take others`,
    );
}

/** The resolution of an epoch, counted from 0. */
export function stageOf({ stages }: TrainSettings, epoch: number): Stage {
  let end = 0;
  for (const stage of stages) {
    end += stage.epochs;
    if (epoch < end) return stage;
  }
  return stages.at(-1)!;
}

/** The learning rate of a step: at the end a thousandth of the highest one. */
export function rateAt({ rate, schedule }: TrainSettings, step: number, steps: number): number {
  const part = step / steps;
  const down = (p: number) => Math.max(1e-3, 0.5 * (1 + Math.cos(Math.PI * p)));
  if (schedule === 'constant') return rate;
  if (schedule === 'cosine') return rate * down(part);
  return rate * (part < 0.2 ? part / 0.2 : down((part - 0.2) / 0.8));
}

/** How much of the weights a step mixes into their running average: more at first, when the average knows little. */
export function mixAt({ average }: TrainSettings, step: number): number {
  return 1 - Math.min(average, average === 0 ? 0 : (1 + step) / (10 + step));
}
