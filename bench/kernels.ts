/** The kernel benchmark: every distinct op of the timed nets' steps, and one case of every other row of the ops table. */
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, sizeOf, type Tensor } from '../engine/graph.js';
import type { VariantChoice } from '../engine/lowering.js';
import { ops } from '../engine/ops/index.js';
import type { PlanOp } from '../engine/passes.js';
import { stepKey, trialGraph, variantsOfTrial } from '../engine/trial.js';
import { chooseNamed, uniqueSteps } from '../engine/tuner.js';
import type { Ceilings } from './ceilings.js';
import type { KernelRecord } from './records.js';
import { timeProcedure } from './timing.js';

/** Rows that no timed net contains, in a size that takes a while. */
function otherCases(): Graph {
  const graph = new Graph();
  const labels = graph.input('labels', [64], 'u32');
  const rows = graph.input('rows', [64, 1000]);
  const image = graph.input('image', [8, 64, 32, 32]);
  const channels = graph.constant('channels', [64], new Float32Array(64).fill(0.5));
  const targets = graph.input('targets', [64, 1000]);
  const key = graph.input('key', [2], 'u32');
  const square = graph.input('a', [1024, 1024]);
  const kernels = graph.constant('kernels', [128, 64, 3, 3], new Float32Array(128 * 64 * 9).fill(0.5));
  graph.procedure('others', () => {
    const convolved = graph.conv2d(image, kernels, undefined, { stride: 2, padding: 1 });
    const outputs: Tensor[] = [
      convolved,
      ...gradients(convolved, [image]),
      ...gradients(graph.maxPool2d(image, { kernel: 2 }), [image]),
      ...gradients(graph.crossEntropy(rows, labels), [rows]),
      graph.relu(image),
      graph.op('reluGradient', {}, [image, image]),
      graph.add(image, image),
      graph.batchNorm(image, channels, channels, channels, channels),
      graph.scaleShift(image, channels, channels),
      ...trainingNorm(graph, image, channels),
      graph.multiply(image, image),
      graph.scale(image, 0.5),
      graph.dropout(image, key),
      graph.softCrossEntropy(rows, rows),
      ...gradients(graph.softCrossEntropy(rows, targets), [rows]),
      graph.sumRows(image),
      ...gradients(graph.sumRows(image), [image]),
      graph.op('channelSum', {}, [image]),
      graph.op('channelDot', {}, [image, image]),
      graph.avgPool2d(image, { kernel: 2 }),
      graph.op(
        'avgPool2dGradient',
        { kernel: [2, 2], stride: [2, 2], padding: [0, 0], inputShape: [8, 64, 64, 64] },
        [image],
      ),
      graph.maxPool2d(image, { kernel: 3, stride: 2, padding: 1 }),
      graph.adaptiveAvgPool2d(image, 7),
      graph.op('adaptiveAvgPool2dGradient', { inputShape: [8, 64, 64, 64], mask: false }, [image]),
      graph.softmax(rows),
      graph.op('softmaxGradient', {}, [rows, rows]),
      graph.crossEntropy(rows, labels),
      graph.gather(rows, labels),
      graph.op('scatter', { columns: 1000 }, [graph.crossEntropy(rows, labels), labels]),
      graph.subsamplePad(image, { stride: 2, channels: 128 }),
      graph.op('subsamplePadGradient', { stride: 2, inputShape: [8, 32, 64, 64] }, [image]),
      graph.resizeBilinear(image, [64, 64]),
      graph.op('resizeBilinearGradient', { inputShape: [8, 64, 16, 16] }, [image]),
      graph.op('sliceColumns', { start: 100, end: 900 }, [rows]),
      graph.op('concatColumns', {}, [rows, rows]),
      graph.matmul(square, square),
      graph.op('conv2dWeightGradient', { kernel: [3, 3], stride: [1, 1], padding: [1, 1] }, [image, image]),
    ];
    return Object.fromEntries(outputs.map((output, i) => [`output ${i}`, output]));
  });
  return graph;
}

/** Batch-norm by the batch's moments, and its gradient in all operands. */
function trainingNorm(graph: Graph, image: Tensor, channels: Tensor): Tensor[] {
  const { y, moments } = graph.batchNormTraining(image, channels, channels);
  return [moments, y, ...gradients(y, [image, channels])];
}

/** The ops to time: those of the given graphs, then those of the remaining rows, each once. */
export function kernelCases(engine: Engine, graphs: readonly Graph[]): PlanOp[] {
  const cases = new Map<string, PlanOp>();
  for (const graph of graphs) for (const step of uniqueSteps(engine, graph)) cases.set(stepKey(step), step);
  const others = uniqueSteps(engine, otherCases());
  const covered = new Set([...cases.values()].map(({ op }) => op));
  for (const step of others)
    if (!covered.has(step.op) || step.op === 'matmul') cases.set(stepKey(step), step);
  return [...cases.values()];
}

/**
 * Times one op by every variant that supports it, or by the chosen one only.
 * The result is checked against the first variant's before it is timed.
 */
export async function benchKernel(
  engine: Engine,
  step: PlanOp,
  ceilings: Ceilings,
  options: { readonly allVariants: boolean; readonly choose: VariantChoice },
): Promise<KernelRecord[]> {
  const { names } = variantsOfTrial(engine, step);
  const records: KernelRecord[] = [];
  const reference = await outputOf(engine, step, 'naive');
  const variants = options.allVariants && names.length > 0 ? names : [undefined];
  for (const name of variants) {
    const trial = trialGraph(step);
    const program = await engine.compile(
      trial.graph,
      name === undefined ? options.choose : chooseNamed(name),
    );
    try {
      trial.fill(program);
      program.poison();
      await program.run(['main', 1]);
      const used = name ?? variantOf(program.dispatches('main').at(-1)!.label);
      compareOutputs(`${step.op} ${shapeText(step)} ${used}`, await program.read(trial.output), reference);
      const ms = await timeProcedure(program, 'main', { milliseconds: 150, samples: 3 });
      records.push({
        kind: 'kernel',
        op: step.op,
        shape: shapeText(step),
        variant: used,
        ms,
        ...rates(step, ms.min, ceilings),
      });
    } finally {
      program.destroy();
    }
  }
  return records;
}

function rates(step: PlanOp, ms: number, ceilings: Ceilings) {
  const row = ops[step.op] as {
    flops(a: unknown, inputs: readonly (readonly number[])[], output: readonly number[]): number;
  };
  const flops = row.flops(
    step.attributes,
    step.inputs.map(({ shape }) => shape),
    step.output.shape,
  );
  const bytes = 4 * [...step.inputs, step.output].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const gflops = flops / ms / 1e6;
  const gbs = bytes / ms / 1e6;
  return { gflops, gbs, share: Math.max(gflops / ceilings.fmaGflops, gbs / ceilings.copyGBs) };
}

/** `conv2d/winograd4/gemm` -> `winograd4`; kernels without variants are the op itself. */
function variantOf(label: string): string {
  return label.split('/')[1] ?? 'only';
}

async function outputOf(engine: Engine, step: PlanOp, variant: string): Promise<Float32Array> {
  const trial = trialGraph(step);
  const program = await engine.compile(trial.graph, chooseNamed(variant));
  try {
    trial.fill(program);
    await program.run(['main', 1]);
    return await program.read(trial.output);
  } finally {
    program.destroy();
  }
}

/** Fails closed: a NaN anywhere is a difference. */
function compareOutputs(label: string, actual: Float32Array, expected: Float32Array): void {
  let error = 0;
  let signal = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    signal += expected[i]! ** 2;
  }
  if (!(error <= 1e-9 * signal)) {
    throw new Error(
      `bench: ${label}: expected an NMSE of at most 1e-9 against the naive variant, got ${error / signal}`,
    );
  }
}

function shapeText(step: PlanOp): string {
  const { stride, padding, weightLayout, transposeA, transposeB } = step.attributes as {
    stride?: readonly number[] | number;
    padding?: readonly number[];
    weightLayout?: string;
    transposeA?: boolean;
    transposeB?: boolean;
  };
  return [
    ...step.inputs.map(({ shape }) => shape.join('x')),
    stride !== undefined ? `s${typeof stride === 'number' ? stride : stride[0]}` : '',
    padding ? `p${padding[0]}` : '',
    weightLayout === 'flipped' ? 'flipped' : '',
    transposeA ? 'tA' : '',
    transposeB ? 'tB' : '',
  ]
    .filter(Boolean)
    .join(' ');
}
