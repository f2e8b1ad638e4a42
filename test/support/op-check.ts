/** An op of the table on a device, held to its f64 reference: for the tests here, and for the page that runs them on a visitor's GPU. */
import { gradients } from '../../engine/autodiff.js';
import type { Engine } from '../../engine/engine.js';
import { Graph, type Tensor } from '../../engine/graph.js';
import type { OpAttributes } from '../../engine/ops/index.js';
import { sampleCotangent, sampleInputs } from '../reference/cases.js';
import type { Nd } from '../reference/nd.js';
import { type ReferenceName, references } from '../reference/references.js';
import type { SampleCase } from '../reference/sample-case.js';
import { expectClose } from './compare.js';

/**
 * f32 sums of some hundred terms: the rounding error scales with the terms, so with the RMS of the results and not with one result
 * that happens to be small. Saturated rows (`large`) have gradients that are differences of nearly equal numbers, so the error's share
 * of so small a signal says nothing there.
 */
function tolerance(sample: { readonly values?: string }, expected: Nd) {
  const rms = Math.sqrt(expected.data.reduce((sum, value) => sum + value * value, 0) / expected.data.length);
  return {
    atol: Math.max(2e-5, 5e-6 * rms),
    rtol: 2e-5,
    ...(sample.values === 'large' ? {} : { nmse: 1e-11 }),
  };
}

function isIndex(op: ReferenceName, operand: number): boolean {
  return operand === 1 && (op === 'crossEntropy' || op === 'gather' || op === 'dropout');
}

/** Fused epilogues come after differentiation, so only ops without one, or with a bias alone, have gradients in the engine. */
function differentiable(attributes: object): boolean {
  if ('weightLayout' in attributes && attributes.weightLayout === 'flipped') return false;
  if (!('epilogue' in attributes)) return true;
  const epilogue = attributes.epilogue as OpAttributes['conv2d']['epilogue'];
  return !epilogue.residual && epilogue.activation === 'none';
}

/**
 * One op on a device against its reference: value and gradients.
 * @throws Error with the first value that is off
 */
export async function checkOp<K extends ReferenceName>(
  engine: Engine,
  op: K,
  sample: SampleCase<K>,
  seed: number,
): Promise<void> {
  const inputs = sampleInputs(op, sample, seed);
  const reference = references[op];
  const expected = reference.forward(sample.attributes, inputs);
  const cotangent = sampleCotangent(expected.shape, seed);
  const expectedGradients = differentiable(sample.attributes)
    ? reference.vjp(sample.attributes, inputs, cotangent)
    : inputs.map(() => undefined);
  // Running statistics are not differentiated by the engine.
  const wanted = expectedGradients.flatMap((gradient, i) =>
    gradient && !(op === 'batchNorm' && i > 2) ? [i] : [],
  );

  const graph = new Graph();
  const tensors = inputs.map((input, i) =>
    graph.input(`operand ${i}`, input.shape, isIndex(op, i) ? 'u32' : 'f32'),
  );
  const dy = graph.input('cotangent', expected.shape);
  const traced: { y?: Tensor; gradients?: Tensor[] } = {};
  graph.procedure('main', () => {
    const y = graph.op(op, sample.attributes, tensors);
    const towards = gradients(
      y,
      wanted.map((i) => tensors[i]!),
      dy,
    );
    Object.assign(traced, { y, gradients: towards });
    return { y, ...Object.fromEntries(towards.map((gradient, i) => [`gradient ${i}`, gradient])) };
  });
  const program = await engine.compile(graph);
  try {
    for (const [i, input] of inputs.entries()) {
      program.write(
        tensors[i]!,
        isIndex(op, i) ? Uint32Array.from(input.data) : Float32Array.from(input.data),
      );
    }
    program.write(dy, Float32Array.from(cotangent.data));
    program.poison();
    await program.run(['main', 1]);
    const read = async (tensor: Tensor) => ({ data: await program.read(tensor), shape: tensor.shape });
    expectClose(await read(traced.y!), expected, {
      ...tolerance(sample, expected),
      label: `${op} ${sample.label}`,
    });
    for (const [at, i] of wanted.entries()) {
      expectClose(await read(traced.gradients![at]!), expectedGradients[i] as Nd, {
        ...tolerance(sample, expectedGradients[i] as Nd),
        label: `${op} ${sample.label}: gradient of operand ${i}`,
      });
    }
  } finally {
    program.destroy();
  }
}
