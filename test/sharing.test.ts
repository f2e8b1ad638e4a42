/** A net's weights are on the device once, whatever the number of programs that use them, and for as long as one does. */
import { expect, test, vi } from 'vitest';
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, parameter, type Tensor } from '../engine/graph.js';
import type { Program } from '../engine/program.js';
import { initialiseModel } from '../nets/initialise.js';
import { forward, type Model } from '../nets/model.js';
import { makeSpec } from '../nets/spec.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

const PIXELS = new Random(5).uniformArray(3 * 32 * 32);

function traced(model: Model) {
  const graph = new Graph();
  const x = graph.input('x', [1, 3, 32, 32]);
  let logits!: Tensor;
  graph.procedure('main', () => {
    logits = forward(graph, model, x).logits;
    return { logits };
  });
  return { graph, x, logits };
}

async function compiled(engine: Engine, model: Model) {
  const net = traced(model);
  return { ...net, program: await engine.compile(net.graph) };
}

async function logitsOf({ program, x, logits }: { program: Program; x: Tensor; logits: Tensor }) {
  program.write(x, PIXELS);
  program.poison();
  await program.run(['main', 1]);
  return program.read(logits);
}

/** Bytes uploaded, and how often constants are prepared, while `work` runs. */
async function watched<T>(engine: Engine, work: () => Promise<T>) {
  const writes = vi.spyOn(engine.device.queue, 'writeBuffer');
  const encoders = vi.spyOn(engine.device, 'createCommandEncoder');
  try {
    const result = await work();
    const bytes = writes.mock.calls.reduce(
      (sum, [, , data]) => sum + (data as ArrayBufferView).byteLength,
      0,
    );
    return {
      result,
      bytes,
      preparations: encoders.mock.calls.filter(([d]) => d?.label === 'prepare').length,
    };
  } finally {
    writes.mockRestore();
    encoders.mockRestore();
  }
}

test('two programs of a net have its weights once, and the second neither uploads nor prepares them', async () => {
  const engine = await testEngine();
  const model = initialiseModel(makeSpec('resnet18', { form: 'cifar', classes: 10 }), 3);
  expect(engine.memory).toEqual({ constants: 0, temporaries: 0, state: 0 });
  const first = await watched(engine, () => compiled(engine, model));
  const weights = engine.memory.constants;
  expect(weights).toBe(first.result.program.memory.constants);
  expect(first.bytes).toBeGreaterThan(40e6);
  expect(first.preparations).toBe(1);

  const second = await watched(engine, () => compiled(engine, model));
  expect(second.bytes).toBeLessThan(1e5);
  expect(second.preparations).toBe(0);
  expect(second.result.program.memory.constants).toBe(weights);
  expect(engine.memory.constants).toBe(weights);

  const expected = await logitsOf(first.result);
  expect(await logitsOf(second.result)).toEqual(expected);
  first.result.program.destroy();
  expect(engine.memory.constants).toBe(weights);
  expect(await logitsOf(second.result)).toEqual(expected);
  second.result.program.destroy();
  expect(engine.memory).toEqual({ constants: 0, temporaries: 0, state: 0 });
});

/** x times a parameter, and the gradient of a sum, which wants the matrix prepared another way. */
function product(weight: ReturnType<typeof parameter>) {
  const graph = new Graph();
  const x = graph.input('x', [8, 64]);
  let y!: Tensor;
  let dx!: Tensor;
  graph.procedure('main', () => {
    y = graph.linear(x, graph.constant('w', [32, 64], weight));
    dx = gradients(graph.crossEntropy(y, graph.input('labels', [8], 'u32')), [x])[0]!;
    return { y, dx };
  });
  return { graph, x, y, dx };
}

test('programs that are compiled at the same time share too, also with one that fails', async () => {
  const engine = await testEngine();
  const random = new Random(9);
  const values = random.normalArray(32 * 64);
  const x = random.normalArray(8 * 64);
  const resultsOf = async (net: ReturnType<typeof product>, program: Program) => {
    program.write(net.x, x);
    program.poison();
    await program.run(['main', 1]);
    return [await program.read(net.y), await program.read(net.dx)] as const;
  };
  const alone = product(parameter('w', [32, 64], values));
  const lonely = await engine.compile(alone.graph);
  const expected = await resultsOf(alone, lonely);
  lonely.destroy();

  const weight = parameter('w', [32, 64], values);
  const broken = product(weight);
  broken.graph.procedure('broken', () => {
    const shader = { name: 'broken', text: 'not WGSL at all' };
    const v = broken.graph.variable('v', [4]);
    broken.graph.custom({ label: 'broken', shader, writes: [v], workgroups: [1, 1, 1] });
    return undefined;
  });
  const nets = [product(weight), product(weight)] as const;
  const outcomes = await Promise.allSettled([
    engine.compile(broken.graph),
    engine.compile(nets[0].graph),
    engine.compile(nets[1].graph),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  const programs = outcomes.slice(1).map((outcome) => (outcome as PromiseFulfilledResult<Program>).value);
  for (const [i, net] of nets.entries()) {
    for (const [at, result] of (await resultsOf(net, programs[i]!)).entries())
      expectClose(result, expected[at]!, { nmse: 0 });
    programs[i]!.destroy();
  }
  expect(engine.memory.constants).toBe(0);
});

test('a parameter has one shape, and is one tensor of a graph', () => {
  const graph = new Graph();
  const weight = parameter('w', [2, 3], new Float32Array(6));
  expect(graph.constant('w', [2, 3], weight)).toBe(graph.constant('w', [2, 3], weight));
  expect(() => graph.constant('w', [3, 2], weight)).toThrow('expected a parameter [3, 2], got one [2, 3]');
  expect(() => parameter('w', [2, 3], new Float32Array(5)).values()).toThrow(
    'expected 6 values for [2, 3], got 5',
  );
});
