/**
 * The tuner: times every variant of an op on the shapes that a graph really has, once per adapter, driver and shape, and keeps the
 * choice in a table. Without a table, or where it is silent, the built-in choices of variants/ hold, so the first run is
 * not slow and a run that must reproduce byte for byte elsewhere can do without.
 */
import type { AdapterSummary } from './adapter.js';
import type { DeviceTraits, Variant } from './dispatch.js';
import type { Engine } from './engine.js';
import type { Graph } from './graph.js';
import type { VariantChoice } from './lowering.js';
import { type PlanOp, plan } from './passes.js';
import { problemKey, stepKey, trialGraph, variantsOfTrial } from './trial.js';

/** What is known of one adapter. */
export interface TuningTable {
  /** Raised when variants change their meaning or their speed; older tables are ignored. */
  readonly version: typeof TUNING_VERSION;
  /** Name and driver of the adapter. */
  readonly adapter: string;
  /** `problemKey` -> name of the fastest variant. */
  readonly choices: Readonly<Record<string, string>>;
}

export const TUNING_VERSION = 2;

export interface TuneProgress {
  readonly done: number;
  readonly total: number;
  readonly label: string;
}

export function emptyTable(adapter: AdapterSummary): TuningTable {
  return { version: TUNING_VERSION, adapter: adapterKey(adapter), choices: {} };
}

export function adapterKey({ name, driver }: AdapterSummary): string {
  return driver && driver !== name ? `${name} / ${driver}` : name;
}

/** Looks choices up in a table; a variant that is not there, does not support the problem or is not f32 leaves the built-in choice. */
export function chooseFrom(table: TuningTable): VariantChoice {
  return <P, IO>(op: string, problem: P, variants: readonly Variant<P, IO>[], device: DeviceTraits) => {
    const name = table.choices[problemKey(op, problem)];
    return variants.find(
      (variant) => variant.name === name && variant.precision !== 'f16' && variant.supports(problem, device),
    );
  };
}

/** Chooses the variant of that name wherever it supports the problem: for tests and trials. */
export function chooseNamed(name: string): VariantChoice {
  return <P, IO>(_: string, problem: P, variants: readonly Variant<P, IO>[], device: DeviceTraits) =>
    variants.find((variant) => variant.name === name && variant.supports(problem, device));
}

/**
 * Times the variants of every op of every procedure of `graph` that the table does not know yet.
 * @returns the table with the new choices
 */
export async function tune(
  engine: Engine,
  graph: Graph,
  table: TuningTable,
  options: { readonly onProgress?: (progress: TuneProgress) => void; readonly milliseconds?: number } = {},
): Promise<TuningTable> {
  const choices: Record<string, string> = { ...table.choices };
  const steps = uniqueSteps(engine, graph).filter((step) => {
    const { key, names } = variantsOfTrial(engine, step);
    return key !== undefined && names.length > 1 && choices[key] === undefined;
  });
  for (const [done, step] of steps.entries()) {
    const { key, names } = variantsOfTrial(engine, step);
    options.onProgress?.({ done, total: steps.length, label: `${step.op} ${step.output.shape.join('x')}` });
    let best: { name: string; time: number } | undefined;
    for (const name of names) {
      const time = await timeVariant(
        engine,
        step,
        name,
        options.milliseconds ?? 60,
        best?.time ?? Number.POSITIVE_INFINITY,
      );
      if (!best || time < best.time) best = { name, time };
    }
    if (key && best) choices[key] = best.name;
  }
  return { ...table, choices };
}

/** The ops of a graph that differ in op, attributes or shapes, each once, after fusion. */
export function uniqueSteps(engine: Engine, graph: Graph): PlanOp[] {
  const steps = new Map<string, PlanOp>();
  for (const procedure of graph.procedures.values()) {
    for (const step of plan(procedure, engine.traits.limits)) {
      if (step.kind === 'op' && step.op !== 'reshape') steps.set(stepKey(step), step);
    }
  }
  return [...steps.values()];
}

/** Milliseconds of one run of the op by that variant; gives up early on one far behind the best. */
async function timeVariant(
  engine: Engine,
  step: PlanOp,
  name: string,
  budget: number,
  best: number,
): Promise<number> {
  const trial = trialGraph(step);
  const program = await engine.compile(trial.graph, chooseNamed(name));
  try {
    trial.fill(program);
    await program.run(['main', 1]);
    const run = async (times: number) => {
      const start = performance.now();
      await program.run(['main', times]);
      return (performance.now() - start) / times;
    };
    const first = await run(1);
    if (first > 4 * best + 5) return first;
    const times = Math.max(1, Math.min(200, Math.round(budget / 3 / first)));
    let fastest = first;
    for (let i = 0; i < 3; i++) fastest = Math.min(fastest, await run(times));
    return fastest;
  } finally {
    program.destroy();
  }
}
