/**
 * Explanations: Grad-CAM (Selvaraju et al. 2017) or CAM (Zhou et al. 2016), the CFR they mark, and the soft mask over it.
 * Traced into an attack's graph or run alone; both on the GPU alone.
 */

import { dispose } from '../base/disposable.js';
import { UserError } from '../base/errors.js';
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor, type Variable } from '../engine/graph.js';
import { camHead, forward, type Model } from '../nets/model.js';
import { checkBatch, checkCompiled, padded } from './batches.js';
import { classWorkgroup, shaders, WORKGROUP } from './kernels.js';
import { predictions } from './logits.js';
import { type ExplainSettings, explainTable, MASK_NORMS } from './settings/common.js';
import { resolveSettings, SettingError } from './settings/rows.js';

/** The label that stands for the net's own prediction. */
export const OWN_PREDICTION = 0xffffffff;

/** Where an explanation of a batch of n images is kept on the GPU. */
export interface ExplanationVariables {
  /** Lhat [n, h, w] in [0, 1]. */
  readonly cam: Variable;
  /** M [n, h, w]. */
  readonly mask: Variable;
  /** u32 [n, 2]: 1 where there is no evidence for the label, pixels of the CFR. */
  readonly region: Variable;
}

export function explanationVariables(graph: Graph, [n, , h, w]: readonly number[]): ExplanationVariables {
  return {
    cam: graph.variable('cam', [n!, h!, w!]),
    mask: graph.variable('mask', [n!, h!, w!]),
    region: graph.variable('region', [n!, 2], 'u32'),
  };
}

/** Where the kernels read tau of each image: in a column of settings [n, columns]. */
export interface TauColumn {
  readonly settings: Tensor;
  readonly columns: number;
  readonly column: number;
}

/**
 * Traces, inside a procedure: forward pass, gradient of the labelled logit at the features (Eq. 4; none for CAM), the map at
 * the features' resolution (Eq. 5) and, from it, Lhat, the CFR and the soft mask (Eq. 6).
 * @param x [n, 3, h, w] in [0, 1]
 * @param labels u32 [n]; `OWN_PREDICTION` where the explained class is the predicted one
 * @returns the logits [n, classes] of x
 * @throws UserError if the explanation is CAM and the net does not end in global pooling and one linear layer
 */
export function traceExplanation(
  graph: Graph,
  model: Model,
  x: Tensor,
  labels: Tensor,
  settings: Pick<ExplainSettings, 'explanation' | 'maskNorm' | 'layer'>,
  tau: TauColumn,
  { cam, mask, region }: ExplanationVariables,
): Tensor {
  const [n, , height, width] = x.shape as [number, number, number, number];
  const { logits, blocks } = forward(graph, model, x);
  const features = explainedBlock(model, blocks, settings);
  const [, channels, rows, columns] = features.shape as [number, number, number, number];
  const classes = logits.shape[1]!;

  const [seed] = graph.custom({
    label: 'explain/seed',
    shader: shaders.seed,
    constants: { WG: classWorkgroup(classes), CLASSES: classes },
    reads: [logits, labels],
    outputs: [{ shape: logits.shape }],
    workgroups: [n, 1, 1],
  }) as [Tensor];
  const weights =
    settings.explanation === 'cam'
      ? graph.matmul(seed, camWeights(graph, model))
      : gradients(logits, [features], seed)[0]!;
  const [map] = graph.custom({
    label: `explain/${settings.explanation}`,
    shader: shaders.cam,
    constants: {
      WG: WORKGROUP,
      CHANNELS: channels,
      CELLS: rows * columns,
      GRADIENT: settings.explanation === 'gradcam',
    },
    reads: [features, weights],
    outputs: [{ shape: [n, rows, columns] }],
    workgroups: [n, 1, 1],
  }) as [Tensor];
  graph.custom({
    label: 'explain/mask',
    shader: shaders.mask,
    constants: {
      WG: WORKGROUP,
      ROWS: rows,
      COLUMNS: columns,
      HEIGHT: height,
      WIDTH: width,
      SETTINGS: tau.columns,
      SET_TAU: tau.column,
      NORM: MASK_NORMS.indexOf(settings.maskNorm),
    },
    reads: [map, tau.settings],
    writes: [cam, mask, region],
    workgroups: [n, 1, 1],
  });
  return logits;
}

/** Least rows and columns of a map that shows where something is. */
const LEAST_CELLS = 4;

/** @throws UserError on a block that the net has not, and for CAM on another than the last */
function explainedBlock(
  { spec }: Model,
  blocks: readonly Tensor[],
  { layer, explanation }: Pick<ExplainSettings, 'layer' | 'explanation'>,
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

/** Of n images of h x w pixels. */
export interface ExplanationResult {
  readonly count: number;
  /** Lhat [n, h, w] in [0, 1]; zeros where the CFR is empty. */
  readonly cam: Float32Array;
  /** Soft mask M [n, h, w]; ones where the CFR is empty. */
  readonly mask: Float32Array;
  /** [n, classes], before the softmax. */
  readonly logits: Float32Array;
  /** Predicted classes [n]. */
  readonly classes: Uint32Array;
  /** `empty`: nothing in the features speaks for the label. */
  readonly cfr: ('ok' | 'empty')[];
  /** Pixels of the CFR, 0 where it is empty. */
  readonly cfrPixels: number[];
}

export interface Explainer {
  readonly settings: ExplainSettings;
  /** Most images of one run. */
  readonly batch: number;
  /**
   * @param x [n, 3, h, w] in [0, 1], n from 1 to `batch`
   * @param labels the classes to explain [n]; null: what the net predicts
   */
  run(x: Float32Array, labels: Uint32Array | null): Promise<ExplanationResult>;
  destroy(): void;
  [dispose](): void;
}

/**
 * Compiles the explanation of batches of images.
 * @throws UserError on bad settings, or CAM of a net that has none
 */
export async function createExplainer(
  engine: Engine,
  model: Model,
  options: Partial<ExplainSettings> = {},
  batch = 1,
): Promise<Explainer> {
  checkCompiled('createExplainer', engine, model, options, batch);
  const settings = resolveSettings(explainTable, options, model.spec, 'an explanation');
  const { height, width, classes } = model.spec;
  const shape = [batch, 3, height, width] as const;
  const graph = new Graph();
  const x = graph.input('x', shape);
  const labels = graph.input('labels', [batch], 'u32');
  const tau = graph.input('tau', [batch, 1]);
  const variables = explanationVariables(graph, shape);
  let logits: Tensor | undefined;
  graph.procedure('explain', () => {
    logits = traceExplanation(
      graph,
      model,
      x,
      labels,
      settings,
      { settings: tau, columns: 1, column: 0 },
      variables,
    );
    return { logits };
  });
  const program = await engine.compile(graph);
  return {
    settings,
    batch,
    async run(images, given) {
      const count = checkBatch(
        images,
        given ?? new Uint32Array(images.length / (3 * height * width)),
        model.spec,
        batch,
      );
      program.write(x, padded(images, count, batch));
      program.write(tau, new Float32Array(batch).fill(settings.tau));
      program.write(
        labels,
        given ? padded(given, count, batch) : new Uint32Array(batch).fill(OWN_PREDICTION),
      );
      await program.run(['explain', 1]);
      const rows = (await program.read(logits!)).slice(0, count * classes);
      return {
        count,
        ...(await readExplanation(
          (tensor) => program.read(tensor),
          (tensor) => program.readU32(tensor),
          variables,
          count,
        )),
        logits: rows,
        classes: predictions(rows, classes),
      };
    },
    destroy: () => program.destroy(),
    [dispose]: () => program.destroy(),
  };
}

/** The explanation's part of a result. */
export async function readExplanation(
  read: (tensor: Tensor) => Promise<Float32Array>,
  readU32: (tensor: Tensor) => Promise<Uint32Array>,
  { cam, mask, region }: ExplanationVariables,
  count: number,
): Promise<Pick<ExplanationResult, 'cam' | 'mask' | 'cfr' | 'cfrPixels'>> {
  const pixels = cam.shape[1]! * cam.shape[2]!;
  const regions = await readU32(region);
  const images = Array.from({ length: count }, (_, image) => image);
  return {
    cam: (await read(cam)).slice(0, count * pixels),
    mask: (await read(mask)).slice(0, count * pixels),
    cfr: images.map((image) => (regions[2 * image] === 0 ? 'ok' : 'empty')),
    cfrPixels: images.map((image) => regions[2 * image + 1]!),
  };
}
