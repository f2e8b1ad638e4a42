/** The adapter's own ceilings, measured there and then: what every kernel's share refers to. */

import { flatGrid } from '../engine/dispatch.js';
import type { Engine } from '../engine/engine.js';
import { Graph } from '../engine/graph.js';
import benchCopyText from '../shaders/bench_copy.wgsl';
import benchFmaText from '../shaders/bench_fma.wgsl';
import { shaderSource } from '../shaders/source.js';
import { timeProcedure } from './timing.js';

const benchFmaShader = shaderSource('bench_fma', benchFmaText);
const benchCopyShader = shaderSource('bench_copy', benchCopyText);

export interface Ceilings {
  /** Multiply-adds in registers, counted 2 each, f32. */
  readonly fmaGflops: number;
  /** Read plus written. */
  readonly copyGBs: number;
}

export async function measureCeilings(engine: Engine): Promise<Ceilings> {
  const { software } = engine.traits;
  const invocations = software ? 64 * 64 : 64 * 8192;
  const rounds = software ? 4000 : 2000;
  const vectors = software ? 1 << 20 : 1 << 22;
  const grid = flatGrid(vectors);
  const graph = new Graph();
  const sums = graph.variable('sums', [invocations]);
  const from = graph.variable('from', [vectors * 4]);
  const to = graph.variable('to', [vectors * 4]);
  graph.procedure('fma', () => {
    graph.custom({
      label: 'bench/fma',
      shader: benchFmaShader,
      constants: { ROUNDS: rounds, COUNT: invocations },
      writes: [sums],
      workgroups: [invocations / 64, 1, 1],
    });
    return {};
  });
  graph.procedure('copy', () => {
    graph.custom({
      label: 'bench/copy',
      shader: benchCopyShader,
      constants: { COUNT: vectors, ROW: grid.row },
      reads: [from],
      writes: [to],
      workgroups: grid.workgroups,
    });
    return {};
  });
  const program = await engine.compile(graph);
  try {
    const fma = await timeProcedure(program, 'fma');
    const copy = await timeProcedure(program, 'copy');
    return {
      fmaGflops: (invocations * rounds * 16 * 2) / fma.min / 1e6,
      copyGBs: (vectors * 32) / copy.min / 1e6,
    };
  } finally {
    program.destroy();
  }
}
