/** Problems for the tiled variants, with f64 results, and the check of a variant on them; see kernels-tiled.test.ts. */
import { expect } from 'vitest';
import type { Variant } from '../engine/dispatch.js';
import { Graph } from '../engine/graph.js';
import type { VariantChoice } from '../engine/lowering.js';
import type { Epilogue } from '../engine/problem.js';
import { type Nd, nd, sizeOf, windows } from './reference/nd.js';
import { references } from './reference/references.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';

export const plain: Epilogue = { bias: false, residual: false, activation: 'none' };
const all: Epilogue = { bias: true, residual: true, activation: 'relu' };
export const masked: Epilogue = { bias: true, residual: true, activation: 'mask' };
const biasRelu: Epilogue = { bias: true, residual: false, activation: 'relu' };

type Pair = readonly [number, number];
type Op = 'conv2d' | 'conv2dInputGradient' | 'matmul';

function random(shape: readonly number[], seed: number): Nd {
  const generator = new Random(seed);
  return nd(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => generator.uniform(-1, 1)),
  );
}

/** Values of the operands that an epilogue adds. */
function extras(epilogue: Epilogue, channels: number, output: readonly number[], seed: number): Nd[] {
  return [
    ...(epilogue.bias ? [random([channels], seed)] : []),
    ...(epilogue.residual ? [random(output, seed + 1)] : []),
    ...(epilogue.activation === 'mask' ? [random(output, seed + 2)] : []),
  ];
}

export interface Case {
  readonly op: Op;
  readonly attributes: object;
  readonly inputs: readonly Nd[];
  readonly expected: Nd;
}

interface ConvShape {
  readonly x: readonly [n: number, c: number, h: number, w: number];
  readonly o: number;
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly flipped?: boolean;
  readonly epilogue?: Epilogue;
}

function convCase({
  x,
  o,
  kernel,
  stride = [1, 1],
  padding = [0, 0],
  flipped = false,
  epilogue = plain,
}: ConvShape): Case {
  const [n, c, h, w] = x;
  const y = [
    n,
    o,
    windows(h, kernel[0], stride[0], padding[0]),
    windows(w, kernel[1], stride[1], padding[1]),
  ];
  const attributes = { stride, padding, weightLayout: flipped ? 'flipped' : 'oihw', epilogue } as const;
  const weight = flipped ? [c, o, ...kernel] : [o, c, ...kernel];
  const inputs = [random(x, 1), random(weight, 2), ...extras(epilogue, o, y, 3)];
  return { op: 'conv2d', attributes, inputs, expected: references.conv2d.forward(attributes, inputs) };
}

/** The forward convolution's shapes; the epilogue is that of the gradient and applies to dx. */
function gradientCase({
  x,
  o,
  kernel,
  stride = [1, 1],
  padding = [0, 0],
  epilogue = plain,
}: ConvShape): Case {
  const [n, c, h, w] = x;
  const y = [
    n,
    o,
    windows(h, kernel[0], stride[0], padding[0]),
    windows(w, kernel[1], stride[1], padding[1]),
  ];
  const forward = { stride, padding, weightLayout: 'oihw', epilogue: plain } as const;
  const [dy, weight] = [random(y, 1), random([o, c, ...kernel], 2)];
  const [dx] = references.conv2d.vjp(forward, [random(x, 0), weight], dy) as [Nd];
  const rest = extras(epilogue, c, x, 3);
  // A 1x1 convolution with the identity hands dx to the reference's own epilogue.
  const identity = nd([c, c, 1, 1]);
  for (let i = 0; i < c; i++) identity.data[i * c + i] = 1;
  const pass = { stride: [1, 1], padding: [0, 0], weightLayout: 'oihw', epilogue } as const;
  return {
    op: 'conv2dInputGradient',
    attributes: { stride, padding, inputShape: x, epilogue },
    inputs: [dy, weight, ...rest],
    expected: references.conv2d.forward(pass, [dx, identity, ...rest]),
  };
}

function matmulCase(m: number, k: number, n: number, transposes: string, epilogue: Epilogue = plain): Case {
  const [transposeA, transposeB] = [transposes.includes('a'), transposes.includes('b')];
  const attributes = { transposeA, transposeB, epilogue };
  const inputs = [
    random(transposeA ? [k, m] : [m, k], 1),
    random(transposeB ? [n, k] : [k, n], 2),
    ...extras(epilogue, n, [m, n], 3),
  ];
  return { op: 'matmul', attributes, inputs, expected: references.matmul.forward(attributes, inputs) };
}

export type AnyVariant = Variant<never, never>;

/**
 * Sums of some hundred terms of magnitude 1. f16 has 11 bits. F(4x4) subtracts numbers several times larger than their difference:
 * about twice the error of a plain sum at single outputs (measured: max-abs 6e-5, NMSE 1e-12, for outputs of deviation 4).
 */
function toleranceOf(variant: string) {
  if (variant.endsWith('f16')) return { atol: 0.05, nmse: 1e-6 };
  return { atol: variant.endsWith('winograd4') ? 1e-4 : 3e-5, rtol: 2e-5, nmse: 1e-11 };
}

/**
 * Runs cases with a variant, all compiled together, and compares each.
 * @param refusals what it means that the variant does not support a case on this adapter
 * @returns how many cases it supports
 */
export async function check(
  variant: AnyVariant,
  cases: readonly Case[],
  refusals: 'fail' | 'skip' = 'fail',
): Promise<number> {
  const engine = await testEngine();
  const graph = new Graph();
  const traced = cases.map(({ op, attributes, inputs }, at) => {
    // The weight is a constant, as in a net: packed copies are made at compile time.
    const tensors = inputs.map((input, i) =>
      i === 1
        ? graph.constant(`weight ${at}`, input.shape, Float32Array.from(input.data))
        : graph.input(`operand ${at}.${i}`, input.shape),
    );
    graph.procedure(`case ${at}`, () => ({ y: graph.op(op, attributes as never, tensors) }));
    return { tensors, y: graph.procedures.get(`case ${at}`)!.outputs.y! };
  });
  const choose = ((_: string, problem: never) =>
    variant.supports(problem, engine.traits) ? variant : undefined) as unknown as VariantChoice;
  const program = await engine.compile(graph, choose);
  try {
    for (const [at, { inputs }] of cases.entries()) {
      for (const [i, input] of inputs.entries())
        if (i !== 1) program.write(traced[at]!.tensors[i]!, Float32Array.from(input.data));
    }
    let checked = 0;
    for (const [at, { expected, attributes }] of cases.entries()) {
      const { label } = program.dispatches(`case ${at}`)[0]!;
      if (refusals === 'skip' && !label.includes(variant.name)) continue;
      expect(label).toContain(variant.name);
      program.poison();
      await program.run([`case ${at}`, 1]);
      const tolerance = toleranceOf(variant.name);
      const what = `${variant.name} ${JSON.stringify(attributes)} to [${expected.shape.join(', ')}]`;
      expectClose({ data: await program.read(traced[at]!.y), shape: expected.shape }, expected, {
        ...tolerance,
        label: what,
      });
      checked++;
    }
    return checked;
  } finally {
    program.destroy();
  }
}

const one: Pair = [1, 1];
const two: Pair = [2, 2];
const three: Pair = [3, 3];

export const convCases = {
  stem: convCase({
    x: [2, 3, 17, 15],
    o: 33,
    kernel: [7, 7],
    stride: two,
    padding: three,
    epilogue: biasRelu,
  }),
  block: convCase({ x: [3, 17, 9, 7], o: 70, kernel: three, padding: one }),
  // By four pixels; channels that no tile divides.
  pointwise: convCase({ x: [2, 20, 6, 6], o: 35, kernel: one, epilogue: masked }),
  flipped: convCase({
    x: [1, 21, 6, 5],
    o: 18,
    kernel: [3, 2],
    padding: [2, 1],
    flipped: true,
  }),
  padded: convCase({ x: [1, 4, 5, 5], o: 3, kernel: one, padding: one }),
  // Few pixels, long sums: split.
  tiny: convCase({ x: [3, 128, 2, 2], o: 40, kernel: three, padding: one, epilogue: all }),
  winograd: convCase({ x: [2, 5, 9, 6], o: 7, kernel: three, padding: one, epilogue: all }),
  winogradFlipped: convCase({
    x: [1, 6, 5, 4],
    o: 3,
    kernel: three,
    padding: two,
    flipped: true,
    epilogue: masked,
  }),
};

export const gradientCases = {
  block: gradientCase({ x: [2, 19, 9, 8], o: 21, kernel: three, stride: two, padding: one }),
  stem: gradientCase({
    x: [1, 3, 11, 11],
    o: 17,
    kernel: [7, 7],
    stride: two,
    padding: three,
    epilogue: all,
  }),
  // Three of four phases meet no tap at all.
  shortcut: gradientCase({ x: [2, 5, 7, 8], o: 18, kernel: one, stride: two, epilogue: masked }),
  // Unequal strides, padding beyond the kernel's half, rows of the input that no window reaches.
  uneven: gradientCase({ x: [1, 4, 9, 5], o: 5, kernel: [2, 5], stride: [3, 2], padding: [1, 4] }),
  tiny: gradientCase({ x: [1, 20, 4, 4], o: 128, kernel: three, stride: two, padding: one, epilogue: all }),
};

export const matmulCases = {
  odd: matmulCase(37, 21, 35, 'ab'),
  plain: matmulCase(33, 20, 17, '', masked),
  // Vectors on every side.
  even: matmulCase(36, 18, 40, 'a', all),
  linear: matmulCase(34, 17, 36, 'b', biasRelu),
  single: matmulCase(1, 1, 1, ''),
  long: matmulCase(5, 300, 7, '', all),
  longTurned: matmulCase(5, 300, 8, 'ab', masked),
  // Few rows: by four terms or not, b along either axis.
  row: matmulCase(1, 260, 10, 'b', biasRelu),
  rows: matmulCase(9, 37, 21, 'b', all),
  rowsTurned: matmulCase(2, 40, 37, 'ab', masked),
  rowsByFour: matmulCase(2, 33, 36, ''),
  rowsApart: matmulCase(3, 19, 35, 'a'),
};
