/** What a caller from JavaScript may hand over by mistake: each is one clear error, none is silently accepted. */
import { describe, expect, test } from 'vitest';
import { DeviceLostError, KernelError, ShapeError, UserError } from '../base/errors.js';
import { Graph, type Tensor } from '../engine/graph.js';
import type { Program } from '../engine/program.js';
import { ownEngine, testEngine } from './support/device.js';

const COPY = `@group(0) @binding(0) var<storage, read_write> v: array<f32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) { v[id.x] = 1.0; }`;

type Loose = (graph: Graph, x: Tensor) => unknown;

/** What is refused while tracing; options as JavaScript hands them over. */
const tracing: readonly [name: string, error: new (message: string) => Error, message: string, Loose][] = [
  [
    'dilation',
    UserError,
    'conv2d: expected the options stride, padding, got dilation',
    (graph, x) => graph.conv2d(x, x, undefined, { dilation: 2 } as never),
  ],
  [
    'ceilMode',
    UserError,
    'maxPool2d: expected the options kernel, stride, padding, got ceilMode',
    (graph, x) => graph.maxPool2d(x, { kernel: 2, ceilMode: true } as never),
  ],
  [
    'countIncludePad',
    UserError,
    'avgPool2d: expected the options',
    (graph, x) => graph.avgPool2d(x, { kernel: 2, countIncludePad: false } as never),
  ],
  [
    'transposeC',
    UserError,
    'matmul: expected the options transposeA, transposeB, got transposeC',
    (graph, x) => graph.matmul(x, x, { transposeC: true } as never),
  ],
  [
    'mode',
    UserError,
    'subsamplePad: expected the options',
    (graph, x) => graph.subsamplePad(x, { stride: 2, channels: 8, mode: 1 } as never),
  ],
  [
    'a kernel option',
    UserError,
    'k: expected the options',
    (graph, x) =>
      graph.custom({
        label: 'k',
        shader: { name: 'k', text: COPY },
        reads: [x],
        workgroups: [1, 1, 1],
        read: [],
      } as never),
  ],
  [
    'nine bindings',
    KernelError,
    'k: expected at most 8 tensors bound to one kernel, got 9 (x, x, x, x, x, x, x, x, output 0)',
    (graph, x) =>
      graph.custom({
        ...{ label: 'k', shader: { name: 'k', text: COPY }, workgroups: [1, 1, 1] },
        reads: Array.from({ length: 8 }, () => x),
        outputs: [{ shape: [4] }],
      }),
  ],
  [
    'dtype f16',
    ShapeError,
    'input "h": expected the dtype f32 or u32, got f16',
    (graph) => graph.input('h', [4], 'f16' as never),
  ],
  [
    'two inputs of one name',
    ShapeError,
    'input "x": expected a fresh name',
    (graph) => graph.input('x', [4]),
  ],
  [
    'a variable of an input\u2019s name',
    ShapeError,
    'variable "x": expected a fresh name',
    (graph) => graph.variable('x', [4]),
  ],
];

describe('tracing refuses', () => {
  for (const [name, error, message, trace] of tracing) {
    test(name, () => {
      const graph = new Graph();
      const x = graph.input('x', [1, 4, 8, 8]);
      const traced = () => graph.procedure('main', () => void trace(graph, x));
      expect(traced).toThrow(error);
      expect(traced).toThrow(message);
    });
  }

  test('an async procedure, and outputs that are no tensors', () => {
    const graph = new Graph();
    expect(() => graph.procedure('p', (async () => ({})) as never)).toThrow(
      'procedure "p": expected a function that traces at once, got an async one',
    );
    expect(() => graph.procedure('p', () => ({ y: undefined }) as never)).toThrow(
      'procedure "p": expected tensors of this graph as outputs, got undefined as "y"',
    );
    expect(graph.procedures.size).toBe(0);
  });
});

const running: readonly [name: string, message: string, (program: Program) => Promise<unknown>][] = [
  [
    'a string for a step',
    "run: expected steps ['procedure', times] with a whole number of times, got 'p'",
    (p) => p.run('p' as never),
  ],
  ['negative times', "got ['p', -1]", (p) => p.run(['p', -1])],
  ['fractional times', "got ['p', 1.5]", (p) => p.run(['p', 1.5])],
  ['NaN times', "got ['p', NaN]", (p) => p.run(['p', Number.NaN])],
  ['no times', "got ['p']", (p) => p.run(['p'] as never)],
  ['an unknown procedure', 'expected one of the procedures p, got "q"', (p) => p.run(['p', 1], ['q', 1])],
  ['no steps to time', 'deviceTime: expected a step, got none', (p) => p.deviceTime()],
  ['read(undefined)', 'read: expected a tensor of a graph, got undefined', (p) => p.read(undefined as never)],
  [
    'write(undefined)',
    'write: expected a tensor of a graph, got undefined',
    async (p) => p.write(undefined as never, new Float32Array(4)),
  ],
];

describe('a program refuses', () => {
  for (const [name, message, call] of running) {
    test(name, async () => {
      const engine = await testEngine();
      const graph = new Graph();
      const v = graph.variable('v', [4]);
      graph.procedure(
        'p',
        () =>
          void graph.custom({
            label: 'fill',
            shader: { name: 'fill', text: COPY },
            writes: [v],
            workgroups: [1, 1, 1],
          }),
      );
      const program = await engine.compile(graph);
      await expect(call(program)).rejects.toThrow(message);
      expect([...(await program.read(v))]).toEqual([0, 0, 0, 0]);
      program.destroy();
    });
  }
});

describe('errors have types', () => {
  test('an empty graph is the user\u2019s mistake', async () => {
    const engine = await testEngine();
    await expect(engine.compile(new Graph())).rejects.toThrow(UserError);
  });

  test('WGSL of the caller\u2019s own that does not compile is a KernelError, not internal', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const v = graph.variable('v', [4]);
    const shader = { name: 'own', text: 'no WGSL' };
    graph.procedure(
      'p',
      () => void graph.custom({ label: 'own', shader, writes: [v], workgroups: [1, 1, 1] }),
    );
    const error: unknown = await engine.compile(graph).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KernelError);
    expect((error as Error).message).toMatch(/^kernel own does not compile\nerror 1:1 /);
    expect((error as Error).message).toContain('   1 no WGSL');
  });

  test('a lost device is a DeviceLostError', async () => {
    const engine = await ownEngine({});
    engine.device.destroy();
    await engine.device.lost;
    expect(() => engine.check()).toThrow(DeviceLostError);
  });
});
