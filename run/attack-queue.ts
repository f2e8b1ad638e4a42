/**
 * Images on their way through an attack. Those that need none leave before it, and others take their places, so that no step is spent on them:
 * on a net that is right on 86 % of its images, or on a robust one that is right on half, that is the share of the time that is saved. What an image gets
 * does not depend on its neighbours, and results come out in the order of arrival.
 */

import { checkFinite } from '../attack/classifier.js';
import type { Attack, AttackResult } from '../attack/driver.js';
import type { ExplanationResult } from '../attack/explain.js';
import { isSettled, joinResults, resultOf, settledResult, settles } from '../attack/results.js';
import type { Model } from '../nets/model.js';
import type { Batch, Tick } from './over-batches.js';
import type { Picture } from './source.js';

/** A batch with what came of it. */
export interface AttackedBatch extends Batch {
  readonly labels: Uint32Array;
  readonly result: AttackResult;
}

interface Entry {
  readonly picture: Picture;
  /** [1, 3, h, w] */
  readonly x: Float32Array;
  readonly label: number;
  readonly clean: ExplanationResult | undefined;
  result: AttackResult | undefined;
}

export class AttackQueue {
  readonly #attack: Attack;
  readonly #model: Model;
  /** In the order of arrival. */
  #entries: Entry[] = [];

  constructor(attack: Attack, model: Model) {
    this.#attack = attack;
    this.#model = model;
  }

  /** Images that arrived and were not taken yet. */
  get waiting(): readonly Picture[] {
    return this.#entries.map(({ picture }) => picture);
  }

  /** @throws Error if the net gives no numbers for an image */
  async add({ pictures, x }: Batch, labels: Uint32Array): Promise<void> {
    const { method, settings } = this.#attack;
    // The net's own prediction is never wrong, and the other modes move every image.
    const screens = settles(method, settings) && pictures.some(({ label }) => label !== null);
    const clean = screens ? await this.#attack.explain(x, labels) : undefined;
    if (clean) checkFinite(clean.logits, this.#model, x);
    const each = x.length / pictures.length;
    for (const [i, picture] of pictures.entries()) {
      const own = clean && resultOf(clean, i);
      const pixels = x.subarray(i * each, (i + 1) * each);
      const settled = own !== undefined && isSettled(settings, own.classes[0]!, labels[i]!);
      this.#entries.push({
        picture,
        x: pixels,
        label: labels[i]!,
        clean: own,
        result: settled ? settledResult(own, pixels) : undefined,
      });
    }
  }

  /** Attacks as many full batches as wait. @returns the images that are finished, up to the first that is not; undefined if there are none */
  attack(tick: Tick, signal: AbortSignal): Promise<AttackedBatch | undefined> {
    return this.#attackWhile((waiting) => waiting >= this.#attack.batch, tick, signal);
  }

  /** Attacks all that wait. @returns the images that are left */
  finish(tick: Tick, signal: AbortSignal): Promise<AttackedBatch | undefined> {
    return this.#attackWhile((waiting) => waiting > 0, tick, signal);
  }

  async #attackWhile(
    enough: (waiting: number) => boolean,
    tick: Tick,
    signal: AbortSignal,
  ): Promise<AttackedBatch | undefined> {
    let done = 0;
    for (;;) {
      const waiting = this.#entries.filter(({ result }) => result === undefined);
      if (!enough(waiting.length)) return this.#take();
      const entries = waiting.slice(0, this.#attack.batch);
      const { pictures, x, labels } = stacked(entries);
      const clean = entries.map((entry) => entry.clean).filter((one) => one !== undefined);
      const result = await this.#attack.run(x, labels, {
        indices: pictures.map((picture) => picture.index),
        explanation: clean.length === entries.length ? joinResults(clean) : undefined,
        onProgress: (step, steps) => tick(done + (entries.length * step) / steps),
        signal,
      });
      checkFinite(result.logits, this.#model, x);
      checkFinite(result.logitsAdv, this.#model, result.xAdv);
      for (const [i, entry] of entries.entries()) entry.result = resultOf(result, i);
      done += entries.length;
    }
  }

  #take(): AttackedBatch | undefined {
    const open = this.#entries.findIndex(({ result }) => result === undefined);
    const finished = this.#entries.splice(0, open < 0 ? this.#entries.length : open);
    if (finished.length === 0) return undefined;
    return { ...stacked(finished), result: joinResults(finished.map(({ result }) => result!)) };
  }
}

function stacked(entries: readonly Entry[]): Omit<AttackedBatch, 'result'> {
  const each = entries[0]!.x.length;
  const x = new Float32Array(entries.length * each);
  for (const [i, entry] of entries.entries()) x.set(entry.x, i * each);
  return {
    pictures: entries.map(({ picture }) => picture),
    x,
    labels: Uint32Array.from(entries, ({ label }) => label),
  };
}
