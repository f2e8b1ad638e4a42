/**
 * Batch-norm folding, done while tracing, so that autodiff never sees it: a convolution of constants followed by an
 * inference batch-norm of constants is one convolution with scaled weights and a bias. Computed in f64, when the graph is compiled.
 */
import { UserError } from '../base/errors.js';
import { type ConstantSource, parameter } from './parameter.js';
import type { Tensor, Tracer } from './tensor.js';

type Statistics = readonly [gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor];

/** What a convolution's weights and a batch-norm come to. */
interface Folded {
  readonly weight: ConstantSource;
  readonly bias: ConstantSource;
}

interface Folding extends Folded {
  readonly of: readonly ConstantSource[];
  readonly epsilon: number;
}

/** Of each weight, over all graphs: what is folded of the same sources is the same source. */
const foldings = new WeakMap<ConstantSource, Folding[]>();

/** The folded convolution, or undefined where `x` is no plain convolution of constants. Folded weights are shared between graphs. */
export function foldBatchNorm(
  graph: Tracer,
  x: Tensor,
  statistics: Statistics,
  epsilon: number,
): Tensor | undefined {
  const { source } = x;
  if (source.kind !== 'op' || source.op !== 'conv2d') return undefined;
  const { attributes } = source;
  if (
    attributes.weightLayout !== 'oihw' ||
    attributes.epilogue.residual ||
    attributes.epilogue.activation !== 'none'
  )
    return undefined;
  const [input, weight, bias] = source.inputs as [Tensor, Tensor, Tensor | undefined];
  const constants = [weight, ...statistics, ...(bias ? [bias] : [])].map((tensor) => tensor.source);
  if (!constants.every((constant) => constant.kind === 'constant')) return undefined;

  const known = foldings.get(constants[0]!) ?? [];
  foldings.set(constants[0]!, known);
  let folded = known.find(
    (folding) =>
      folding.epsilon === epsilon &&
      folding.of.length === constants.length &&
      folding.of.every((constant, i) => constant === constants[i]),
  );
  if (!folded) {
    folded = { of: constants, epsilon, ...fold(constants, epsilon) };
    known.push(folded);
  }
  const constant = (folding: ConstantSource) => graph.constant(folding.name, folding.shape, folding);
  return graph.op('conv2d', { ...attributes, epilogue: { ...attributes.epilogue, bias: true } }, [
    input,
    constant(folded.weight),
    constant(folded.bias),
  ]);
}

/** @param constants the weight, gamma, beta, mean, variance, and the convolution's bias if it has one */
function fold(constants: readonly ConstantSource[], epsilon: number): Folded {
  const [kernel, gamma, beta, mean, variance] = constants as [
    ConstantSource,
    ConstantSource,
    ConstantSource,
    ConstantSource,
    ConstantSource,
  ];
  const bias = constants[5];
  const channels = kernel.shape[0]!;
  const scales = () => {
    const [factor, deviation] = [gamma.values(), variance.values()];
    return Float64Array.from({ length: channels }, (_, c) => factor[c]! / Math.sqrt(deviation[c]! + epsilon));
  };
  const notFinite = (channel: number, factor: number) =>
    new UserError(
      `${kernel.name}: expected a batch-norm that scales by a finite number, got ${factor} at channel ${channel} (${variance.name} is ${variance.values()[channel]}); check the weights`,
    );
  const scaled = () => {
    const values = kernel.values();
    const result = new Float32Array(values.length);
    const perChannel = values.length / channels;
    for (const [c, factor] of scales().entries()) {
      if (!Number.isFinite(Math.fround(factor))) throw notFinite(c, factor);
      const end = (c + 1) * perChannel;
      for (let at = c * perChannel; at < end; at++) result[at] = values[at]! * factor;
    }
    return result;
  };
  const shift = () => {
    const scale = scales();
    const [offset, average, own] = [beta.values(), mean.values(), bias?.values()];
    return Float32Array.from(
      { length: channels },
      (_, c) => ((own?.[c] ?? 0) - average[c]!) * scale[c]! + offset[c]!,
    );
  };
  return {
    weight: parameter(`${kernel.name} (batch-norm folded)`, kernel.shape, scaled),
    bias: parameter(`${kernel.name} bias (batch-norm folded)`, [channels], shift),
  };
}
