/**
 * Which layer of a net gives NaN or infinity first. Behind a ReLU or a max-pool NaN may look like 0, so that logits alone do not tell: all
 * convolutions, products, sums and batch-norms are read back. One image, once a net: not part of any run's loop.
 */
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { tensorsBehind } from '../engine/tensor.js';
import { forward, type Model } from '../nets/model.js';

/** The first values that are no numbers. */
export interface Diagnosis {
  /** The layer by the name of its weights, or what stands behind it: `layer3.0.conv2`, `add behind layer3.0.conv2`. */
  readonly layer: string;
  /** NaN or an infinity. */
  readonly value: number;
  /** How many there are of the layer's `of` values. */
  readonly count: number;
  /** Values of the layer. */
  readonly of: number;
}

/** Ops that can make NaN or infinity of finite operands; all others hand on what they get. */
const MAKERS: readonly string[] = ['conv2d', 'matmul', 'batchNorm', 'add', 'scaleShift'];

/**
 * Runs the net on one image and looks at every layer.
 * @param image [3, h, w] in [0, 1]
 * @returns undefined where all values are finite
 */
export async function diagnose(
  engine: Engine,
  model: Model,
  image: Float32Array,
): Promise<Diagnosis | undefined> {
  const { height, width } = model.spec;
  const graph = new Graph();
  const x = graph.input('x', [1, 3, height, width]);
  let layers: readonly Tensor[] = [];
  graph.procedure('diagnose', () => {
    const { logits } = forward(graph, model, x);
    layers = tensorsBehind([logits]).filter(
      ({ source }) => source.kind === 'op' && MAKERS.includes(source.op),
    );
    return Object.fromEntries([...layers, logits].map((tensor) => [String(tensor.id), tensor]));
  });
  const program = await engine.compile(graph);
  try {
    program.write(x, image);
    await program.run(['diagnose', 1]);
    let behind = 'the input';
    for (const tensor of layers) {
      const own = nameOf(tensor);
      const values = await program.read(tensor);
      const wrong = values.filter((value) => !Number.isFinite(value));
      const layer = own ?? `${(tensor.source as { op: string }).op} behind ${behind}`;
      if (wrong.length > 0) return { layer, value: wrong[0]!, count: wrong.length, of: values.length };
      behind = own ?? behind;
    }
    return undefined;
  } finally {
    program.destroy();
  }
}

/** `layer1.0.conv1` of a product with `layer1.0.conv1.weight`. */
function nameOf({ source }: Tensor): string | undefined {
  if (source.kind !== 'op') return undefined;
  const weights = source.inputs.find((input) => input.source.kind === 'constant')?.source;
  return weights?.kind === 'constant'
    ? weights.name.replace(/ \(.*\)$/, '').replace(/\.\w+$/, '')
    : undefined;
}

/** `layer3.0.conv2 gives NaN (512 of 2048 values)`. */
export function diagnosisText({ layer, value, count, of }: Diagnosis): string {
  return `${layer} gives ${value} (${count} of ${of} values)`;
}
