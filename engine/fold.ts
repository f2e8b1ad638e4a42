/**
 * Batch-norm folding, done while tracing, so that autodiff never sees it: a convolution of constants followed by an
 * inference batch-norm of constants is one convolution with scaled weights and a bias. Computed in f64.
 */
import type { Graph, Tensor } from './graph';

type Statistics = readonly [gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor];

/** The folded convolution, or undefined where `x` is no plain convolution of constants. Folded weights are shared through `cache`. */
export function foldBatchNorm(
  graph: Graph,
  cache: Map<Tensor, Map<string, Tensor>>,
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
  const weightData = constantOf(weight);
  const biasData = bias ? constantOf(bias) : undefined;
  const [gamma, beta, mean, variance] = statistics.map(constantOf);
  if (!weightData || (bias && !biasData) || !gamma || !beta || !mean || !variance) return undefined;

  const key = [bias?.id, ...statistics.map((tensor) => tensor.id), epsilon].join();
  const folds = cache.get(weight) ?? new Map<string, Tensor>();
  cache.set(weight, folds);
  const channels = gamma.length;
  const scale = Float64Array.from(
    { length: channels },
    (_, c) => gamma[c]! / Math.sqrt(variance[c]! + epsilon),
  );
  const name = weight.source.kind === 'constant' ? weight.source.name : 'weight';
  let foldedWeight = folds.get(`weight ${key}`);
  let foldedBias = folds.get(`bias ${key}`);
  if (!foldedWeight || !foldedBias) {
    const perChannel = weightData.length / channels;
    const scaled = new Float32Array(weightData.length);
    for (let c = 0, at = 0; c < channels; c++) {
      const factor = scale[c]!;
      for (const end = at + perChannel; at < end; at++) scaled[at] = weightData[at]! * factor;
    }
    const shift = Float32Array.from(
      { length: channels },
      (_, c) => ((biasData?.[c] ?? 0) - mean[c]!) * scale[c]! + beta[c]!,
    );
    foldedWeight = graph.constant(`${name} (batch-norm folded)`, weight.shape, scaled);
    foldedBias = graph.constant(`${name} bias (batch-norm folded)`, [channels], shift);
    folds.set(`weight ${key}`, foldedWeight);
    folds.set(`bias ${key}`, foldedBias);
  }
  return graph.conv2d(input, foldedWeight, foldedBias, {
    stride: attributes.stride,
    padding: attributes.padding,
  });
}

function constantOf(tensor: Tensor): Float32Array | undefined {
  return tensor.source.kind === 'constant' ? tensor.source.data : undefined;
}
