/**
 * Pre-activation ResNets (He et al. 2016, "Identity mappings") and wide ResNets (Zagoruyko and Komodakis 2016): batch-norm and ReLU
 * come before each convolution, and nothing behind the sum. Names: kuangliu's PreActResNet, the last batch-norm is `bn`.
 */
import type { Tensor } from '../engine/graph.js';
import {
  type ConvLayer,
  headLayers,
  type Layer,
  type LinearLayer,
  type NetOutputs,
  type NormLayer,
  poolTo,
  type Trace,
  traceConv,
  traceHead,
} from './layers.js';
import { blockSizes, headSizes, RESNET_NAMES, stemPool } from './resnet.js';
import type { NetSpec } from './spec.js';

interface Block {
  readonly norm: NormLayer;
  /** Each but the last has the batch-norm of the next behind it, and a ReLU. */
  readonly branch: readonly ConvLayer[];
  readonly shortcut?: ConvLayer;
}

interface PreactPlan {
  readonly stem: ConvLayer;
  readonly blocks: readonly Block[];
  readonly norm?: NormLayer;
  readonly head: readonly LinearLayer[];
}

function preactPlan(spec: NetSpec): PreactPlan {
  const { head, shortcut } = RESNET_NAMES.preact;
  const { channels, kernel, stride: stemStride } = spec.stem!;
  const bias = spec.convBias ?? false;
  const conv = (
    name: string,
    [inputs, outputs]: readonly [number, number],
    [size, stride]: readonly [number, number],
    norm?: string,
  ): ConvLayer => ({
    kind: 'conv',
    name,
    ...(norm === undefined ? {} : { norm }),
    inputs,
    outputs,
    kernel: size,
    stride,
    bias: bias && norm === undefined,
  });
  const blocks = blockSizes(spec)
    .flat()
    .map(({ at, inputs, width, outputs, stride, identity }): Block => {
      const branch = spec.bottleneck
        ? [
            conv(`${at}conv1`, [inputs, width], [1, 1], `${at}bn2`),
            conv(`${at}conv2`, [width, width], [3, stride], `${at}bn3`),
            conv(`${at}conv3`, [width, outputs], [1, 1]),
          ]
        : [
            conv(`${at}conv1`, [inputs, width], [3, stride], `${at}bn2`),
            conv(`${at}conv2`, [width, outputs], [3, 1]),
          ];
      const norm: NormLayer = { kind: 'norm', name: `${at}bn1`, channels: inputs };
      if (identity) return { norm, branch };
      return { norm, branch, shortcut: conv(`${at}${shortcut}.0`, [inputs, outputs], [1, stride]) };
    });
  return {
    stem: conv('conv1', [3, channels], [kernel, stemStride]),
    blocks,
    ...(spec.finalNorm
      ? { norm: { kind: 'norm', name: 'bn', channels: spec.widths.at(-1)! * spec.expansion } }
      : {}),
    head: headLayers(head, headSizes(spec)),
  };
}

export function preactLayers(spec: NetSpec): Layer[] {
  const { stem, blocks, norm, head } = preactPlan(spec);
  const inside = blocks.flatMap((block): Layer[] => [
    block.norm,
    ...block.branch,
    ...(block.shortcut ? [block.shortcut] : []),
  ]);
  return [stem, ...inside, ...(norm ? [norm] : []), ...head];
}

/** x [n, 3, h, w], normalised, of any size. Features: what the head pools. */
export function tracePreact(trace: Trace, spec: NetSpec, x: Tensor): NetOutputs {
  const { graph } = trace;
  const { stem, blocks, norm, head } = preactPlan(spec);
  const activated = (y: Tensor, layer: NormLayer) =>
    graph.relu(trace.batchNorm(y, layer.name, layer.channels));
  let y = stemPool(trace, spec.stem!, traceConv(trace, stem, x));
  for (const block of blocks) {
    const first = activated(y, block.norm);
    let residual = first;
    for (const [index, layer] of block.branch.entries()) {
      residual = traceConv(trace, layer, index === 0 ? residual : graph.relu(residual));
    }
    const from = spec.shortcut === 'activated' ? first : y;
    y = graph.add(residual, block.shortcut ? traceConv(trace, block.shortcut, from) : y);
  }
  const features = norm ? activated(y, norm) : y;
  const logits = traceHead(trace, head, graph.flatten(poolTo(graph, features, spec.pooled)));
  // Sums before their activation, as the blocks inside end, are no features to explain with.
  return { logits, features, blocks: [features] };
}
