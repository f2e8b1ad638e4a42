/** Trains a three-layer CNN of its own on the engine: to tell which colour of a noisy picture is the brightest. Everything here is a piece of `cfr train`. */
import {
  createEngine,
  Graph,
  gradients,
  learned,
  rates,
  readReport,
  reportVariable,
  traceReport,
  traceUpdate,
} from 'cfr-attack';

const [batch, size, steps] = [16, 16, 60];
const rule = { optimiser: 'sgd', momentum: 0.9, nesterov: true, decay: 5e-4 } as const;

const graph = new Graph();
const x = graph.input('x', [batch, 3, size, size]);
const labels = graph.input('labels', [batch], 'u32');
const control = { rates: graph.input('rates', [4]), report: reportVariable(graph) };
const conv1 = learned(graph, 'conv1', [8, 3, 3, 3], rule);
const conv2 = learned(graph, 'conv2', [16, 8, 3, 3], rule);
const head = learned(graph, 'head', [3, 16], rule);
const layers = [conv1, conv2, head];

graph.procedure('step', () => {
  const first = graph.relu(graph.conv2d(x, conv1.weight, undefined, { padding: 1 }));
  const second = graph.relu(
    graph.conv2d(graph.maxPool2d(first, { kernel: 2 }), conv2.weight, undefined, { padding: 1 }),
  );
  const logits = graph.linear(graph.globalAvgPool(second), head.weight);
  const loss = graph.crossEntropy(logits, labels, { smoothing: 0.1 });
  const found = gradients(
    graph.mean(loss),
    layers.map(({ weight }) => weight),
  );
  traceReport(graph, control.report, loss, logits, labels);
  for (const [i, layer] of layers.entries()) traceUpdate(graph, layer, found[i]!, rule, control);
  return undefined;
});

const engine = await createEngine();
const program = await engine.compile(graph);
let state = 1;
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};
for (const { weight } of layers) {
  const count = weight.shape.reduce((a, b) => a * b);
  const bound = Math.sqrt((6 * weight.shape[0]!) / count);
  program.write(
    weight,
    Float32Array.from({ length: count }, () => (2 * random() - 1) * bound),
  );
}
for (let step = 0; step < steps; step++) {
  const classes = Uint32Array.from({ length: batch }, () => Math.floor(3 * random()));
  const plane = (i: number) => Math.floor(i / size ** 2);
  const bright = (i: number) => (plane(i) % 3 === classes[Math.floor(plane(i) / 3)] ? 0.4 : 0);
  program.write(
    x,
    Float32Array.from({ length: batch * 3 * size ** 2 }, (_, i) => bright(i) + 0.6 * random()),
  );
  program.write(labels, classes);
  program.write(control.rates, rates(0.1 * (1 - step / steps), 1, step));
  await program.run(['step', 1]);
}
const report = readReport(await program.read(control.report));
console.log(
  `loss ${report.loss(0).toFixed(2)} -> ${report.loss(steps - 1).toFixed(2)}, ${report.right(steps - 1)} of ${batch} right`,
);
engine.close();
