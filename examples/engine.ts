import { createEngine, Graph, gradients, type Tensor } from 'cfr-attack/engine';

const graph = new Graph();
const x = graph.input('x', [1, 3, 8, 8]);
const labels = graph.input('labels', [1], 'u32');
const weight = graph.constant(
  'weight',
  [10, 3, 3, 3],
  Float32Array.from({ length: 270 }, (_, i) => Math.sin(i)),
);
let dx: Tensor | undefined;
graph.procedure('step', () => {
  const logits = graph.globalAvgPool(graph.relu(graph.conv2d(x, weight, undefined, { padding: 1 })));
  [dx] = gradients(graph.crossEntropy(logits, labels), [x]);
  return { dx: dx! };
});

const engine = await createEngine();
const program = await engine.compile(graph);
program.write(x, new Float32Array(3 * 8 * 8).fill(0.5));
program.write(labels, Uint32Array.of(3));
await program.run(['step', 1]);
const gradient = await program.read(dx!);
console.log(`gradient of ${gradient.length} pixels, norm ${Math.hypot(...gradient).toFixed(4)}`);
engine.close();
