/** One op alone in a graph, with the shapes it has in a net: what the tuner and the kernel benchmark time. */

import type { Variant } from './dispatch.js';
import type { Engine } from './engine.js';
import { Graph, type Tensor } from './graph.js';
import { lowerGraph } from './lowering.js';
import { ops } from './ops/index.js';
import type { OpRow } from './ops/row.js';
import type { PlanOp } from './passes.js';
import type { Program } from './program.js';
import { sizeOf } from './shape.js';

export interface Trial {
  readonly graph: Graph;
  readonly output: Tensor;
  /** Random values in every input. */
  fill(program: Program): void;
}

/** What the choice of a variant may depend on, as text: the op and its problem. The key of tuning tables. */
export function problemKey(op: string, problem: unknown): string {
  return `${op} ${JSON.stringify(problem)}`;
}

/** Op, attributes and operand shapes as text. */
export function stepKey(step: PlanOp): string {
  return `${step.op} ${JSON.stringify(step.attributes)} ${step.inputs.map(({ shape, source }) => `${shape.join('x')}${source.kind === 'constant' ? 'c' : ''}`).join(' ')}`;
}

/** A procedure `main` that runs the step once; constants stay constants, so that prepared weights are prepared once. */
export function trialGraph(step: PlanOp): Trial {
  const graph = new Graph();
  const { positive = [] } = ops[step.op] as OpRow<unknown>;
  const values = (size: number, i: number) =>
    positive.includes(i) ? noise(size, i).map((value) => value + 1) : noise(size, i);
  const inputs = step.inputs.map((input, i) =>
    input.source.kind === 'constant'
      ? graph.constant(`operand ${i}`, input.shape, values(sizeOf(input.shape), i))
      : graph.input(`operand ${i}`, input.shape, input.dtype),
  );
  let output: Tensor | undefined;
  graph.procedure('main', () => {
    output = graph.op(step.op, step.attributes as never, inputs);
    return { output };
  });
  return {
    graph,
    output: output!,
    fill(program) {
      for (const [i, input] of inputs.entries()) {
        if (input.source.kind !== 'input') continue;
        const size = sizeOf(input.shape);
        program.write(input, input.dtype === 'u32' ? new Uint32Array(size) : values(size, i));
      }
    },
  };
}

/** The f32 variants of the step's op that are worth a try on this device, and its key in a tuning table. */
export function variantsOfTrial(
  engine: Engine,
  step: PlanOp,
): { readonly key?: string; readonly names: readonly string[] } {
  let key: string | undefined;
  let names: string[] = [];
  lowerGraph(
    trialGraph(step).graph,
    engine.traits,
    <P, IO>(op: string, problem: P, variants: readonly Variant<P, IO>[]) => {
      key = problemKey(op, problem);
      names = variants
        .filter(
          (variant) =>
            variant.precision !== 'f16' &&
            !(engine.traits.software && variant.madeFor === 'gpu') &&
            variant.supports(problem, engine.traits),
        )
        .map(({ name }) => name);
      return undefined;
    },
  );
  return key === undefined ? { names } : { key, names };
}

/** Values in [-0.5, 0.5): normal floats everywhere, since denormals would slow a CPU adapter down. */
function noise(size: number, seed: number): Float32Array {
  const values = new Float32Array(size);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 32 - 0.5;
  }
  return values;
}
