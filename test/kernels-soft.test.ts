/**
 * Every variant for software adapters against the f64 references, alone on this machine's adapter: odd sizes, all epilogues, both weight layouts,
 * long sums, operands over many texture rows, poisoned memory. Runs on a GPU too: the kernels are correct there, only slow.
 */
import { describe, expect, test } from 'vitest';
import type { DeviceTraits, Operand, Variant } from '../engine/dispatch.js';
import type {
  ConvInputGradientProblem,
  ConvProblem,
  ConvWeightGradientProblem,
  Epilogue,
  MatmulProblem,
} from '../engine/problem.js';
import { chooseConv } from '../engine/variants/conv.js';
import { softPackedMatmul } from '../engine/variants/soft-matmul.js';
import { softPatchesConv, softPatchesConvInputGradient } from '../engine/variants/soft-patches.js';
import { softConvWeightGradient } from '../engine/variants/soft-weight-gradient.js';
import { softWinograd2, softWinograd4 } from '../engine/variants/soft-winograd.js';
import { conv2d, matmul } from './reference/conv.js';
import { type Nd, nd, sizeOf, windows } from './reference/nd.js';
import { expectClose, nmse } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';
import { cpuTraits } from './support/traits.js';
import { execute } from './support/variant-executor.js';

const plain: Epilogue = { bias: false, residual: false, activation: 'none' };
const biasRelu: Epilogue = { bias: true, residual: false, activation: 'relu' };
const all: Epilogue = { bias: true, residual: true, activation: 'relu' };
const masked: Epilogue = { bias: false, residual: true, activation: 'mask' };

/** The shared device's traits, as a software adapter's, with some replaced. */
async function software(changes: Partial<DeviceTraits> = {}): Promise<DeviceTraits> {
  return { ...(await testEngine()).traits, software: true, ...changes };
}

const withoutSubgroups = { features: new Set<string>(), subgroupSize: 0 };

function random(shape: readonly number[], seed: number): Nd {
  return nd(shape, new Random(seed).normalArray(sizeOf(shape)));
}

/** What the epilogue adds, by operand name, and in the references' order. */
function extras(epilogue: Epilogue, channels: number, output: readonly number[]) {
  const operands: Record<string, Nd> = {};
  if (epilogue.bias) operands.bias = random([channels], 11);
  if (epilogue.residual) operands.residual = random(output, 12);
  if (epilogue.activation === 'mask') operands.mask = random(output, 13);
  return operands;
}

async function run<P, IO extends { readonly output: Operand }>(
  variant: Variant<P, IO>,
  problem: P,
  operands: Record<string, Nd>,
  length: number,
  traits: DeviceTraits,
): Promise<{ values: Float32Array; dispatches: number }> {
  expect(variant.supports(problem, traits), `${variant.name} supports ${JSON.stringify(problem)}`).toBe(true);
  const inputs = Object.fromEntries(
    Object.entries(operands).map(([name, { data }]) => [name, Float32Array.from(data)]),
  );
  const execution = await execute((await testEngine()).device, traits, variant, problem, inputs, length);
  try {
    await execution.run();
    const values = await execution.read();
    await execution.run();
    expect(await execution.read(), 'a second run gives the same bytes').toEqual(values);
    return { values, dispatches: execution.dispatches.length };
  } finally {
    execution.destroy();
  }
}

interface ConvShape {
  readonly x: readonly [n: number, c: number, h: number, w: number];
  readonly o: number;
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly weightLayout?: 'oihw' | 'flipped';
  readonly epilogue?: Epilogue;
}

function problemOf(shape: ConvShape): ConvProblem {
  const { x, o, kernel, stride = [1, 1], padding = [0, 0], weightLayout = 'oihw', epilogue = plain } = shape;
  const [batch, inChannels, inHeight, inWidth] = x;
  const outHeight = windows(inHeight, kernel[0], stride[0], padding[0]);
  const outWidth = windows(inWidth, kernel[1], stride[1], padding[1]);
  return {
    batch,
    inChannels,
    inHeight,
    inWidth,
    outChannels: o,
    outHeight,
    outWidth,
    kernel,
    stride,
    padding,
    weightLayout,
    epilogue,
  };
}

async function checkConv(variant: Variant<ConvProblem, never>, shape: ConvShape, traits?: DeviceTraits) {
  const problem = problemOf(shape);
  const { batch, inChannels, outChannels, kernel, epilogue, weightLayout } = problem;
  const output = [batch, outChannels, problem.outHeight, problem.outWidth];
  const weightShape =
    weightLayout === 'oihw' ? [outChannels, inChannels, ...kernel] : [inChannels, outChannels, ...kernel];
  const operands = {
    input: random(shape.x, 1),
    weight: random(weightShape, 2),
    ...extras(epilogue, outChannels, output),
  };
  const result = await run(variant, problem, operands, sizeOf(output), traits ?? (await software()));
  const expected = conv2d.forward(problem, Object.values(operands));
  expectClose(result.values, expected.data, { nmse: 1e-10, atol: 1e-3, rtol: 1e-3, label: variant.name });
  return { ...result, expected };
}

const anyConv = (variant: unknown) => variant as Variant<ConvProblem, never>;

const threeByThree: readonly ConvShape[] = [
  { x: [1, 1, 1, 1], o: 1, kernel: [3, 3], padding: [1, 1], epilogue: biasRelu },
  { x: [2, 3, 7, 9], o: 5, kernel: [3, 3], padding: [1, 1], epilogue: all },
  { x: [3, 17, 5, 4], o: 9, kernel: [3, 3], padding: [2, 0], weightLayout: 'flipped', epilogue: masked },
  {
    x: [1, 40, 16, 16],
    o: 33,
    kernel: [3, 3],
    padding: [1, 1],
    weightLayout: 'flipped',
    epilogue: { ...masked, bias: true },
  },
  { x: [2, 8, 8, 12], o: 8, kernel: [3, 3], padding: [1, 1], epilogue: all },
  { x: [5, 130, 4, 4], o: 70, kernel: [3, 3], padding: [1, 1], epilogue: biasRelu },
  { x: [1, 9, 3, 2], o: 6, kernel: [3, 3], padding: [0, 2], epilogue: all },
];

describe.each(
  [softWinograd2, softWinograd4, softPatchesConv].map((variant) => [variant.name, anyConv(variant)] as const),
)('conv2d %s, 3x3', (_name, variant) => {
  test.each(threeByThree)('$x -> $o', async (shape) => {
    await checkConv(variant, shape);
  });

  test('without subgroups, with sampled textures', async () => {
    await checkConv(variant, threeByThree[2]!, await software(withoutSubgroups));
    await checkConv(variant, threeByThree[3]!, await software(withoutSubgroups));
    await checkConv(variant, threeByThree[3]!, await software({ samplesTextures: true }));
  });
});

describe('conv2d soft-patches', () => {
  test.each<ConvShape>([
    { x: [2, 3, 9, 7], o: 5, kernel: [3, 3], stride: [2, 2], padding: [1, 1], epilogue: all },
    {
      x: [1, 64, 17, 17],
      o: 70,
      kernel: [1, 1],
      stride: [2, 2],
      epilogue: biasRelu,
      weightLayout: 'flipped',
    },
    { x: [1, 3, 23, 21], o: 17, kernel: [7, 7], stride: [2, 2], padding: [3, 3], epilogue: masked },
    { x: [2, 5, 8, 8], o: 4, kernel: [2, 3], stride: [1, 3], padding: [1, 4], epilogue: biasRelu },
    { x: [1, 330, 15, 16], o: 180, kernel: [1, 1], epilogue: all },
    { x: [1, 300, 4, 4], o: 40, kernel: [3, 3], epilogue: all },
  ])('$x -> $o, kernel $kernel', async (shape) => {
    await checkConv(anyConv(softPatchesConv), shape);
  });
});

test('soft-patches refuses more pixels than its indices and workgroups count', () => {
  const stem = (batch: number) =>
    problemOf({ x: [batch, 3, 224, 224], o: 64, kernel: [7, 7], stride: [2, 2], padding: [3, 3] });
  const device = { ...cpuTraits, limits: { ...cpuTraits.limits, maxTextureDimension2D: 16384 } };
  // 112 x 112 pixels an image, 32 for each workgroup.
  expect(softPatchesConv.supports(stem(167), device)).toBe(true);
  expect(softPatchesConv.supports(stem(168), device)).toBe(false);
});

describe('conv2d soft-patches, few channels', () => {
  test.each<ConvShape>([
    { x: [2, 20, 9, 7], o: 3, kernel: [3, 3], padding: [1, 1], weightLayout: 'flipped', epilogue: all },
    {
      x: [1, 9, 5, 5],
      o: 5,
      kernel: [3, 2],
      stride: [2, 1],
      padding: [2, 0],
      weightLayout: 'flipped',
      epilogue: masked,
    },
    { x: [1, 40, 3, 4], o: 12, kernel: [1, 1], weightLayout: 'flipped', epilogue: biasRelu },
  ])('$x -> $o, kernel $kernel', async (shape) => {
    await checkConv(anyConv(softPatchesConv), shape);
  });
});

describe('conv2d soft-winograd', () => {
  test('cuts the batch where the scratch would not fit', async () => {
    const shape: ConvShape = { x: [4, 8, 16, 16], o: 8, kernel: [3, 3], padding: [1, 1], epilogue: all };
    const { traits } = await testEngine();
    const low = { ...traits.limits, maxStorageBufferBindingSize: 70_000 };
    const whole = await checkConv(anyConv(softWinograd2), shape);
    const cut = await checkConv(anyConv(softWinograd2), shape, await software({ limits: low }));
    expect(cut.dispatches).toBeGreaterThan(whole.dispatches);
    const none = { ...cpuTraits.limits, maxStorageBufferBindingSize: 1000 };
    expect(softWinograd2.supports(problemOf(shape), { ...cpuTraits, limits: none })).toBe(false);
  });

  test('refuses operands that no texture of the device holds', () => {
    const problem = problemOf({ x: [1, 512, 4, 4], o: 512, kernel: [3, 3], padding: [1, 1] });
    const wide = (maxTextureDimension2D: number) => ({
      ...cpuTraits,
      limits: { ...cpuTraits.limits, maxTextureDimension2D },
    });
    expect(softWinograd4.supports(problem, cpuTraits)).toBe(true);
    expect(softWinograd4.supports(problem, wide(100))).toBe(false);
    expect(softPatchesConv.supports(problem, wide(10))).toBe(false);
  });

  test('F(4x4, 3x3) keeps an NMSE of 5e-12 on 256 channels', async () => {
    const { values, expected } = await checkConv(anyConv(softWinograd4), {
      x: [1, 256, 8, 8],
      o: 16,
      kernel: [3, 3],
      padding: [1, 1],
    });
    expect(nmse(values, expected.data)).toBeLessThan(5e-12);
  });

  test('an image does not depend on its neighbours in the batch', async () => {
    const problem = problemOf({ x: [3, 20, 6, 6], o: 12, kernel: [3, 3], padding: [1, 1] });
    const traits = await software();
    const [weight, input] = [random([12, 20, 3, 3], 2), random([3, 20, 6, 6], 1)];
    const length = 3 * 12 * 36;
    const first = await run(anyConv(softWinograd4), problem, { input, weight }, length, traits);
    input.data.fill(1e6, 20 * 36 * 2);
    input.data.fill(-3, 0, 20 * 36);
    const second = await run(anyConv(softWinograd4), problem, { input, weight }, length, traits);
    expect(second.values.subarray(12 * 36, 24 * 36)).toEqual(first.values.subarray(12 * 36, 24 * 36));
  });
});

describe('conv2d input gradient soft-patches', () => {
  test.each<ConvShape>([
    { x: [2, 5, 7, 9], o: 6, kernel: [3, 3], stride: [2, 2], padding: [1, 1], epilogue: masked },
    { x: [1, 20, 8, 8], o: 33, kernel: [1, 1], stride: [2, 2], epilogue: all },
    { x: [1, 3, 20, 18], o: 9, kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
    { x: [1, 4, 11, 11], o: 9, kernel: [5, 5], stride: [3, 3], padding: [1, 1], epilogue: masked },
    { x: [1, 40, 6, 10], o: 80, kernel: [3, 3], stride: [2, 1], padding: [1, 1], epilogue: biasRelu },
    { x: [2, 33, 9, 8], o: 7, kernel: [2, 3], stride: [3, 2], padding: [4, 0], epilogue: all },
    { x: [3, 40, 6, 8], o: 33, kernel: [3, 3], stride: [2, 2], padding: [1, 1], epilogue: masked },
    { x: [1, 70, 5, 12], o: 17, kernel: [1, 1], stride: [2, 2], epilogue: { ...all, activation: 'none' } },
    { x: [1, 33, 7, 4], o: 5, kernel: [5, 4], stride: [1, 2], padding: [2, 3], epilogue: all },
  ])('$x -> $o, kernel $kernel, stride $stride', async (shape) => {
    const { epilogue, ...forward } = problemOf(shape);
    const problem: ConvInputGradientProblem = { ...forward, epilogue };
    const { batch, inChannels, outChannels, kernel } = forward;
    const dy = random([batch, outChannels, forward.outHeight, forward.outWidth], 1);
    const weight = random([outChannels, inChannels, ...kernel], 2);
    const operands = { input: dy, weight, ...extras(epilogue, inChannels, shape.x) };
    const variant = softPatchesConvInputGradient as Variant<ConvInputGradientProblem, never>;
    const { values } = await run(variant, problem, operands, sizeOf(shape.x), await software());
    const attributes = {
      stride: forward.stride,
      padding: forward.padding,
      weightLayout: 'oihw',
      epilogue: plain,
    } as const;
    const [dx] = conv2d.vjp(attributes, [nd(shape.x), weight], dy) as [Nd];
    // A 1x1 convolution by the identity applies the reference's own epilogue to dx.
    const identity = nd([inChannels, inChannels, 1, 1]);
    for (let i = 0; i < inChannels; i++) identity.data[i * inChannels + i] = 1;
    const pass = { stride: [1, 1], padding: [0, 0], weightLayout: 'oihw', epilogue } as const;
    const expected = conv2d.forward(pass, [
      dx,
      identity,
      ...Object.values(extras(epilogue, inChannels, shape.x)),
    ]);
    expectClose(values, expected.data, { nmse: 1e-10, atol: 1e-3, rtol: 1e-3 });
  });
});

describe('conv2d weight gradient soft-product', () => {
  test.each<ConvShape>([
    { x: [2, 5, 7, 9], o: 6, kernel: [3, 3], stride: [2, 1], padding: [1, 2] },
    { x: [3, 17, 5, 3], o: 33, kernel: [1, 1] },
    { x: [1, 3, 17, 15], o: 9, kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
    // Rows of fours, read by windows.
    { x: [3, 5, 6, 8], o: 40, kernel: [3, 3], padding: [1, 1] },
    { x: [2, 3, 4, 12], o: 6, kernel: [2, 5], padding: [0, 4] },
    { x: [2, 4, 5, 8], o: 3, kernel: [3, 3] },
    // Two groups of images.
    { x: [2, 256, 32, 40], o: 2, kernel: [1, 7], padding: [0, 3] },
  ])('$x -> $o, kernel $kernel', async (shape) => {
    const { epilogue: _, weightLayout, ...problem } = problemOf(shape);
    const { inChannels, outChannels, kernel, stride, padding } = problem;
    const [x, dy] = [
      random(shape.x, 1),
      random([problem.batch, outChannels, problem.outHeight, problem.outWidth], 2),
    ];
    const weight = nd([outChannels, inChannels, ...kernel]);
    const variant = softConvWeightGradient as unknown as Variant<ConvWeightGradientProblem, never>;
    const { values, dispatches } = await run(
      variant,
      problem,
      { x, dy },
      sizeOf(weight.shape),
      await software(),
    );
    expect(dispatches).toBe(shape.x[1] === 256 ? 6 : 3);
    const attributes = { stride, padding, weightLayout, epilogue: plain } as const;
    const [, dw] = conv2d.vjp(attributes, [x, weight], dy) as [Nd, Nd];
    expectClose(values, dw.data, { nmse: 1e-10, atol: 1e-3, rtol: 1e-3 });
  });
});

describe('matmul soft-packed', () => {
  test.each<Omit<MatmulProblem, 'epilogue'> & { epilogue?: Epilogue }>([
    { m: 1, n: 1, k: 1, transposeA: false, transposeB: false },
    { m: 5, n: 10, k: 17, transposeA: false, transposeB: true, epilogue: biasRelu },
    { m: 70, n: 33, k: 300, transposeA: true, transposeB: false, epilogue: all },
    { m: 3, n: 200, k: 600, transposeA: true, transposeB: true, epilogue: { ...masked, bias: true } },
    { m: 9, n: 100, k: 5000, transposeA: false, transposeB: true, epilogue: masked },
  ])('$m x $k x $n', async ({ epilogue = plain, ...rest }) => {
    const problem: MatmulProblem = { ...rest, epilogue };
    const { m, n, k } = rest;
    const operands = {
      a: random(rest.transposeA ? [k, m] : [m, k], 1),
      b: random(rest.transposeB ? [n, k] : [k, n], 2),
      ...extras(epilogue, n, [m, n]),
    };
    const variant = softPackedMatmul as Variant<MatmulProblem, never>;
    const { values } = await run(variant, problem, operands, m * n, await software());
    expectClose(values, matmul.forward(problem, Object.values(operands)).data, {
      nmse: 1e-10,
      atol: 1e-3,
      rtol: 1e-3,
    });
  });
});

describe('chooseConv', () => {
  const names = (shape: ConvShape) => chooseConv(problemOf(shape), cpuTraits).name;

  const three = (batch: number, channels: number, extent: number) =>
    names({ x: [batch, channels, extent, extent], o: channels, kernel: [3, 3], padding: [1, 1] });

  test('on software: Winograd where there is something to save, patches for the rest', () => {
    expect(three(8, 64, 32)).toBe('soft-winograd4');
    expect(names({ x: [8, 3, 32, 32], o: 64, kernel: [3, 3], padding: [1, 1] })).toBe('soft-patches');
    expect(names({ x: [8, 64, 32, 32], o: 3, kernel: [3, 3], padding: [1, 1] })).toBe('soft-patches');
    expect(names({ x: [8, 64, 32, 32], o: 128, kernel: [3, 3], stride: [2, 2], padding: [1, 1] })).toBe(
      'soft-patches',
    );
  });

  test('on software: the smaller tile where 4x4 outputs would be mostly padding or weights, patches for a handful of pixels', () => {
    expect(three(8, 512, 4)).toBe('soft-winograd4');
    expect(three(4, 512, 4)).toBe('soft-winograd2');
    expect(three(64, 512, 2)).toBe('soft-winograd2');
    expect(three(1, 256, 8)).toBe('soft-winograd2');
    expect(three(1, 512, 4)).toBe('soft-patches');
  });
});
