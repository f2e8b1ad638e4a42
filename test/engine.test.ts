/** The engine's behaviour as a whole: replay, state, determinism, memory, and failing closed. */
import { describe, expect, test, vi } from 'vitest';
import { OutOfMemoryError } from '../base/errors.js';
import { gradients } from '../engine/autodiff.js';
import type { CustomKernelOptions } from '../engine/graph.js';
import { Graph, type Tensor, type Variable } from '../engine/graph.js';
import { lowerGraph } from '../engine/lowering.js';
import { expectClose } from './support/compare.js';
import { ownEngine, testEngine } from './support/device.js';
import { Random } from './support/random.js';

const DOUBLE = `@group(0) @binding(0) var<storage, read_write> v: array<f32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) { v[id.x] = v[id.x] * 2.0; }`;

function double(variable: Variable): CustomKernelOptions {
  return {
    label: 'double',
    shader: { name: 'double', text: DOUBLE },
    writes: [variable],
    workgroups: [1, 1, 1],
  };
}

function smallNet(batch: number) {
  const graph = new Graph();
  const random = new Random(3);
  const constant = (...shape: number[]) =>
    graph.constant(
      'w',
      shape,
      Float32Array.from(
        random.normalDoubles(
          shape.reduce((a, b) => a * b, 1),
          0.3,
        ),
      ),
    );
  const x = graph.input('x', [batch, 3, 9, 9]);
  const labels = graph.input('labels', [batch], 'u32');
  const out: Record<'logits' | 'dx', Tensor> = {} as never;
  graph.procedure('main', () => {
    const a = graph.relu(graph.conv2d(x, constant(5, 3, 3, 3), constant(5), { padding: 1 }));
    const b = graph.relu(graph.add(graph.conv2d(a, constant(5, 5, 3, 3), constant(5), { padding: 1 }), a));
    out.logits = graph.linear(graph.globalAvgPool(b), constant(4, 5), constant(4));
    out.dx = gradients(graph.crossEntropy(out.logits, labels), [x])[0]!;
    return out;
  });
  return { graph, x, labels, ...out };
}

describe('replay', () => {
  test('procedures run as often as asked, in order, in one submission, and share variables', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const v = graph.variable('v', [4]);
    const x = graph.input('x', [4]);
    graph.procedure('load', () => void graph.assign(v, x));
    graph.procedure('double', () => void graph.custom(double(v)));
    let sum!: Tensor;
    graph.procedure('sum', () => {
      sum = graph.add(v, x);
      return { sum };
    });
    const program = await engine.compile(graph);
    program.write(x, new Float32Array([1, 2, 3, 4]));
    await program.run(['load', 1], ['double', 5], ['sum', 1]);
    expect([...(await program.read(v))]).toEqual([32, 64, 96, 128]);
    expect([...(await program.read(sum))]).toEqual([33, 66, 99, 132]);
    await program.run(['double', 1]);
    expect([...(await program.read(v))]).toEqual([64, 128, 192, 256]);
    program.write(v, new Float32Array(4));
    await program.run(['double', 3], ['sum', 1]);
    expect([...(await program.read(sum))]).toEqual([1, 2, 3, 4]);
    program.destroy();
  });

  test('the same input gives the same bytes, also in another program', async () => {
    const engine = await testEngine();
    const pixels = Float32Array.from(new Random(1).normalDoubles(2 * 3 * 81, 1));
    const results: Float32Array[] = [];
    for (let i = 0; i < 2; i++) {
      const net = smallNet(2);
      const program = await engine.compile(net.graph);
      program.write(net.x, pixels);
      program.write(net.labels, new Uint32Array([1, 3]));
      program.poison();
      await program.run(['main', 1]);
      results.push(await program.read(net.dx));
      await program.run(['main', 2]);
      results.push(await program.read(net.dx));
      program.destroy();
    }
    for (const result of results.slice(1))
      expect(Buffer.from(result.buffer).equals(Buffer.from(results[0]!.buffer))).toBe(true);
    expect(results[0]!.some((value) => value !== 0)).toBe(true);
  });

  test('an image does not feel what shares its batch', async () => {
    const engine = await testEngine();
    const net = smallNet(3);
    const program = await engine.compile(net.graph);
    program.write(net.labels, new Uint32Array([1, 3, 0]));
    const image = Float32Array.from(new Random(2).normalDoubles(243, 1));
    const gradientsOf = async (seed: number) => {
      const batch = Float32Array.from(new Random(seed).normalDoubles(3 * 243, 1));
      batch.set(image, 243);
      program.write(net.x, batch);
      await program.run(['main', 1]);
      return program.read(net.dx);
    };
    const [first, second] = [await gradientsOf(8), await gradientsOf(9)];
    expectClose(first.slice(243, 486), second.slice(243, 486), {});
    expect(first.slice(0, 243)).not.toEqual(second.slice(0, 243));
    program.destroy();
  });
});

describe('memory', () => {
  test('temporaries are shared', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const x = graph.input('x', [1, 4, 32, 32]);
    graph.procedure('main', () => {
      let y = x;
      for (let i = 0; i < 12; i++) y = graph.avgPool2d(y, { kernel: 3, stride: 1, padding: 1 });
      return { y };
    });
    const program = await engine.compile(graph);
    expect(program.memory.temporaries).toBe(2 * 4 * 32 * 32 * 4);
    expect(program.memory.state).toBe(2 * 4 * 32 * 32 * 4);
    program.destroy();
  });

  test('a destroyed program says so', async () => {
    const engine = await testEngine();
    const net = smallNet(1);
    const program = await engine.compile(net.graph);
    program.destroy();
    program.destroy();
    await expect(program.run(['main', 1])).rejects.toThrow('got one already destroyed');
    await expect(program.read(net.dx)).rejects.toThrow('got one already destroyed');
  });
});

describe('failing closed', () => {
  test('wrong data, unknown procedures and unreadable tensors are refused', async () => {
    const engine = await testEngine();
    const net = smallNet(1);
    const program = await engine.compile(net.graph);
    expect(() => program.write(net.x, new Float32Array(3))).toThrow(
      'expected 243 values in a Float32Array, got 3',
    );
    expect(() => program.write(net.labels, new Float32Array(1))).toThrow(
      'Uint32Array, got 1 in a Float32Array',
    );
    expect(() => program.write(net.logits, new Float32Array(4))).toThrow('expected an input or a variable');
    await expect(program.run(['nothing', 1])).rejects.toThrow(
      'expected one of the procedures main, got "nothing"',
    );
    await expect(program.readU32(net.logits)).rejects.toThrow('expected a u32 tensor, got f32');
    program.destroy();
  });

  test('a kernel that does not compile shows the message and its line', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const v = graph.variable('v', [4]);
    graph.procedure('main', () => {
      const shader = { name: 'broken', text: `${DOUBLE}\nfn broken() -> f32 { return 1u; }` };
      graph.custom({ ...double(v), label: 'broken kernel', shader });
      return {};
    });
    await expect(engine.compile(graph)).rejects.toThrow(
      /kernel broken kernel does not compile[\s\S]*3:[\s\S]*3 fn broken/,
    );
  });

  test('of two compilations at once only the broken one fails', async () => {
    const engine = await testEngine();
    let texts = 0;
    const broken = () => {
      const graph = new Graph();
      const v = graph.variable('v', [4]);
      const shader = { name: 'broken', text: `${DOUBLE}\nfn broken${texts++}() -> f32 { return 1u; }` };
      graph.procedure('main', () => void graph.custom({ ...double(v), shader }));
      return graph;
    };
    for (let round = 0; round < 3; round++) {
      const net = smallNet(1 + round);
      const compilations = [engine.compile(broken()), engine.compile(net.graph), engine.compile(broken())];
      const [first, program, last] = await Promise.allSettled(compilations);
      expect([first!.status, last!.status]).toEqual(['rejected', 'rejected']);
      if (program!.status === 'rejected') throw program!.reason;
      await program!.value.run(['main', 1]);
      program!.value.destroy();
    }
  });

  test('a run that fails beside a compilation fails alone', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const v = graph.variable('v', [4]);
    graph.procedure('main', () => void graph.custom({ ...double(v), workgroups: [70000, 1, 1] }));
    const wrong = await engine.compile(graph);
    const [ran, compiled] = await Promise.allSettled([
      wrong.run(['main', 1]),
      engine.compile(smallNet(2).graph),
    ]);
    expect(ran.status).toBe('rejected');
    if (compiled.status === 'rejected') throw compiled.reason;
    compiled.value.destroy();
    wrong.destroy();
  });

  test('a dispatch beyond the limits fails the run instead of leaving garbage', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const v = graph.variable('v', [4]);
    graph.procedure('main', () => void graph.custom({ ...double(v), workgroups: [70000, 1, 1] }));
    const program = await engine.compile(graph);
    await expect(program.run(['main', 1])).rejects.toThrow(/run: .*70000/s);
    program.destroy();
  });

  test('a lost device is one clear error, and so is a closed engine', async () => {
    const engine = await ownEngine({});
    const net = smallNet(1);
    const program = await engine.compile(net.graph);
    engine.device.destroy();
    await engine.device.lost;
    await expect(program.run(['main', 1])).rejects.toThrow(
      /device lost \(destroyed\).*run the same command again/,
    );
    engine.close();
    await expect(engine.compile(new Graph())).rejects.toThrow('got one already closed');
  });
});

describe('weights in a variable', () => {
  test('are prepared once for all uses in a procedure, and again after a kernel has written them', async () => {
    const engine = await testEngine();
    const random = new Random(12);
    const [pixels, values] = [random.normalArray(8 * 64), random.normalArray(32 * 64)];
    const resultsOf = async (weigh: (graph: Graph) => Tensor, write: boolean) => {
      const graph = new Graph();
      const x = graph.input('x', [8, 64]);
      const w = weigh(graph);
      const outputs: Record<string, Tensor> = {};
      graph.procedure('main', () => {
        outputs.first = graph.linear(x, w);
        outputs.second = graph.linear(graph.relu(x), w);
        if (write) {
          const text = DOUBLE.replace('workgroup_size(4)', 'workgroup_size(64)');
          graph.custom({
            ...double(w as Variable),
            shader: { name: 'double', text },
            workgroups: [32, 1, 1],
          });
        }
        outputs.third = graph.linear(x, w);
        return outputs;
      });
      const program = await engine.compile(graph);
      program.write(x, pixels);
      if (w.source.kind === 'variable') program.write(w, values);
      program.poison();
      await program.run(['main', 1]);
      const results = [];
      for (const output of Object.values(outputs)) results.push(await program.read(output));
      const packs = program
        .dispatches('main')
        .filter(
          ({ bindings }) => bindings.some(({ operand }) => operand.label === 'w') && bindings.length === 2,
        );
      program.destroy();
      return { results, packs: packs.length };
    };
    const constant = await resultsOf((graph) => graph.constant('w', [32, 64], values), false);
    const fixed = await resultsOf((graph) => graph.variable('w', [32, 64]), false);
    const written = await resultsOf((graph) => graph.variable('w', [32, 64]), true);
    for (const [i, result] of fixed.results.entries()) expect(result).toEqual(constant.results[i]);
    expect(written.results.slice(0, 2)).toEqual(constant.results.slice(0, 2));
    expect(written.results[2]).toEqual(constant.results[2]!.map((value) => 2 * value));
    // Only the kernels of CPU adapters pack their operands.
    if (engine.traits.software) expect([constant.packs, fixed.packs, written.packs]).toEqual([0, 1, 2]);
  });
});

describe('repeated procedures', () => {
  test('prepare a variable that they do not write once a run, and its new values in the next', async () => {
    const engine = await testEngine();
    const graph = new Graph();
    const random = new Random(13);
    const [pixels, values] = [random.normalArray(8 * 64), random.normalArray(64 * 64)];
    const [x, w] = [graph.variable('x', [8, 64]), graph.variable('w', [64, 64])];
    graph.procedure('main', () => void graph.assign(x, graph.relu(graph.linear(graph.linear(x, w), w))));
    const program = await engine.compile(graph);
    const after = async (weights: Float32Array, ...steps: (readonly [string, number])[]) => {
      program.write(x, pixels);
      program.write(w, weights);
      program.poison();
      const encoded = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups');
      await program.run(...steps);
      const dispatches = encoded.mock.calls.length;
      encoded.mockRestore();
      return { result: await program.read(x), dispatches };
    };
    const together = await after(values, ['main', 3]);
    const apart = await after(values, ['main', 1], ['main', 1], ['main', 1]);
    expect(together.result).toEqual(apart.result);
    const halves = values.map((value) => value / 2);
    const next = await after(halves, ['main', 3]);
    expect(next.result).toEqual((await after(halves, ['main', 1], ['main', 2])).result);
    expect(next.result).not.toEqual(together.result);
    program.destroy();
    if (engine.traits.software) expect(apart.dispatches - together.dispatches).toBe(2);
  });
});

describe('limits', () => {
  test('of bindings are held for built-in kernels, by the device', async () => {
    const { traits } = await testEngine();
    const graph = new Graph();
    const [a, b] = [graph.input('a', [4]), graph.input('b', [4])];
    graph.procedure('main', () => ({ y: graph.add(a, b) }));
    const lower = (most: number) =>
      lowerGraph(
        graph,
        { ...traits, limits: { ...traits.limits, maxStorageBuffersPerShaderStage: most } },
        () => undefined,
      );
    expect(lower(3).procedures[0]!.dispatches).toHaveLength(1);
    expect(() => lower(2)).toThrow(
      /add.*: expected at most 2 storage buffers bound to one kernel on this adapter, got 3/,
    );
  });

  test('of memory: what does not fit is an OutOfMemoryError, and the engine goes on', async () => {
    const engine = await ownEngine({});
    const most = 1 << 20;
    const scopes: { filter: GPUErrorFilter; full: boolean }[] = [];
    const { device } = engine;
    const [push, pop, create] = [
      device.pushErrorScope.bind(device),
      device.popErrorScope.bind(device),
      device.createBuffer.bind(device),
    ];
    vi.spyOn(device, 'pushErrorScope').mockImplementation((filter) => {
      scopes.push({ filter, full: false });
      return push(filter);
    });
    vi.spyOn(device, 'popErrorScope').mockImplementation(async () => {
      const scope = scopes.pop();
      const error = await pop();
      return scope?.full ? new GPUOutOfMemoryError('no memory of the test') : error;
    });
    vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
      const scope = scopes.filter(({ filter }) => filter === 'out-of-memory').at(-1);
      if (descriptor.size > most && scope) scope.full = true;
      return create(descriptor);
    });
    const sum = (count: number) => {
      const graph = new Graph();
      const x = graph.input('x', [count]);
      graph.procedure('main', () => ({ y: graph.add(x, x) }));
      return engine.compile(graph);
    };
    await expect(sum(most)).rejects.toThrow(OutOfMemoryError);
    await expect(sum(most)).rejects.toThrow('compile: the device is out of memory; lower the batch');
    expect(engine.memory).toEqual({ constants: 0, temporaries: 0, state: 0 });
    const program = await sum(16);
    await program.run(['main', 1]);
    program.destroy();
  });
});

describe('precision', () => {
  test('f16 is used only where asked for, and errs as f16 does', async ({ skip }) => {
    const exact = await testEngine();
    skip(!exact.traits.features.has('shader-f16'), 'the adapter has no shader-f16');
    const half = await ownEngine({ precision: 'f16' });
    const pixels = Float32Array.from(new Random(4).normalDoubles(243, 1));
    const logitsOf = async (engine: typeof half) => {
      const net = smallNet(1);
      const program = await engine.compile(net.graph);
      program.write(net.x, pixels);
      program.write(net.labels, new Uint32Array(1));
      await program.run(['main', 1]);
      const rounded = program.dispatches('main').filter(({ label }) => label.includes('f16')).length;
      const logits = await program.read(net.logits);
      program.destroy();
      return { logits, rounded };
    };
    const [expected, actual] = [await logitsOf(exact), await logitsOf(half)];
    expect(expected.rounded).toBe(0);
    expect(actual.rounded).toBeGreaterThan(0);
    expectClose(actual.logits, expected.logits, { nmse: 1e-5 });
    expect(actual.logits).not.toEqual(expected.logits);
  });
});

test('variables and inputs are zero at first, whatever the memory held before', async () => {
  const engine = await testEngine();
  const zeros = new Float32Array(4096);
  for (let round = 0; round < 4; round++) {
    const graph = new Graph();
    const x = graph.input('x', [4096]);
    const kept = graph.variable('kept', [4096]);
    let sum: Tensor | undefined;
    graph.procedure('main', () => {
      sum = graph.add(x, kept);
      return { sum };
    });
    const program = await engine.compile(graph);
    expect(await program.read(kept)).toEqual(zeros);
    await program.run(['main', 1]);
    expect(await program.read(sum!)).toEqual(zeros);
    program.write(
      x,
      zeros.map((_, i) => i),
    );
    program.write(
      kept,
      zeros.map((_, i) => -i),
    );
    program.destroy();
  }
});

describe('profile', () => {
  test('has a row per dispatch, in order, with durations', async ({ skip }) => {
    const engine = await testEngine();
    skip(!engine.traits.features.has('timestamp-query'), 'the adapter has no timestamp-query');
    const net = smallNet(2);
    const program = await engine.compile(net.graph);
    const rows = await program.profile('main');
    expect(rows.map(({ label }) => label)).toEqual(program.dispatches('main').map(({ label }) => label));
    expect(rows.every(({ duration, start }) => duration >= 0 && start >= 0)).toBe(true);
    expect(rows.reduce((sum, { duration }) => sum + duration, 0)).toBeGreaterThan(0);
    program.destroy();
  });

  test('the device’s time is that of a run, and less than the host’s', async ({ skip }) => {
    const engine = await testEngine();
    skip(!engine.traits.features.has('timestamp-query'), 'the adapter has no timestamp-query');
    const graph = new Graph();
    const count = graph.variable('count', [1]);
    const one = graph.constant('one', [1], Float32Array.of(1));
    graph.procedure('add', () => {
      graph.assign(count, graph.add(count, one));
      return undefined;
    });
    const program = await engine.compile(graph);
    await program.run(['add', 1]);
    const started = performance.now();
    const few = await program.deviceTime(['add', 2], ['add', 1]);
    const many = await program.deviceTime(['add', 300], ['add', 1]);
    expect(few + many).toBeLessThan(performance.now() - started);
    expect(few).toBeGreaterThan(0);
    expect(many).toBeGreaterThan(few);
    expect([...(await program.read(count))]).toEqual([305]);
    program.destroy();
  });
});
