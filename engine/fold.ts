/**
 * Batch-norm folding, done while tracing, so that autodiff never sees it: a convolution of constants followed by an
 * inference batch-norm of constants is one convolution with scaled weights and a bias. Computed in f64, when the graph is compiled.
 */
import type { ConstantSource, Graph, Tensor } from './graph.js';

type Statistics = readonly [gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor];

/** What a convolution's weights and a batch-norm come to. */
interface Folded {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** The foldings of each weight, by bias and batch-norm. */
export type FoldCache = Map<Tensor, Map<string, Folded>>;

/** The folded convolution, or undefined where `x` is no plain convolution of constants. Folded weights are shared through `cache`. */
export function foldBatchNorm(
  graph: Graph,
  cache: FoldCache,
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

  const known = cache.get(weight) ?? new Map<string, Folded>();
  cache.set(weight, known);
  const key = [bias?.id, ...statistics.map((tensor) => tensor.id), epsilon].join();
  const folded = known.get(key) ?? fold(graph, weight, constants, epsilon);
  known.set(key, folded);
  return graph.conv2d(input, folded.weight, folded.bias, {
    stride: attributes.stride,
    padding: attributes.padding,
  });
}

/** @param constants the weight, gamma, beta, mean, variance, and the convolution's bias if it has one */
function fold(graph: Graph, weight: Tensor, constants: readonly ConstantSource[], epsilon: number): Folded {
  const [kernel, gamma, beta, mean, variance] = constants as [
    ConstantSource,
    ConstantSource,
    ConstantSource,
    ConstantSource,
    ConstantSource,
  ];
  const bias = constants[5];
  const channels = weight.shape[0]!;
  const scales = () => {
    const [factor, deviation] = [gamma.values(), variance.values()];
    return Float64Array.from({ length: channels }, (_, c) => factor[c]! / Math.sqrt(deviation[c]! + epsilon));
  };
  const scaled = () => {
    const values = kernel.values();
    const result = new Float32Array(values.length);
    const perChannel = values.length / channels;
    for (const [c, factor] of scales().entries()) {
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
    weight: graph.constant(`${kernel.name} (batch-norm folded)`, weight.shape, scaled),
    bias: graph.constant(`${kernel.name} bias (batch-norm folded)`, [channels], shift),
  };
}
