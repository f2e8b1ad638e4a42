/** Results that stand in the memory of their residual: every family of kernels gives the bytes that it gives beside it, and only what nothing else needs is overwritten. */
import { describe, expect, test } from 'vitest';
import { Graph, type Tensor } from '../engine/graph.js';
import type { Program } from '../engine/program.js';
import { chooseNamed } from '../engine/tuner.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

const epilogue = { bias: false, residual: true, activation: 'none' } as const;
const windows = { kernel: [3, 3], padding: [1, 1] } as const;

/** An op with a residual, which `run` makes by a ReLU. */
interface Case {
  readonly shape: readonly number[];
  readonly variants: readonly string[];
  build(graph: Graph, residual: Tensor): Tensor;
}

const constant = (graph: Graph, name: string, shape: readonly number[]) =>
  graph.constant(
    name,
    shape,
    Float32Array.from(new Random(name.length).normalArray(shape.reduce((a, b) => a * b))),
  );

const cases: Readonly<Record<string, Case>> = {
  conv2d: {
    shape: [2, 40, 8, 8],
    variants: [
      'naive',
      'soft-winograd4',
      'soft-winograd2',
      'soft-patches',
      'tiled-64x64',
      'tiled-32x32-split',
      'tiled-winograd2',
    ],
    build: (graph, residual) =>
      graph.op('conv2d', { ...windows, stride: [1, 1], weightLayout: 'oihw', epilogue }, [
        graph.input('input', [2, 36, 8, 8]),
        constant(graph, 'weight', [40, 36, 3, 3]),
        residual,
      ]),
  },
  conv2dInputGradient: {
    shape: [2, 40, 8, 8],
    variants: ['naive', 'soft-patches', 'tiled-64x64'],
    build: (graph, residual) =>
      graph.op(
        'conv2dInputGradient',
        { stride: [2, 2], padding: [1, 1], inputShape: [2, 40, 8, 8], epilogue },
        [graph.input('input', [2, 36, 4, 4]), constant(graph, 'weight', [36, 40, 3, 3]), residual],
      ),
  },
  matmul: {
    shape: [9, 33],
    variants: ['naive', 'soft-packed', 'tiled-gemv', 'tiled-32x32'],
    build: (graph, residual) =>
      graph.op('matmul', { transposeA: false, transposeB: false, epilogue }, [
        graph.input('input', [9, 70]),
        constant(graph, 'weight', [70, 33]),
        residual,
      ]),
  },
};

/** The op on random values, and whether its last dispatch writes what the ReLU wrote. */
async function run({ shape, build }: Case, variant: string, keep: boolean) {
  const graph = new Graph();
  const source = graph.input('source', shape);
  let result: Tensor | undefined;
  let input: Tensor | undefined;
  graph.procedure('main', () => {
    const residual = graph.relu(source);
    const y = build(graph, residual);
    [input] = y.source.kind === 'op' ? y.source.inputs : [];
    // Not the procedure's own output, which has memory of its own.
    result = graph.relu(graph.reshape(graph.add(y, y), [shape.reduce((a, b) => a * b)]));
    return keep ? { result, residual } : { result };
  });
  const program: Program = await (await testEngine()).compile(graph, chooseNamed(variant));
  try {
    const random = new Random(7);
    for (const tensor of [source, input!])
      program.write(tensor, Float32Array.from(random.normalArray(tensor.shape.reduce((a, b) => a * b))));
    program.poison();
    await program.run(['main', 2]);
    const dispatches = program.dispatches('main');
    const written = (op: string) =>
      dispatches
        .filter((dispatch) => dispatch.op === op)
        .at(-1)!
        .bindings.find(({ access }) => access === 'write')!.operand;
    const op = dispatches.find((dispatch) => dispatch.op in cases)!;
    return {
      values: await program.read(result!),
      variant: op.label.split('/')[1],
      overwrites:
        written(op.op) === dispatches.find((dispatch) => dispatch.op === 'relu')!.bindings.at(-1)!.operand,
    };
  } finally {
    program.destroy();
  }
}

describe.each(Object.entries(cases))('%s', (_, each) => {
  test.each(each.variants)('%s', async (variant) => {
    const kept = await run(each, variant, true);
    expect(kept).toMatchObject({ variant, overwrites: false });
    const overwritten = await run(each, variant, false);
    expect(overwritten).toMatchObject({ variant, overwrites: true });
    expect(overwritten.values).toEqual(kept.values);
    const naive = await run(each, 'naive', true);
    expectClose(overwritten.values, naive.values, { nmse: 1e-9, atol: 1e-3, rtol: 1e-3 });
  });
});

test('a residual that is read again is not overwritten', async () => {
  const twice: Case = {
    ...cases.matmul!,
    build: (graph, residual) => graph.add(cases.matmul!.build(graph, residual), residual),
  };
  const graph = new Graph();
  const source = graph.input('source', twice.shape);
  graph.procedure('main', () => ({
    result: graph.relu(graph.reshape(twice.build(graph, graph.relu(source)), [9 * 33])),
  }));
  const program = await (await testEngine()).compile(graph, chooseNamed('naive'));
  const [relu, product] = program.dispatches('main');
  expect(product!.op).toBe('matmul');
  expect(
    product!.bindings.some(
      ({ operand, access }) => access === 'write' && operand === relu!.bindings.at(-1)!.operand,
    ),
  ).toBe(false);
  program.destroy();
});
