/**
 * The tiled variants (the kernels meant for real GPUs) against the f64 references, on this machine's adapter: odd sizes around the tiles, all
 * epilogues, both weight layouts, poisoned buffers. Each variant is forced by name. Compiling a kernel takes a software adapter
 * seconds, so this is every tile and every path of each shader once; test/slow/kernels-tiled.test.ts runs every variant on every case.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { DeviceTraits, Dispatch, Lowering, Operand, Variant } from '../engine/dispatch.js';
import { Graph, type Tensor } from '../engine/graph.js';
import type { ConvProblem } from '../engine/problem.js';
import { expandShader } from '../engine/template.js';
import { chooseNamed } from '../engine/tuner.js';
import { chooseTiledConv, tiledConvVariants } from '../engine/variants/tiled-conv.js';
import {
  chooseTiledConvInputGradient,
  tiledConvInputGradientVariants,
} from '../engine/variants/tiled-conv-gradient.js';
import { chooseTiledMatmul, tiledMatmulVariants } from '../engine/variants/tiled-matmul.js';
import { subgroupMatrixVariants } from '../engine/variants/tiled-subgroup-matrix.js';
import { nd, references } from './reference/references.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { Random } from './support/random.js';
import {
  type AnyVariant,
  type Case,
  check,
  convCases,
  gradientCases,
  masked,
  matmulCases,
  plain,
} from './tiled-cases.js';

type Named = readonly { readonly name: string }[];

function checkEach(variants: Named, cases: Readonly<Record<string, readonly Case[]>>): void {
  for (const [name, own] of Object.entries(cases)) {
    test(name, async (context) => {
      const variant = variants.find((candidate) => candidate.name === name);
      expect(variant, name).toBeDefined();
      const optional = name === 'tiled-f16';
      const checked = await check(variant as AnyVariant, own, optional ? 'skip' : 'fail');
      if (optional && checked === 0) context.skip();
    });
  }
}

describe('conv2d weight gradient', () => {
  test.each([
    { x: [2, 5, 7, 9], o: 6, kernel: [3, 3], stride: [2, 1], padding: [1, 2] },
    { x: [3, 17, 5, 3], o: 33, kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
    // The sum split over workgroups, with a share left over.
    { x: [3, 3, 17, 15], o: 9, kernel: [5, 5], stride: [1, 1], padding: [2, 2] },
  ] as const)('$x -> $o, kernel $kernel', async ({ x: shape, o, kernel, stride, padding }) => {
    const random = new Random(1);
    const [n, c, h, w] = shape;
    const extent = (at: 0 | 1, size: number) =>
      Math.floor((size + 2 * padding[at] - kernel[at]) / stride[at]) + 1;
    const outputs = [n, o, extent(0, h), extent(1, w)];
    const values = (of: readonly number[]) => nd(of, random.normalDoubles(of.reduce((a, b) => a * b)));
    const [x, dy] = [values(shape), values(outputs)];
    const attributes = { stride, padding, weightLayout: 'oihw', epilogue: plain } as const;
    const [, dw] = references.conv2d.vjp(attributes, [x, nd([o, c, ...kernel])], dy);
    const graph = new Graph();
    const [a, b] = [graph.input('x', shape), graph.input('dy', outputs)];
    let made: Tensor | undefined;
    graph.procedure('main', () => {
      made = graph.op('conv2dWeightGradient', { kernel, stride, padding }, [a, b]);
      return { made };
    });
    const program = await (await testEngine()).compile(graph, chooseNamed('tiled'));
    program.write(a, Float32Array.from(x.data));
    program.write(b, Float32Array.from(dy.data));
    program.poison();
    await program.run(['main', 1]);
    expect(program.dispatches('main').length).toBe(kernel[0] === 5 ? 2 : 1);
    expect(program.dispatches('main')[0]!.label).toBe('conv2dWeightGradient/tiled');
    expectClose(await program.read(made!), dw!.data, { nmse: 1e-11, atol: 1e-4, rtol: 1e-4 });
    program.destroy();
  });
});

describe('conv2d', () => {
  const { stem, block, pointwise, flipped, tiny, winograd, winogradFlipped } = convCases;
  checkEach(tiledConvVariants, {
    'tiled-128x128': [block],
    'tiled-128x64': [block],
    'tiled-64x128': [block],
    'tiled-64x64': [block],
    'tiled-64x32': [block],
    'tiled-32x64': [block],
    'tiled-32x32': [stem, pointwise, flipped],
    'tiled-16x128': [block],
    'tiled-64x64-split': [tiny],
    'tiled-winograd2': [winograd],
    'tiled-winograd4': [winogradFlipped],
    'tiled-f16': [pointwise],
  });
});

describe('conv2dInputGradient', () => {
  const { block, stem, shortcut, uneven, tiny } = gradientCases;
  checkEach(tiledConvInputGradientVariants, {
    'tiled-64x64': [block],
    'tiled-32x32': [stem, shortcut, uneven],
    'tiled-32x32-split': [tiny],
    'tiled-f16': [tiny],
  });
});

describe('matmul', () => {
  const { odd, even, linear, long, longTurned, row, rows, rowsTurned, rowsByFour, rowsApart } = matmulCases;
  checkEach(tiledMatmulVariants, {
    'tiled-128x128': [odd],
    'tiled-32x32': [matmulCases.plain, even, linear],
    'tiled-32x32-split': [long],
    'tiled-64x64-split': [longTurned],
    'tiled-gemv': [row, rows, rowsTurned, rowsByFour, rowsApart],
    'tiled-f16': [linear],
  });
});

/** The dispatches of a lowering on a made-up device, without a GPU. */
function lowered<P, IO>(variant: Variant<P, IO>, problem: P, io: IO, device: DeviceTraits): Dispatch[] {
  const dispatches: Dispatch[] = [];
  let id = 100;
  const operand = (label: string, bytes: number): Operand => ({ id: id++, label, bytes, form: 'buffer' });
  const ctx: Lowering = {
    device,
    scratch: operand,
    prepared: (_, key, bytes, build) => {
      const target = operand(key, bytes);
      dispatches.push(...build(target));
      return target;
    },
    emit: (dispatch) => void dispatches.push(dispatch),
    pick: (_op, _problem, _variants, fallback) => fallback,
  };
  variant.lower(problem, io, ctx);
  return dispatches;
}

/** An H100 as far as the choice looks at it. */
const gpu: DeviceTraits = {
  software: false,
  features: new Set(['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix']),
  limits: {
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxTextureDimension2D: 8192,
    maxBufferSize: 2 ** 32,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupStorageSize: 49152,
    maxComputeWorkgroupsPerDimension: 65535,
  },
  samplesTextures: false,
  subgroupSize: 32,
  subgroupMatrixConfigs: [
    { componentType: 'f16', resultComponentType: 'f16', M: 16, N: 16, K: 16 },
    { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 },
    { componentType: 'f32', resultComponentType: 'f32', M: 8, N: 8, K: 8 },
  ],
};

describe('the choice for an unmeasured GPU', () => {
  const conv = (batch: number, channels: number, size: number): ConvProblem => ({
    batch,
    inChannels: channels,
    inHeight: size,
    inWidth: size,
    outChannels: channels,
    outHeight: size,
    outWidth: size,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    weightLayout: 'oihw',
    epilogue: plain,
  });
  const half = { inHeight: 8, inWidth: 8, stride: [2, 2] } as const;
  const product = (m: number, k: number, n: number) => ({
    m,
    n,
    k,
    transposeA: false,
    transposeB: true,
    epilogue: plain,
  });

  test('splits small images, not large ones', () => {
    for (const [batch, size] of [
      [1, 4],
      [8, 4],
      [1, 2],
      [8, 2],
    ] as const) {
      expect(chooseTiledConv(conv(batch, 512, size), gpu)!.name).toMatch(/-split$/);
    }
    expect(chooseTiledConvInputGradient({ ...conv(1, 512, 4), ...half }, gpu)!.name).toMatch(/-split$/);
    expect(chooseTiledConv(conv(32, 64, 56), gpu)!.name).not.toMatch(/-split$/);
  });

  test('takes large tiles for large products, rows for few rows', () => {
    expect(chooseTiledMatmul(product(4096, 4096, 4096), gpu)!.name).toBe('tiled-128x128');
    expect(chooseTiledMatmul(product(8, 25088, 4096), gpu)!.name).toBe('tiled-gemv');
  });

  test('never changes the numbers: no f16, no tensor cores', () => {
    for (const m of [1, 20, 64, 500])
      expect(chooseTiledMatmul(product(m, 512, 1000), gpu)!.name).not.toMatch(/f16|matrix/);
    for (const size of [1, 7, 56])
      expect(chooseTiledConv(conv(2, 64, size), gpu)!.name).not.toMatch(/f16|winograd/);
  });

  test('stays within low limits, and gives up where nothing fits', () => {
    const low = {
      ...gpu,
      limits: {
        ...gpu.limits,
        maxComputeWorkgroupStorageSize: 16384,
        maxComputeInvocationsPerWorkgroup: 128,
      },
    };
    expect(chooseTiledConv(conv(32, 256, 56), low)!.name).toMatch(/^tiled-(64x32|32x64|32x32)$/);
    const none = { ...gpu, limits: { ...gpu.limits, maxComputeInvocationsPerWorkgroup: 32 } };
    expect(chooseTiledConv(conv(1, 64, 8), none)).toBeUndefined();
    expect(chooseTiledMatmul(product(1, 64, 8), none)).toBeUndefined();
  });
});

describe('subgroup matrices', () => {
  const problem = { m: 65, n: 70, k: 33, transposeA: false, transposeB: true, epilogue: masked };

  test('need the feature and a fitting shape', () => {
    for (const variant of subgroupMatrixVariants) {
      expect(variant.supports(problem, gpu)).toBe(true);
      expect(variant.supports(problem, { ...gpu, features: new Set(['shader-f16']) })).toBe(false);
      expect(variant.supports(problem, { ...gpu, subgroupSize: 0 })).toBe(false);
      expect(variant.supports(problem, { ...gpu, subgroupMatrixConfigs: [] })).toBe(false);
      const listed = { ...gpu, subgroupMatrixConfigs: gpu.subgroupMatrixConfigs.slice(0, 1) };
      expect(variant.supports(problem, listed)).toBe(false);
    }
  });

  // No adapter here has the feature, but Dawn's null backend claims every feature, compiles and runs nothing.
  test('compile in Dawn', () => {
    const operand = (label: string): Operand => ({ id: 0, label, bytes: 65536, form: 'buffer' });
    const io = {
      a: operand('a'),
      b: operand('b'),
      output: operand('c'),
      bias: operand('bias'),
      residual: operand('r'),
      mask: operand('m'),
    };
    const codes = subgroupMatrixVariants.flatMap((variant) =>
      [false, true].flatMap((transposed) =>
        lowered(variant, { ...problem, transposeA: transposed, transposeB: transposed }, io, gpu).map(
          ({ shader, constants }) => expandShader(shader.text, constants),
        ),
      ),
    );
    expect(codes).toHaveLength(4);
    expect(compileWithoutDevice(codes)).toEqual(codes.map(() => ''));
    // A wrong kernel is refused.
    const wrong = codes[0]!.replace('var acc0_0: Sum', 'var acc0_0: Left');
    expect(compileWithoutDevice([wrong])[0]).toContain('invalid');
  });
});

/** The complaints of Dawn's null backend about each kernel, empty where there are none; in a process of its own. */
function compileWithoutDevice(codes: readonly string[]): string[] {
  const script = `
    import { create } from 'webgpu';
    import { readFileSync } from 'node:fs';
    const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await gpu.requestAdapter();
    const device = await adapter.requestDevice({ requiredFeatures: ['chromium-experimental-subgroup-matrix', 'subgroups', 'shader-f16'] });
    const complaints = [];
    for (const code of JSON.parse(readFileSync(0, 'utf8'))) {
      device.pushErrorScope('validation');
      const module = device.createShaderModule({ code });
      await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } }).then(() => complaints.push(''), (error) => complaints.push(error.message));
      await device.popErrorScope();
    }
    process.stdout.write(JSON.stringify(complaints), () => process.exit(0));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    input: JSON.stringify(codes),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return JSON.parse(output) as string[];
}
