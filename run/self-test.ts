/**
 * Proof that a device computes gradients right before anything is attacked with it: drivers exist that return zero or wrong
 * gradients without an error. A small net's logits and input gradient on the device are held against a plain f64 forward pass
 * here and its central differences, which share no code with the engine.
 */
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph } from '../engine/graph.js';

export interface SelfTest {
  readonly passed: boolean;
  /** Largest deviation of the logits, relative to the largest logit. */
  readonly logitError: number;
  /** Largest deviation of the checked input gradients, relative to the largest of them. */
  readonly gradientError: number;
}

/** Far above f32 rounding through four layers, far below any wrong index, sign or missing term. */
const tolerance = 2e-3;

const batch = 2;
const size = 12;
const classes = 5;
const layers = { first: { in: 3, out: 8, stride: 1 }, second: { in: 8, out: 16, stride: 2 } } as const;
const flat = layers.second.out * (size / 4) ** 2;

const results = new WeakMap<Engine, Promise<SelfTest>>();

/** Runs once per engine; later calls get the first result. */
export function selfTest(engine: Engine): Promise<SelfTest> {
  const known = results.get(engine);
  if (known) return known;
  const result = check(engine);
  results.set(engine, result);
  return result;
}

async function check(engine: Engine): Promise<SelfTest> {
  const random = generator(20240917);
  const values = (count: number, scale: number) =>
    Float32Array.from({ length: count }, () => (random() * 2 - 1) * scale);
  const net: Net = {
    first: values(layers.first.out * layers.first.in * 9, 0.6),
    firstBias: values(layers.first.out, 0.1),
    second: values(layers.second.out * layers.second.in * 9, 0.4),
    secondBias: values(layers.second.out, 0.1),
    head: values(classes * flat, 0.3),
    headBias: values(classes, 0.1),
  };
  const pixels = Float32Array.from({ length: batch * 3 * size * size }, () => random());
  const labels = Uint32Array.from([1, 3]);
  // The device compiles while the reference is computed here.
  const running = onDevice(engine, net, pixels, labels);

  const perImage = 3 * size * size;
  const expectedLogits: number[] = [];
  const expectedGradient = new Map<number, number>();
  const step = 1e-5;
  for (let image = 0; image < batch; image++) {
    const x = Float64Array.from(pixels.subarray(image * perImage, (image + 1) * perImage));
    const label = labels[image]!;
    expectedLogits.push(...forward(net, x));
    // A stride coprime to the extents visits corners, edges and all channels.
    for (let pixel = 0; pixel < perImage; pixel += 11) {
      const middle = x[pixel]!;
      x[pixel] = middle + step;
      const above = crossEntropy(forward(net, x), label);
      x[pixel] = middle - step;
      const below = crossEntropy(forward(net, x), label);
      x[pixel] = middle;
      expectedGradient.set(image * perImage + pixel, (above - below) / (2 * step));
    }
  }
  const device = await running;
  const logitError = relativeError(expectedLogits.map((host, i) => ({ host, device: device.logits[i]! })));
  const gradientError = relativeError(
    [...expectedGradient].map(([at, host]) => ({ host, device: device.gradient[at]! })),
  );
  return { passed: logitError <= tolerance && gradientError <= tolerance, logitError, gradientError };
}

interface Net {
  readonly first: Float32Array;
  readonly firstBias: Float32Array;
  readonly second: Float32Array;
  readonly secondBias: Float32Array;
  readonly head: Float32Array;
  readonly headBias: Float32Array;
}

async function onDevice(engine: Engine, net: Net, pixels: Float32Array, labels: Uint32Array) {
  const graph = new Graph();
  const x = graph.input('x', [batch, 3, size, size]);
  const y = graph.input('labels', [batch], 'u32');
  const weight = (name: string, of: { out: number; in: number }, data: Float32Array) =>
    graph.constant(name, [of.out, of.in, 3, 3], data);
  const first = weight('first.weight', layers.first, net.first);
  const second = weight('second.weight', layers.second, net.second);
  const firstBias = graph.constant('first.bias', [layers.first.out], net.firstBias);
  const secondBias = graph.constant('second.bias', [layers.second.out], net.secondBias);
  const head = graph.constant('head.weight', [classes, flat], net.head);
  const headBias = graph.constant('head.bias', [classes], net.headBias);
  const outputs: { logits?: ReturnType<Graph['relu']>; gradient?: ReturnType<Graph['relu']> } = {};
  graph.procedure('self-test', () => {
    let h = graph.relu(graph.conv2d(x, first, firstBias, { padding: 1 }));
    h = graph.relu(graph.conv2d(h, second, secondBias, { padding: 1, stride: 2 }));
    h = graph.maxPool2d(h, { kernel: 2 });
    const logits = graph.linear(graph.flatten(h), head, headBias);
    const [gradient] = gradients(graph.crossEntropy(logits, y), [x]);
    outputs.logits = logits;
    outputs.gradient = gradient!;
    return { logits, gradient: gradient! };
  });
  const program = await engine.compile(graph);
  try {
    program.write(x, pixels);
    program.write(y, labels);
    await program.run(['self-test', 1]);
    return { logits: await program.read(outputs.logits!), gradient: await program.read(outputs.gradient!) };
  } finally {
    program.destroy();
  }
}

/** Logits of one image [3, size, size], in f64. */
function forward(net: Net, x: Float64Array): number[] {
  const half = size / 2;
  const a = conv(x, 3, size, net.first, net.firstBias, layers.first.out, 1);
  const b = conv(a, layers.first.out, size, net.second, net.secondBias, layers.second.out, 2);
  const pooled: number[] = [];
  for (let c = 0; c < layers.second.out; c++) {
    for (let row = 0; row < half; row += 2) {
      for (let column = 0; column < half; column += 2) {
        const at = (c * half + row) * half + column;
        pooled.push(Math.max(b[at]!, b[at + 1]!, b[at + half]!, b[at + half + 1]!));
      }
    }
  }
  return Array.from({ length: classes }, (_, k) => {
    let sum = net.headBias[k]!;
    for (let i = 0; i < flat; i++) sum += net.head[k * flat + i]! * pooled[i]!;
    return sum;
  });
}

/** 3x3 convolution with padding 1 and ReLU: x [channels, extent, extent] -> [out, extent/stride, extent/stride]. */
function conv(
  x: Float64Array,
  channels: number,
  extent: number,
  weight: Float32Array,
  bias: Float32Array,
  out: number,
  stride: number,
): Float64Array {
  const result = extent / stride;
  const y = new Float64Array(out * result * result);
  for (let o = 0; o < out; o++) {
    for (let row = 0; row < result; row++) {
      for (let column = 0; column < result; column++) {
        let sum = bias[o]!;
        for (let c = 0; c < channels; c++) {
          for (let r = 0; r < 3; r++) {
            const inputRow = row * stride + r - 1;
            if (inputRow < 0 || inputRow >= extent) continue;
            for (let s = 0; s < 3; s++) {
              const inputColumn = column * stride + s - 1;
              if (inputColumn < 0 || inputColumn >= extent) continue;
              sum +=
                x[(c * extent + inputRow) * extent + inputColumn]! *
                weight[((o * channels + c) * 3 + r) * 3 + s]!;
            }
          }
        }
        y[(o * result + row) * result + column] = Math.max(sum, 0);
      }
    }
  }
  return y;
}

function crossEntropy(logits: readonly number[], label: number): number {
  const top = Math.max(...logits);
  return top + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0)) - logits[label]!;
}

/** Infinity where the device gave NaN: a comparison with NaN must not pass. */
function relativeError(pairs: readonly { device: number; host: number }[]): number {
  const scale = Math.max(...pairs.map(({ host }) => Math.abs(host)));
  let worst = 0;
  for (const { device, host } of pairs) {
    const error = Math.abs(device - host) / scale;
    worst = error >= worst ? error : Number.isNaN(error) ? Infinity : worst;
  }
  return worst;
}

/** Uniform in [0,1), 24 bits; a small LCG is enough for test weights and has no dependencies. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}
