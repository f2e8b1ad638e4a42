/**
 * The seam between the commands and the world: terminal, files, nets, device. Commands know only this, so that their logic
 * is tested without a GPU (test/cli-commands.test.ts); node-services.ts is the real thing.
 */

import type { Classifier } from '../attack/classifier.js';
import type { Diagnosis } from '../attack/diagnosis.js';
import type { Attack } from '../attack/driver.js';
import type { Explainers } from '../attack/explain.js';
import type { FitOptions, PatchBatch, PatchState } from '../attack/fit.js';
import type { Method } from '../attack/method.js';
import type { ExplainSettings } from '../attack/settings/common.js';
import type { AttackSettings } from '../attack/traits.js';
import type { Dataset } from '../data/datasets.js';
import type { Image } from '../data/rgb.js';
import type { TrainingSets } from '../data/training-sets.js';
import type { AdapterSummary } from '../engine/adapter.js';
import type { DeviceTraits } from '../engine/dispatch.js';
import type { Model } from '../nets/model.js';
import type { Trainer, TrainerOptions } from '../train/trainer.js';
import type { Console } from './console.js';
import type { NetOptions } from './options.js';
import type { SelfTest } from './self-test.js';
import type { StepTime } from './step-time.js';

export interface Services {
  readonly console: Console;
  /** Aborted by Ctrl-C, with an `Interrupted`. */
  readonly signal: AbortSignal;
  /** Set by a command that finished, but not with all that it was given. */
  exitCode: number;
  /** The adapter that was asked for; default: by the environment, or the best there is. */
  adapter?: string;
  /** The lock of a process on another machine is taken over where that gives no sign of life. */
  takeOver?: boolean;
  /** What was typed, and the version of this program: where results come from. */
  readonly invocation: { readonly command: string; readonly version: string };
  /** Milliseconds since 1970. */
  now(): number;
  loadNet(options: NetOptions, console: Console): Promise<LoadedNet>;
  /** `labels`: the net's classes, in the order of its outputs. */
  openDataset(text: string, console: Console, labels: readonly string[]): Promise<Dataset>;
  /** A data set in two parts: to train on, and to test with. */
  openTrainingSets(text: string, console: Console): Promise<TrainingSets>;
  readImage(path: string): Promise<Image>;
  /** The sha256 of a file's content, in hex. */
  digest(path: string): Promise<string>;
  /** @param options without `sync` the caller syncs the file, or needs it not after a power cut */
  writePng(path: string, image: Image, options?: { readonly sync?: boolean }): Promise<void>;
  /** The one device of the process, opened at the first call. */
  openDevice(): Promise<Device>;
  /** Closes it, and opens it again. */
  reopenDevice(): Promise<Device>;
  cacheFolder(): string;
  /** Closes the device, if there is one. */
  close(): Promise<void>;
}

export interface LoadedNet {
  readonly model: Model;
  /** sha256 of the weights' file: tells nets of one name apart. */
  readonly digest: string;
}

/** An attack that is fully said. */
export interface AskedAttack {
  readonly method: Method;
  readonly settings: AttackSettings;
  /** [h, w]: where the region is a file. */
  readonly mask?: Float32Array | undefined;
  /** [3, side, side]: where the method shows a given one. */
  readonly patch?: Float32Array | undefined;
}

/** What commands do on a GPU. */
export interface Device {
  readonly adapter: AdapterSummary;
  readonly traits: DeviceTraits;
  /** Computes it now, whatever is known. */
  selfTest(): Promise<SelfTest>;
  /** What the device has reported, or reports within a moment; undefined while it is well. */
  failure(): Promise<Error | undefined>;
  /** Undefined where the adapter with its driver has passed once; else the test now. */
  firstSelfTest(): Promise<SelfTest | undefined>;
  /** Looks for the layer that gives no numbers for an image [3, h, w]. */
  diagnose(model: Model, image: Float32Array): Promise<Diagnosis | undefined>;
  /** Undefined where the net gave numbers on this adapter and driver once; else what is found now. */
  firstDiagnosis(model: Model, image: Float32Array): Promise<Diagnosis | undefined>;
  timeStep(): Promise<StepTime>;
  /** Elements of the largest activation of one image. */
  largestActivation(model: Model): number;
  classifier(model: Model, batch: number): Promise<Classifier>;
  explainers(model: Model, settings: readonly ExplainSettings[], batch: number): Promise<Explainers>;
  fitPatch(
    model: Model,
    batches: readonly PatchBatch[],
    settings: AttackSettings,
    options: FitOptions,
  ): Promise<PatchState>;
  attack(model: Model, asked: AskedAttack, batch: number): Promise<Attack>;
  trainer(net: Model, options: TrainerOptions): Promise<Trainer>;
}

/** Thrown where Ctrl-C cuts work short; what is finished is on disk. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** What was abandoned and may still run. */
  readonly pending: Promise<unknown> | undefined;

  constructor(message: string, pending?: Promise<unknown>) {
    super(message);
    this.pending = pending;
  }
}

/** Work that Ctrl-C abandons: rejects with `Interrupted` as soon as the signal comes, whatever the device still does. */
export async function untilInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const interruption = new Promise<never>((_, reject) => {
    stop = () => reject(new Interrupted('interrupted', work));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  // The loser's rejection must not surface as an unhandled one.
  work.catch(() => {});
  interruption.catch(() => {});
  try {
    return await Promise.race([interruption, work]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** One line that names an adapter: in summaries, reports and notes. A software adapter's driver is all there is of it. */
export function adapterText({ name, driver, backend, software }: AdapterSummary): string {
  const parts = software && driver !== '' ? [driver] : [name, driver];
  return `${parts.filter((part) => part !== '').join(', ')} (${backend}${software ? ', software' : ''})`;
}
