/** A three-layer CNN of one's own, trained by a loop of one's own: `docs/training.md` shows this file, `test/training-example.test.ts` runs it. */
import {
  type Engine,
  Graph,
  gradients,
  learned,
  rates,
  readReport,
  reportVariable,
  traceReport,
  traceUpdate,
} from 'cfr-attack';

const shapes = { conv1: [8, 3, 3, 3], conv2: [16, 8, 3, 3], fc: [4, 16] } as const;
const rule = { optimiser: 'sgd', momentum: 0.9, nesterov: true, decay: 5e-4 } as const;

/** @param next pixels [n, 3, 16, 16] in [0, 1] and labels [n] of a step. @returns the losses */
export async function trainCnn(
  engine: Engine,
  n: number,
  steps: number,
  next: (step: number) => [Float32Array, Uint32Array],
) {
  const graph = new Graph();
  const x = graph.input('x', [n, 3, 16, 16]);
  const labels = graph.input('labels', [n], 'u32');
  const control = { rates: graph.input('rates', [4]), report: reportVariable(graph) };
  const layers = Object.entries(shapes).map(([name, shape]) => learned(graph, name, shape, rule));
  const [conv1, conv2, fc] = layers.map(({ weight }) => weight);

  graph.procedure('step', () => {
    const first = graph.maxPool2d(graph.relu(graph.conv2d(x, conv1!, undefined, { padding: 1 })), {
      kernel: 2,
    });
    const second = graph.relu(graph.conv2d(first, conv2!, undefined, { padding: 1 }));
    const logits = graph.linear(graph.globalAvgPool(second), fc!);
    const loss = graph.crossEntropy(logits, labels, { smoothing: 0.1 });
    const found = gradients(graph.mean(loss), [conv1!, conv2!, fc!]);
    traceReport(graph, control.report, loss, logits, labels);
    for (const [i, layer] of layers.entries()) traceUpdate(graph, layer, found[i]!, rule, control);
    return undefined;
  });

  const program = await engine.compile(graph);
  const shape = ({ shape }: { shape: readonly number[] }) => shape.reduce((a, b) => a * b);
  for (const { weight } of layers) {
    const deviation = Math.sqrt(6 / (shape(weight) / weight.shape[0]!));
    program.write(
      weight,
      Float32Array.from({ length: shape(weight) }, () => (2 * Math.random() - 1) * deviation),
    );
  }
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const [pixels, classes] = next(step);
    program.write(x, pixels);
    program.write(labels, classes);
    program.write(control.rates, rates(0.1 * (1 - step / steps), 1, step));
    await program.run(['step', 1]);
    losses.push(readReport(await program.read(control.report)).loss(step));
  }
  return losses;
}
