/** A batch of an attack: the programs that work on it, which of its images take part, and what is written of each. */

import { createHash } from 'node:crypto';
import type { Classifier } from '../attack/classifier.js';
import type { Attack } from '../attack/driver.js';
import { logitsOf, predictions, softmax } from '../attack/logits.js';
import { measure } from '../attack/measures.js';
import type { Model } from '../nets/model.js';
import type { NetSpec } from '../nets/spec.js';
import type { FullSize, ImageResult, Prediction, Trace } from '../report/run-files.js';
import { type AttackedBatch, AttackQueue } from './attack-queue.js';
import type { Batch } from './over-batches.js';
import { type AskedAttack, adapterText, type Device } from './services.js';

/** The programs of a run. Unlabelled images take the net's own prediction, so only they need the classifier. */
export class AttackTools {
  readonly queue: AttackQueue;
  readonly #attack: Attack;
  readonly #device: Device;
  readonly #model: Model;
  readonly #batch: number;
  #classifier: Classifier | undefined;

  private constructor(device: Device, model: Model, batch: number, attack: Attack) {
    this.queue = new AttackQueue(attack, model);
    this.#attack = attack;
    this.#device = device;
    this.#model = model;
    this.#batch = batch;
  }

  /** @throws Error where the device fails its self-test: its results would look like those of a weak attack */
  static async make(
    device: Device,
    model: Model,
    asked: AskedAttack,
    batch: number,
    signal: AbortSignal,
  ): Promise<AttackTools> {
    // Side by side: each waits for the driver's compiler most of the time.
    const started = [device.attack(model, asked, batch), requireSelfTest(device)] as const;
    try {
      const [attack] = await Promise.all(started);
      signal.throwIfAborted();
      return new AttackTools(device, model, batch, attack);
    } catch (error) {
      // Whoever closes the device next must find nothing under way.
      const [compiled] = await Promise.allSettled(started);
      if (compiled.status === 'fulfilled') compiled.value.destroy();
      throw error;
    }
  }

  /** The labels of a batch: given ones, or the net's own predictions. */
  async labels({ pictures, x }: Batch): Promise<Uint32Array<ArrayBuffer>> {
    if (pictures.every((picture) => picture.label !== null))
      return Uint32Array.from(pictures, (picture) => picture.label!);
    const own = await this.classes(x);
    return Uint32Array.from(pictures, ({ label }, i) => label ?? own[i]!);
  }

  /** What the net says of images [n, 3, h, w]. */
  async classes(x: Float32Array): Promise<Uint32Array> {
    this.#classifier ??= await this.#device.classifier(this.#model, this.#batch);
    return predictions(await this.#classifier.run(x), this.#model.spec.classes);
  }

  destroy(): void {
    this.#classifier?.destroy();
    this.#attack.destroy();
  }
}

/**
 * Divides a batch: images that are of the target class already take no part, as they would count as failures or successes of an
 * attack that had nothing to do.
 */
export function divide(
  { pictures, x }: Batch,
  labels: Uint32Array,
  target: number | undefined,
): { readonly batch: Batch; readonly labels: Uint32Array; readonly alreadyTarget: readonly number[] } {
  const taking = pictures.map((_, i) => i).filter((i) => labels[i] !== target);
  const alreadyTarget = pictures.filter((_, i) => labels[i] === target).map(({ index }) => index);
  const size = x.length / pictures.length;
  const part = new Float32Array(taking.length * size);
  for (const [to, from] of taking.entries()) part.set(x.subarray(from * size, (from + 1) * size), to * size);
  return {
    batch: { pictures: taking.map((i) => pictures[i]!), x: part },
    labels: Uint32Array.from(taking, (i) => labels[i]!),
    alreadyTarget,
  };
}

/** The lines of an attacked batch. Measured on the 8-bit pixels of the results, which are the saved ones. */
export function resultLines(
  { pictures, x, labels, result }: AttackedBatch,
  { height, width }: Pick<NetSpec, 'height' | 'width'>,
  photos: readonly (FullSize | undefined)[],
): ImageResult[] {
  const values = 3 * height * width;
  const classes = result.logits.length / result.count;
  const size = { channels: 3, height, width };
  return pictures.map(({ index, name, source, image }, i) => {
    const pixels = (all: Float32Array) => all.subarray(i * values, (i + 1) * values);
    const prediction = (logits: Float32Array, winner: number): Prediction => {
      const shares = softmax(logitsOf(logits, i, classes));
      return { class: winner, confidence: shares[winner]!, top: likeliest(shares) };
    };
    return {
      index,
      source,
      ...(name === undefined ? {} : { name }),
      label: labels[i]!,
      clean: prediction(result.logits, result.classes[i]!),
      adversarial: prediction(result.logitsAdv, result.classesAdv[i]!),
      correct: result.classes[i] === labels[i],
      success: result.success[i]!,
      ...measure(pixels(x), pixels(result.xAdv), size),
      iterations: result.iterations[i]!,
      forwards: result.forwards[i]!,
      backwards: result.backwards[i]!,
      found: result.found[i]!,
      float: result.float[i]!,
      regionPixels: result.regionPixels[i]!,
      sha256: createHash('sha256').update(image.data).digest('hex'),
      cfr: result.cfr[i]!,
      cfrPixels: result.cfrPixels[i]!,
      trace: traceOf(result.trace[i]!),
      ...(photos[i] ? { photo: photos[i] } : {}),
    };
  });
}

const LIKELIEST = 5;

/** Of equals the first. */
function likeliest(shares: ArrayLike<number>): [number, number][] {
  return Array.from(shares, (share, index): [number, number] => [index, short(share)])
    .sort(([a, x], [b, y]) => y - x || a - b)
    .slice(0, LIKELIEST);
}

/** More points than this no chart shows. */
const MOST_POINTS = 100;

/** @param rows loss and l2 of each step */
function traceOf(rows: Float32Array): Trace {
  const steps = rows.length / 2;
  const every = Math.max(1, Math.ceil(steps / MOST_POINTS));
  const kept = Array.from({ length: Math.ceil(steps / every) }, (_, i) => i * every);
  const value = (at: number) => (Number.isFinite(rows[at]) ? short(rows[at]!) : null);
  return {
    every,
    loss: kept.map((step) => value(2 * step)),
    l2: kept.map((step) => value(2 * step + 1)),
  };
}

/** What a chart can show, in few bytes. */
function short(value: number): number {
  return Number(value.toPrecision(4));
}

async function requireSelfTest(device: Device): Promise<void> {
  const test = await device.firstSelfTest();
  if (test === undefined || test.passed) return;
  const { logitError, gradientError } = test;
  throw new Error(
    `self-test: expected logits and gradients of a small net within 0.2 %, got errors of ${(100 * logitError).toPrecision(2)} % and ` +
      `${(100 * gradientError).toPrecision(2)} % on ${adapterText(device.adapter)}; update its driver, or choose another with CFR_ADAPTER`,
  );
}
