/** How fast a device is at what attacks spend their time on: a convolution, and its gradient towards the input. */
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph } from '../engine/graph.js';

export interface StepTime {
  readonly milliseconds: number;
  /** Billions of multiplications and additions a second, as a direct convolution would count them. */
  readonly gflops: number;
}

const batch = 4;
const channels = 64;
const size = 32;

/** Times a 3x3 convolution of 64 channels at 32x32, forward and backward, batch 4: the best within a second, after a first round. */
export async function timeStep(engine: Engine): Promise<StepTime> {
  const graph = new Graph();
  const x = graph.input('x', [batch, channels, size, size]);
  const data = Float32Array.from({ length: channels * channels * 9 }, (_, i) => Math.sin(i) / 24);
  const weight = graph.constant('weight', [channels, channels, 3, 3], data);
  graph.procedure('step', () => {
    const y = graph.relu(graph.conv2d(x, weight, undefined, { padding: 1 }));
    const [gradient] = gradients(y, [x]);
    return { gradient: gradient! };
  });
  const program = await engine.compile(graph);
  try {
    program.write(
      x,
      Float32Array.from({ length: batch * channels * size * size }, (_, i) => Math.cos(i)),
    );
    let best = Infinity;
    // A driver may compile in the first round, for longer than the second that the others have.
    await program.run(['step', 1]);
    const end = performance.now() + 1000;
    do {
      const start = performance.now();
      await program.run(['step', 1]);
      best = Math.min(best, performance.now() - start);
    } while (performance.now() < end);
    const operations = 2 * (2 * batch * channels * channels * 9 * size * size);
    return { milliseconds: best, gflops: operations / best / 1e6 };
  } finally {
    program.destroy();
  }
}
