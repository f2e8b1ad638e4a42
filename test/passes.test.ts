/** What the compiler makes of a traced procedure: dead code gone, epilogues fused, large matrices split. No device. */
import { describe, expect, test } from 'vitest';
import { gradients } from '../engine/autodiff.js';
import { Graph, ShapeError, type Tensor } from '../engine/graph.js';
import { type PlanStep, plan } from '../engine/passes.js';
import type { Epilogue } from '../engine/problem.js';
import copyText from '../shaders/copy.wgsl';
import { shaderSource } from '../shaders/source.js';

const copyShader = shaderSource('copy', copyText);

const limits = { maxStorageBufferBindingSize: 2 ** 27 };

function weights(graph: Graph, ...shape: number[]): Tensor {
  return graph.constant('w', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.1));
}

/** `conv2d+bias+residual+relu`: an op and what was fused into it. */
function name(step: PlanStep): string {
  if (step.kind === 'custom') return step.kernel.label;
  const { epilogue, mask } = step.attributes as { epilogue?: Epilogue; mask?: boolean };
  const parts = epilogue
    ? [
        epilogue.bias && 'bias',
        epilogue.residual && 'residual',
        epilogue.activation !== 'none' && epilogue.activation,
      ]
    : [mask && 'mask'];
  return [step.op, ...parts.filter(Boolean)].join('+');
}

function planOf(trace: (graph: Graph) => Record<string, Tensor>, bounds = limits): string[] {
  const graph = new Graph();
  graph.procedure('main', () => trace(graph));
  return plan(graph.procedures.get('main')!, bounds).map(name);
}

describe('fusion', () => {
  test('a residual block forward is three convolutions', () => {
    const steps = planOf((g) => {
      const x = g.input('x', [1, 4, 8, 8]);
      const a = g.relu(g.conv2d(x, weights(g, 8, 4, 3, 3), weights(g, 8), { padding: 1 }));
      const b = g.conv2d(a, weights(g, 8, 8, 3, 3), weights(g, 8), { padding: 1 });
      const shortcut = g.conv2d(x, weights(g, 8, 4, 1, 1), weights(g, 8));
      return { y: g.relu(g.add(b, shortcut)) };
    });
    expect(steps).toEqual(['conv2d+bias+relu', 'conv2d+bias', 'conv2d+bias+residual+relu']);
  });

  test('its input gradient masks and sums inside the convolutions', () => {
    const steps = planOf((g) => {
      const x = g.relu(g.input('x', [1, 4, 8, 8]));
      const a = g.relu(g.conv2d(x, weights(g, 4, 4, 3, 3), undefined, { padding: 1 }));
      const y = g.relu(g.add(g.conv2d(a, weights(g, 4, 4, 3, 3), undefined, { padding: 1 }), x));
      return { dx: gradients(y, [x])[0]! };
    });
    expect(steps.slice(-3)).toEqual(['reluGradient', 'conv2d+mask', 'conv2d+residual']);
  });

  test('VGG: the ReLU mask goes into the pooling gradient', () => {
    const steps = planOf((g) => {
      const x = g.input('x', [1, 3, 8, 8]);
      const a = g.maxPool2d(g.relu(g.conv2d(x, weights(g, 4, 3, 3, 3), undefined, { padding: 1 })), {
        kernel: 2,
      });
      return { dx: gradients(g.globalAvgPool(a), [x])[0]! };
    });
    expect(steps).toContain('maxPool2dGradient+mask');
    expect(steps).not.toContain('reluGradient');
  });

  test('a value that somebody else needs is not fused away', () => {
    const steps = planOf((g) => {
      const y = g.conv2d(g.input('x', [1, 1, 3, 3]), weights(g, 1, 1, 3, 3));
      return { y, z: g.relu(y) };
    });
    expect(steps).toEqual(['conv2d', 'relu']);
  });

  test('x + x and a second ReLU stay what they are', () => {
    const steps = planOf((g) => {
      const y = g.conv2d(g.input('x', [1, 1, 3, 3]), weights(g, 1, 1, 3, 3));
      return { z: g.relu(g.relu(g.add(y, y))) };
    });
    expect(steps).toEqual(['conv2d', 'add', 'relu', 'relu']);
  });

  test('nothing moves across a kernel that writes a variable', () => {
    const steps = planOf((g) => {
      const v = g.variable('v', [1, 1, 3, 3]);
      const y = g.conv2d(v, weights(g, 1, 1, 3, 3), undefined, { padding: 1 });
      g.assign(v, g.input('x', [1, 1, 3, 3]));
      return { z: g.relu(y) };
    });
    expect(steps).toEqual(['conv2d', 'assign', 'relu']);
  });
});

describe('batch-norm', () => {
  test('of constants disappears into the convolution before it', () => {
    const steps = planOf((g) => {
      const x = g.input('x', [1, 3, 4, 4]);
      const stats = [0, 1, 2, 3].map(() => weights(g, 5)) as [Tensor, Tensor, Tensor, Tensor];
      return { y: g.relu(g.batchNorm(g.conv2d(x, weights(g, 5, 3, 3, 3)), ...stats)) };
    });
    expect(steps).toEqual(['conv2d+bias+relu']);
  });

  test('of anything else stays', () => {
    const steps = planOf((g) => {
      const stats = [0, 1, 2, 3].map(() => weights(g, 3)) as [Tensor, Tensor, Tensor, Tensor];
      return { y: g.batchNorm(g.input('x', [1, 3, 4, 4]), ...stats) };
    });
    expect(steps).toEqual(['batchNorm']);
  });
});

describe('what nobody asked for', () => {
  test('is not computed: no weight gradients, no unused kernels', () => {
    const steps = planOf((g) => {
      const x = g.input('x', [1, 2, 4, 4]);
      const y = g.conv2d(x, weights(g, 2, 2, 3, 3), weights(g, 2));
      g.relu(y);
      g.custom({
        label: 'unused',
        shader: copyShader,
        reads: [y],
        outputs: [{ shape: [3] }],
        workgroups: [1, 1, 1],
      });
      return { dx: gradients(y, [x])[0]! };
    });
    expect(steps).toEqual(['conv2d']);
  });
});

describe('a matrix beyond the binding limit', () => {
  const limit = { maxStorageBufferBindingSize: 4 * 10 * 3 };

  test('is split by rows, forward and gradient', () => {
    const steps = planOf((g) => {
      const x = g.input('x', [2, 10]);
      const y = g.linear(x, weights(g, 7, 10), weights(g, 7));
      return { y, dx: gradients(y, [x])[0]! };
    }, limit);
    expect(steps).toEqual([
      'matmul+bias',
      'matmul+bias',
      'matmul+bias',
      'concatColumns',
      'sliceColumns',
      'matmul',
      'sliceColumns',
      'matmul+residual',
      'sliceColumns',
      'matmul+residual',
    ]);
  });

  test('that is no constant is refused with the sizes', () => {
    expect(() =>
      planOf((g) => ({ y: g.linear(g.input('x', [2, 10]), g.input('w', [7, 10])) }), limit),
    ).toThrow('expected operands of at most 120 bytes on this adapter, got 280');
  });
});

describe('tracing errors', () => {
  const cases: readonly [string, (g: Graph) => Tensor, string][] = [
    [
      'channels',
      (g) => g.conv2d(g.input('x', [1, 3, 8, 8]), weights(g, 4, 2, 3, 3)),
      'expected weight for 3 input channels',
    ],
    [
      'rank',
      (g) => g.conv2d(g.input('x', [3, 8, 8]), weights(g, 4, 3, 3, 3)),
      'expected x [n, c, h, w], got [3, 8, 8]',
    ],
    ['kernel', (g) => g.conv2d(g.input('x', [1, 3, 2, 2]), weights(g, 4, 3, 3, 3)), 'expected kernel <= 2'],
    [
      'bias',
      (g) => g.linear(g.input('x', [2, 3]), weights(g, 4, 3), weights(g, 5)),
      'expected bias [4], got [5]',
    ],
    [
      'inner',
      (g) => g.matmul(g.input('a', [2, 3]), g.input('b', [4, 5])),
      'expected equal inner extents, got 3',
    ],
    ['add', (g) => g.add(g.input('a', [2, 3]), g.input('b', [3, 2])), 'expected b [2, 3], got [3, 2]'],
    [
      'labels',
      (g) => g.crossEntropy(g.input('z', [2, 3]), g.input('y', [2])),
      'expected labels of type u32, got f32',
    ],
    [
      'pool',
      (g) => g.maxPool2d(g.input('x', [1, 1, 4, 4]), { kernel: 2, padding: 2 }),
      'expected padding <= kernel/2',
    ],
    ['reshape', (g) => g.reshape(g.input('x', [2, 3]), [7]), 'expected 6 elements, got [7]'],
    ['constant', (g) => g.constant('c', [2, 2], new Float32Array(3)), 'expected 4 values for [2, 2], got 3'],
    ['shape', (g) => g.input('x', [0, 2]), 'expected a shape of positive integers'],
    [
      'shortcut',
      (g) => g.subsamplePad(g.input('x', [1, 8, 4, 4]), { stride: 2, channels: 4 }),
      'expected at least 8 channels',
    ],
    [
      'cotangent',
      (g) => gradients(g.relu(g.input('x', [2])), [], g.input('c', [3]))[0]!,
      'expected a cotangent [2]',
    ],
  ];
  test.each(cases)('%s', (_, trace, message) => {
    expect(() => planOf((g) => ({ y: trace(g) }))).toThrow(message);
    expect(() => planOf((g) => ({ y: trace(g) }))).toThrow(ShapeError);
  });

  test('ops outside of a procedure, tensors of another procedure, gradients through a kernel', () => {
    const g = new Graph();
    const x = g.input('x', [2]);
    expect(() => g.relu(x)).toThrow('expected to be called inside graph.procedure');
    let inner!: Tensor;
    g.procedure('a', () => {
      inner = g.relu(x);
      return { inner };
    });
    expect(() => g.procedure('b', () => ({ y: g.relu(inner) }))).toThrow(
      'got one of "a"; keep it in a variable',
    );
    expect(() => g.procedure('a', () => ({}))).toThrow('expected a fresh name');
    g.procedure('c', () => {
      const [y] = g.custom({
        label: 'k',
        shader: copyShader,
        reads: [x],
        outputs: [{ shape: [2] }],
        workgroups: [1, 1, 1],
      });
      expect(() => gradients(g.relu(y!), [x])).toThrow('got a custom kernel');
      return {};
    });
  });
});
