/** Results of single images, taken out of a batch's and put together again: what images that leave their batch need. */

import { concatenate } from '../base/concatenate.js';
import type { AttackResult } from './driver.js';
import type { ExplanationResult } from './explain.js';
import type { Method } from './method.js';
import type { AttackSettings } from './traits.js';

/** Does the method make perturbations small, so that nothing is to be found on an image that is wrong already? The others move such images too. */
export function settles(method: Method, settings: AttackSettings): boolean {
  return method.kind(settings) === 'minimal';
}

/** Is X itself the result of an image: the net is wrong on X already, or takes it for the target? */
export function isSettled({ target }: AttackSettings, clean: number, label: number): boolean {
  return target === undefined ? clean !== label : clean === target;
}

/** The result of images that are settled: the attack's own, without its steps. */
export function settledResult(clean: ExplanationResult, x: Float32Array): AttackResult {
  const all = <T>(value: T) => Array.from({ length: clean.count }, () => value);
  return {
    ...clean,
    xAdv: x,
    delta: new Float32Array(x.length),
    logitsAdv: clean.logits,
    classesAdv: clean.classes,
    success: all(false),
    iterations: all(0),
    forwards: all(0),
    backwards: all(0),
    found: all(0),
    float: all(null),
    regionPixels: clean.cfrPixels,
    trace: all(new Float32Array(0)),
  };
}

/** What `result` says of one of its images. */
export function resultOf<T extends ExplanationResult>(result: T, image: number): T {
  const { count } = result;
  return mapped(result, (rows) => {
    const each = rows.length / count;
    return rows.slice(image * each, (image + 1) * each);
  });
}

/** The results of at least one image, in this order, as those of one batch. */
export function joinResults<T extends ExplanationResult>(parts: readonly T[]): T {
  return mapped(parts[0]!, (_, key) => {
    const rows = parts.map((part) => part[key] as Rows);
    if (rows.every(Array.isArray)) return rows.flat();
    const typed = rows as (Float32Array | Uint32Array)[];
    return concatenate(typed[0]!.constructor as typeof Float32Array, typed);
  });
}

/** One row, or as many values, for each image. */
type Rows = Float32Array | Uint32Array | readonly unknown[];

/** `result` with other rows, counted anew. */
function mapped<T extends ExplanationResult>(result: T, rows: (rows: Rows, key: keyof T) => Rows): T {
  const entries = Object.entries(result)
    .filter(([key]) => key !== 'count')
    .map(([key, value]) => [key, rows(value as Rows, key as keyof T)] as const);
  const made = Object.fromEntries(entries) as unknown as T;
  return { ...made, count: made.cfr.length };
}
