/**
 * Explanations (explanations.ts), the CFR they mark, and the soft mask over it. Traced into an attack's graph or run alone; both on the GPU alone.
 */

import { dispose } from '../base/disposable.js';
import { UserError } from '../base/errors.js';
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor, type Variable } from '../engine/graph.js';
import type { Model } from '../nets/model.js';
import { checkBatch, checkCompiled, padded } from './batches.js';
import { shaders, WORKGROUP } from './kernels.js';
import { predictions } from './logits.js';
import { mapSize, traceMaps } from './maps.js';
import { type ExplainSettings, explainTable, MASK_NORMS } from './settings/common.js';
import { resolveSettings } from './settings/rows.js';

/** The label that stands for the net's own prediction. */
export const OWN_PREDICTION = 0xffffffff;

/** Where an explanation of a batch of n images is kept on the GPU. */
export interface ExplanationVariables {
  /** The raw map [n, rows, columns], signed, at the resolution at which it is made. */
  readonly map: Variable;
  /** Lhat [n, h, w] in [0, 1]. */
  readonly cam: Variable;
  /** M [n, h, w]. */
  readonly mask: Variable;
  /** u32 [n, 2]: 1 where there is no evidence for the class, pixels of the CFR. */
  readonly region: Variable;
}

/** @param of tells several explanations of one graph apart */
export function explanationVariables(
  graph: Graph,
  model: Model,
  settings: ExplainSettings,
  n: number,
  of = '',
): ExplanationVariables {
  const { height, width } = model.spec;
  return {
    map: graph.variable(`map${of}`, [n, ...mapSize(model, settings)]),
    cam: graph.variable(`cam${of}`, [n, height, width]),
    mask: graph.variable(`mask${of}`, [n, height, width]),
    region: graph.variable(`region${of}`, [n, 2], 'u32'),
  };
}

/** Where the kernels read tau of each image: in a column of settings [n, columns]. */
export interface TauColumn {
  readonly settings: Tensor;
  readonly columns: number;
  readonly column: number;
}

/** An explanation to be traced: what it is, and where it goes. */
export interface TracedExplanation {
  readonly settings: ExplainSettings;
  readonly tau: TauColumn;
  readonly variables: ExplanationVariables;
}

/**
 * Traces, inside a procedure: the maps (Eq. 4 and 5 for Grad-CAM) and, from each, Lhat, the CFR and the soft mask (Eq. 6).
 * @param x [n, 3, h, w] in [0, 1]
 * @param classes u32 [n]: the classes to explain; `OWN_PREDICTION` where it is the predicted one
 * @returns the logits [n, classes] of x
 * @throws UserError if an explanation is CAM and the net does not end in global pooling and one linear layer
 */
export function traceExplanations(
  graph: Graph,
  model: Model,
  x: Tensor,
  classes: Tensor,
  explanations: readonly TracedExplanation[],
): Tensor {
  const { logits, maps } = traceMaps(
    graph,
    model,
    x,
    classes,
    explanations.map(({ settings }) => settings),
  );
  const { height, width } = model.spec;
  for (const [i, { settings, tau, variables }] of explanations.entries()) {
    const { map, cam, mask, region } = variables;
    const [n, rows, columns] = map.shape as [number, number, number];
    graph.assign(map, maps[i]!);
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
      reads: [maps[i]!, tau.settings],
      writes: [cam, mask, region],
      workgroups: [n, 1, 1],
    });
  }
  return logits;
}

/** Of n images of h x w pixels. */
export interface ExplanationResult {
  /** n. */
  readonly count: number;
  /** The raw map [n, rows, columns] at the resolution at which it is made (`mapSize`): signed, not rectified, not scaled. */
  readonly map: Float32Array;
  /** Lhat [n, h, w] in [0, 1]; zeros where the CFR is empty. */
  readonly cam: Float32Array;
  /** Soft mask M [n, h, w]; ones where the CFR is empty. */
  readonly mask: Float32Array;
  /** [n, classes], before the softmax. */
  readonly logits: Float32Array;
  /** Predicted classes [n]. */
  readonly classes: Uint32Array;
  /** `empty`: nothing in the map speaks for the class: no value of it is above 0. */
  readonly cfr: ('ok' | 'empty')[];
  /** Pixels of the CFR, 0 where it is empty. */
  readonly cfrPixels: number[];
}

/** An explanation compiled for a net and a batch (`createExplainer`). */
export interface Explainer {
  /** Checked and complete. */
  readonly settings: ExplainSettings;
  /** Most images of one run. */
  readonly batch: number;
  /**
   * Explains n images; what is said of one does not depend on the others.
   * @param x [n, 3, h, w] in [0, 1], n from 1 to `batch`
   * @param labels the classes to explain [n], where the settings name none; null: what the net predicts
   */
  run(x: Float32Array, labels: Uint32Array | null): Promise<ExplanationResult>;
  /** Frees its memory on the device; it can't be used after. The engine stays open. */
  destroy(): void;
  /** `using`: `destroy` at the end of the block. */
  [dispose](): void;
}

/** Several explanations of the same images, from one forward and one backward pass. */
export interface Explainers {
  /** The results have the order of the settings. */
  run(x: Float32Array, labels: Uint32Array | null): Promise<ExplanationResult[]>;
  /** Checked and complete, in the order in which they were given. */
  readonly settings: readonly ExplainSettings[];
  /** Most images of one run. */
  readonly batch: number;
  /** Frees its memory on the device; it can't be used after. The engine stays open. */
  destroy(): void;
  /** `using`: `destroy` at the end of the block. */
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
  const all = await createExplainers(engine, model, [options], batch);
  return {
    settings: all.settings[0]!,
    batch,
    run: async (x, labels) => (await all.run(x, labels))[0]!,
    destroy: () => all.destroy(),
    [dispose]: () => all.destroy(),
  };
}

/**
 * Compiles several explanations of batches of images as one program.
 * @throws UserError on bad settings, on none, or CAM of a net that has none
 */
export async function createExplainers(
  engine: Engine,
  model: Model,
  options: readonly Partial<ExplainSettings>[],
  batch = 1,
): Promise<Explainers> {
  checkCompiled('createExplainers', engine, model, options[0] ?? {}, batch);
  if (options.length === 0) throw new UserError('explanations: expected at least one, got none');
  const settings = options.map((one) => resolveSettings(explainTable, one, model.spec, 'an explanation'));
  const { height, width, classes } = model.spec;
  const graph = new Graph();
  const x = graph.input('x', [batch, 3, height, width]);
  const { explainClass } = settings[0]!;
  if (settings.some((one) => one.explainClass !== explainClass))
    throw new UserError(
      `explainClass: expected one for all explanations of a program, got ${settings.map((one) => one.explainClass ?? 'the label').join(', ')}`,
    );
  const explained = graph.input('classes', [batch], 'u32');
  const tau = graph.input('tau', [batch, settings.length]);
  const traced = settings.map((one, i) => ({
    settings: one,
    tau: { settings: tau, columns: settings.length, column: i },
    variables: explanationVariables(graph, model, one, batch, ` ${i}`),
  }));
  let logits: Tensor | undefined;
  graph.procedure('explain', () => {
    logits = traceExplanations(graph, model, x, explained, traced);
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
      program.write(
        tau,
        Float32Array.from(Array.from({ length: batch }, () => settings.map((one) => one.tau)).flat()),
      );
      const chosen = explainClass ?? OWN_PREDICTION;
      program.write(
        explained,
        explainClass === undefined && given
          ? padded(given, count, batch)
          : new Uint32Array(batch).fill(chosen),
      );
      await program.run(['explain', 1]);
      const rows = (await program.read(logits!)).slice(0, count * classes);
      const results: ExplanationResult[] = [];
      for (const { variables } of traced)
        results.push({
          count,
          ...(await readExplanation(
            (tensor) => program.read(tensor),
            (tensor) => program.readU32(tensor),
            variables,
            count,
          )),
          logits: rows,
          classes: predictions(rows, classes),
        });
      return results;
    },
    destroy: () => program.destroy(),
    [dispose]: () => program.destroy(),
  };
}

/** The explanation's part of a result. */
export async function readExplanation(
  read: (tensor: Tensor) => Promise<Float32Array>,
  readU32: (tensor: Tensor) => Promise<Uint32Array>,
  { map, cam, mask, region }: ExplanationVariables,
  count: number,
): Promise<Pick<ExplanationResult, 'map' | 'cam' | 'mask' | 'cfr' | 'cfrPixels'>> {
  const pixels = cam.shape[1]! * cam.shape[2]!;
  const regions = await readU32(region);
  const images = Array.from({ length: count }, (_, image) => image);
  return {
    map: (await read(map)).slice(0, count * map.shape[1]! * map.shape[2]!),
    cam: (await read(cam)).slice(0, count * pixels),
    mask: (await read(mask)).slice(0, count * pixels),
    cfr: images.map((image) => (regions[2 * image] === 0 ? 'ok' : 'empty')),
    cfrPixels: images.map((image) => regions[2 * image + 1]!),
  };
}
