/** A net's forward pass as a program of its own. */
import { dispose } from '../base/disposable.js';
import { NonFiniteError } from '../base/errors.js';
import type { Engine } from '../engine/engine.js';
import { Graph, sizeOf, type Tensor } from '../engine/graph.js';
import { tensorsBehind } from '../engine/tensor.js';
import { forward, type Model } from '../nets/model.js';
import { checkBatch, checkCompiled, padded } from './batches.js';
import { softmax } from './logits.js';

/** A net's forward pass, compiled for a batch (`createClassifier`). */
export interface Classifier {
  /** x [n, 3, h, w] in [0,1], n up to the batch -> logits [n, classes]. */
  run(x: Float32Array): Promise<Float32Array>;
  /** Frees its memory on the device; it can't be used after. The engine stays open. */
  destroy(): void;
  /** `using`: `destroy` at the end of the block. */
  [dispose](): void;
}

/** Compiles the forward pass for up to `batch` images of the net's input size. */
export async function createClassifier(engine: Engine, model: Model, batch = 1): Promise<Classifier> {
  checkCompiled('createClassifier', engine, model, {}, batch);
  const { height, width, classes } = model.spec;
  const graph = new Graph();
  const x = graph.input('x', [batch, 3, height, width]);
  let logits: Tensor | undefined;
  graph.procedure('classify', () => {
    logits = forward(graph, model, x).logits;
    return { logits };
  });
  const program = await engine.compile(graph);
  const image = 3 * height * width;
  return {
    async run(pixels) {
      const count = pixels.length / image;
      checkBatch(pixels, new Uint32Array(Math.ceil(count)), model.spec, batch);
      program.write(x, padded(pixels, count, batch));
      await program.run(['classify', 1]);
      return checkFinite((await program.read(logits!)).slice(0, count * classes), model, pixels);
    },
    destroy: () => program.destroy(),
    [dispose]: () => program.destroy(),
  };
}

/** A class and how sure the net is of it. */
export interface Ranked {
  /** Index, from 0. */
  readonly class: number;
  /** The class's name, from the model's `labels`. */
  readonly label: string;
  /** Softmax, in [0, 1]. */
  readonly confidence: number;
}

/** What a net says of one image. */
export interface Classification extends Ranked {
  /** The most likely classes, the likeliest first. */
  readonly top: readonly [Ranked, ...Ranked[]];
  /** [classes], before the softmax. */
  readonly logits: Float32Array;
}

/** Names what one row of logits [classes] says. */
export function classification(
  { labels }: Pick<Model, 'labels'>,
  logits: Float32Array,
  top = 5,
): Classification {
  const confidences = softmax(logits);
  const [best, ...others] = [...logits.keys()]
    .sort((a, b) => logits[b]! - logits[a]! || a - b)
    .slice(0, Math.max(1, top))
    .map((index) => ({ class: index, label: labels[index]!, confidence: confidences[index]! }));
  return { ...best!, top: [best!, ...others], logits: logits.slice() };
}

/**
 * Logits [n, classes] of images x [n, 3, h, w] as they are.
 * @throws NonFiniteError where one is NaN or infinite: then the net or the device is broken
 */
export function checkFinite(
  logits: Float32Array,
  { name, spec }: Pick<Model, 'name' | 'spec'>,
  x: Float32Array,
): Float32Array {
  const at = logits.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return logits;
  throw new NonFiniteError(
    `${name}: expected finite logits, got ${logits[at]}; check the device with \`cfr doctor\`, then the weights`,
    imageAt(x, Math.floor(at / spec.classes), spec),
  );
}

function imageAt(x: Float32Array, index: number, { height, width }: Model['spec']): Float32Array {
  const size = 3 * height * width;
  return x.slice(index * size, (index + 1) * size);
}

/** Elements of the largest activation that the forward pass of one image makes (weights not counted). */
export function largestActivation(model: Model): number {
  const graph = new Graph();
  const x = graph.input('x', [1, 3, model.spec.height, model.spec.width]);
  let largest = 0;
  graph.procedure('classify', () => {
    const { logits, features } = forward(graph, model, x);
    for (const { shape, source } of tensorsBehind([logits, features]))
      if (source.kind !== 'constant') largest = Math.max(largest, sizeOf(shape));
    return { logits };
  });
  return largest;
}
