/**
 * What an attack costs, told from its program without running it: the kernels that count an image's propagations say how many, and the method says
 * how often its procedures run. An image that is done early spends less.
 */

import type { Graph } from '../engine/graph.js';
import type { Model } from '../nets/model.js';
import { traceAttack } from './driver.js';
import type { Method } from './method.js';
import type { AttackSettings } from './traits.js';

/** The settings that are numbers of steps; a method has one of them, or none. */
export const STEP_SETTINGS = ['iterations', 'queries'] as const;
export type StepSetting = (typeof STEP_SETTINGS)[number];

/** The setting that says how many steps a method takes; undefined where none does, or more than one. */
export function stepSetting({ table }: Method): StepSetting | undefined {
  const own = STEP_SETTINGS.filter((name) => name in table);
  return own.length === 1 ? own[0] : undefined;
}

const COUNTED = /SLOT_(?:FORWARDS|BACKWARDS)\] \+= f32\((\w+)\)/g;

/** Forward and backward passes that an image spends at most, without those of its explanation. */
export function propagationsOf(model: Model, method: Method, settings: AttackSettings): number {
  const { frame, traced } = traceAttack(model, method, settings, 1);
  const of = new Map<string, number>();
  const cost = (name: string) => {
    if (!of.has(name)) of.set(name, costOf(frame.graph, name));
    return of.get(name)!;
  };
  return [...traced.steps, ...traced.tail].reduce((sum, [name, times]) => sum + times * cost(name), 0);
}

function costOf(graph: Graph, procedure: string): number {
  let cost = 0;
  for (const { shader, constants } of graph.procedures.get(procedure)!.kernels)
    for (const [, name] of shader.text.matchAll(COUNTED)) cost += Number(constants[name!]);
  return cost;
}

/** How many steps a budget allows. */
export interface Fitted {
  readonly settings: AttackSettings;
  /** Propagations of an image at most. */
  readonly propagations: number;
  /** Whether the budget holds. Where it does not, the settings are those given: no number of steps, or none at all, brings the method within it. */
  readonly fits: boolean;
}

/**
 * The same settings with as many steps as the budget allows.
 * @param given settings as a user says them; a number of steps among them is left as it is
 * @param budget forwards and backwards of an image at most
 * @throws SettingError on bad settings
 */
export function fitToBudget(
  model: Model,
  method: Method,
  given: Readonly<Record<string, unknown>>,
  budget: number,
): Fitted {
  const resolved = (steps?: Readonly<Record<string, number>>) =>
    method.settings({ ...given, ...steps }, model.spec);
  const own = resolved();
  const name = stepSetting(method);
  const asIs = () => {
    const propagations = propagationsOf(model, method, own);
    return { settings: own, propagations, fits: propagations <= budget };
  };
  if (name === undefined || given[name] !== undefined) return asIs();
  const at = (steps: number): Fitted => {
    const settings = resolved({ [name]: steps });
    const propagations = propagationsOf(model, method, settings);
    return { settings, propagations, fits: propagations <= budget };
  };
  let best = at(1);
  if (!best.fits) return asIs();
  // A step costs one propagation or more.
  let [low, high] = [1, Math.min(budget, 10_000)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const tried = at(middle);
    if (tried.fits) [low, best] = [middle, tried];
    else high = middle - 1;
  }
  return best;
}
