/** Products whose matrix exceeds a binding: on a device with an artificially low limit, against the reference and the unsplit device. */
import { expect, test } from 'vitest';
import { gradients } from '../engine/autodiff.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { nd, references } from './reference/references.js';
import { expectClose } from './support/compare.js';
import { ownEngine, testEngine } from './support/device.js';
import { Random } from './support/random.js';

const [N, K, O] = [3, 37, 29];
const random = new Random(11);
const x = random.normalDoubles(N * K, 1);
const w = random.normalDoubles(O * K, 1);
const b = random.normalDoubles(O, 1);
const dy = random.normalDoubles(N * O, 1);

function traced() {
  const graph = new Graph();
  const input = graph.input('x', [N, K]);
  const cotangent = graph.input('dy', [N, O]);
  const out: { y?: Tensor; dx?: Tensor } = {};
  graph.procedure('main', () => {
    const weight = graph.constant('w', [O, K], Float32Array.from(w));
    const y = graph.relu(graph.linear(input, weight, graph.constant('b', [O], Float32Array.from(b))));
    Object.assign(out, { y, dx: gradients(y, [input], cotangent)[0] });
    return { y, dx: out.dx! };
  });
  return { graph, input, cotangent, y: out.y!, dx: out.dx! };
}

test('a linear layer in blocks of rows equals the whole one, forward and gradient', async () => {
  // 7 rows of 37 values fit; 29 rows make five blocks, the last one short.
  const low = await ownEngine({ device: { limits: { maxStorageBufferBindingSize: 7 * K * 4 } } });
  const operands = [nd([N, K], x), nd([O, K], w), nd([O], b)];
  const attributes = {
    transposeA: false,
    transposeB: true,
    epilogue: { bias: true, residual: false, activation: 'relu' as const },
  };
  const expected = references.matmul.forward(attributes, operands);
  const [dx] = references.matmul.vjp(attributes, operands, nd([N, O], dy));
  for (const engine of [low, await testEngine()]) {
    const net = traced();
    const program = await engine.compile(net.graph);
    const products = program
      .dispatches('main')
      .filter((dispatch) => dispatch.op === 'matmul' && dispatch.flops > 0);
    expect(products.length).toBe(engine === low ? 10 : 2);
    program.write(net.input, Float32Array.from(x));
    program.write(net.cotangent, Float32Array.from(dy));
    program.poison();
    await program.run(['main', 1]);
    expectClose(await program.read(net.y), expected.data, { atol: 1e-5, rtol: 1e-5, label: 'y' });
    expectClose(await program.read(net.dx), dx!.data, { atol: 1e-5, rtol: 1e-5, label: 'dx' });
    program.destroy();
  }
});

test('a tensor that no binding can hold is one clear error', async () => {
  const low = await ownEngine({ device: { limits: { maxStorageBufferBindingSize: 1024 } } });
  const graph = new Graph();
  const big = graph.input('pixels', [1, 3, 10, 10]);
  graph.procedure('main', () => ({ y: graph.relu(big) }));
  await expect(low.compile(graph)).rejects.toThrow(
    'pixels: expected at most 1024 bytes in one tensor on this adapter, got 1200; lower the batch',
  );
});
