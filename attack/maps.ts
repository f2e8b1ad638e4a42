/** The maps of explanations.ts traced into a graph: signed, at the resolution at which they are made, all from one backward pass. */
import { UserError } from '../base/errors.js';
import { gradients } from '../engine/autodiff.js';
import { Graph, type Shape, type Tensor } from '../engine/graph.js';
import { camHead, forward, type Model } from '../nets/model.js';
import { type Explanation, explanationTable } from './explanations.js';
import { classWorkgroup, shaders, WORKGROUP } from './kernels.js';
import type { ExplainSettings } from './settings/common.js';
import { SettingError } from './settings/rows.js';

/** What decides the resolution of a map. */
export type MapSettings = Pick<ExplainSettings, 'explanation' | 'layer'>;

/**
 * Traces, inside a procedure: forward pass, gradient of the explained logit towards the blocks and the image that the maps need (none for
 * CAM), and the maps.
 * @param x [n, 3, h, w] in [0, 1]
 * @param classes u32 [n]: the classes to explain; `OWN_PREDICTION` where it is the predicted one
 * @returns the logits [n, classes] of x; for each of `asked` its map [n, rows, columns], signed
 * @throws UserError if a map is CAM and the net does not end in global pooling and one linear layer
 */
export function traceMaps(
  graph: Graph,
  model: Model,
  x: Tensor,
  classes: Tensor,
  asked: readonly MapSettings[],
): { logits: Tensor; maps: Tensor[] } {
  const { logits, blocks } = forward(graph, model, x);
  const count = logits.shape[1]!;
  const [seed] = graph.custom({
    label: 'explain/seed',
    shader: shaders.seed,
    constants: { WG: classWorkgroup(count), CLASSES: count },
    reads: [logits, classes],
    outputs: [{ shape: logits.shape }],
    workgroups: [x.shape[0]!, 1, 1],
  }) as [Tensor];
  const seen = asked.map((one) => seenBy(model, x, blocks, one));
  const targets = [
    ...new Set(seen.filter((_, i) => explanationTable[asked[i]!.explanation].needs !== 'weights')),
  ];
  const found = targets.length === 0 ? [] : gradients(logits, targets, seed);
  const maps = asked.map(({ explanation }, i) => {
    const tensor = seen[i]!;
    if (explanation === 'cam')
      return blockMap(graph, explanation, tensor, graph.matmul(seed, camWeights(graph, model)));
    const gradient = found[targets.indexOf(tensor)]!;
    return explanationTable[explanation].needs === 'pixels'
      ? pixelMap(graph, explanation, x, gradient)
      : blockMap(graph, explanation, tensor, gradient);
  });
  return { logits, maps };
}

/** Rows and columns of a map. @throws SettingError on a block that the net has not */
export function mapSize(model: Model, settings: MapSettings): readonly [number, number] {
  const graph = new Graph();
  const x = graph.input('x', [1, 3, model.spec.height, model.spec.width]);
  let shape: readonly number[] = [];
  graph.procedure('size', () => {
    // Shapes alone: no weights are read.
    const parameter = (name: string, of: Shape) => graph.input(name, of);
    shape = seenBy(model, x, forward(graph, model, x, { parameter }).blocks, settings).shape;
    return undefined;
  });
  return [shape[2]!, shape[3]!];
}

const MODES: Readonly<Partial<Record<Explanation, number>>> = {
  cam: 0,
  gradcam: 1,
  'gradcam++': 2,
  xgradcam: 3,
  hirescam: 4,
  layercam: 5,
};

/** @param weights the gradient at the features, or for CAM the weights [n, channels] */
function blockMap(graph: Graph, explanation: Explanation, features: Tensor, weights: Tensor): Tensor {
  const [n, channels, rows, columns] = features.shape as [number, number, number, number];
  const [map] = graph.custom({
    label: `explain/${explanation}`,
    shader: shaders.cam,
    constants: { WG: WORKGROUP, CHANNELS: channels, CELLS: rows * columns, MODE: MODES[explanation]! },
    reads: [features, weights],
    outputs: [{ shape: [n, rows, columns] }],
    workgroups: [n, 1, 1],
  });
  return map!;
}

function pixelMap(graph: Graph, explanation: Explanation, x: Tensor, gradient: Tensor): Tensor {
  const [n, , height, width] = x.shape as [number, number, number, number];
  const [map] = graph.custom({
    label: `explain/${explanation}`,
    shader: shaders.pixels,
    constants: { WG: WORKGROUP, PIXELS: height * width, INPUT: explanation === 'input-x-gradient' },
    reads: [x, gradient],
    outputs: [{ shape: [n, height, width] }],
    workgroups: [Math.ceil((height * width) / WORKGROUP), n, 1],
  });
  return map!;
}

/** The tensor whose evidence a map shows: a block of the net, or the image. */
function seenBy(model: Model, x: Tensor, blocks: readonly Tensor[], settings: MapSettings): Tensor {
  return explanationTable[settings.explanation].needs === 'pixels'
    ? x
    : explainedBlock(model, blocks, settings);
}

/** Least rows and columns of a map that shows where something is. */
const LEAST_CELLS = 4;

/** @throws SettingError on a block that the net has not, and for CAM on another than the last */
function explainedBlock(
  { spec }: Model,
  blocks: readonly Tensor[],
  { layer, explanation }: MapSettings,
): Tensor {
  const last = blocks.at(-1)!;
  // CAM reads the map off the last block: the classifier's weights are of its channels.
  if (layer === 'last' || (layer === 'auto' && explanation === 'cam')) return last;
  if (layer === 'auto') {
    const large = blocks.filter(({ shape }) => shape[2]! >= LEAST_CELLS && shape[3]! >= LEAST_CELLS);
    return large.at(-1) ?? last;
  }
  const block = blocks[Number(/\d+/.exec(layer)![0]) - 1];
  if (!block)
    throw new SettingError(
      'layer',
      `expected a block of ${spec.arch}, block1 to block${blocks.length}, got ${layer}`,
    );
  if (explanation === 'cam' && block !== last)
    throw new SettingError('layer', `expected the last block with explanation cam, got ${layer}`);
  return block;
}

/** The classifier's weights [classes, channels]. */
function camWeights(graph: Graph, model: Model): Tensor {
  const head = camHead(model);
  if (!head) {
    throw new UserError(
      `explanation: expected a net that ends in global pooling and one linear layer (the ResNets), got ${model.spec.arch}; ` +
        'use gradcam',
    );
  }
  return graph.constant('cam weights', head.weight.shape, () => head.weight.toFloat32());
}
