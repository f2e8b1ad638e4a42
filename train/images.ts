/** What happens to images on the device before and between the passes of a net: augmentation, and the perturbation of adversarial training. */
import { flatGrid } from '../engine/dispatch.js';
import { type Graph, sizeOf, type Tensor, type Variable } from '../engine/graph.js';
import { F32 } from '../engine/template.js';
import type { Size } from '../nets/spec.js';
import { randomText, shaderSource } from '../shaders/source.js';
import augmentText from '../shaders/train_augment.wgsl';
import perturbText from '../shaders/train_perturb.wgsl';
import { wordsOf } from './data.js';

const augmentShader = shaderSource('train_augment', augmentText, randomText);
const startShader = shaderSource('train_perturb', perturbText, randomText);
const perturbShader = shaderSource('train_perturb', perturbText);

/** Tells random numbers of one seed, image and step apart; the start of a perturbation takes those from START_STREAM on. */
const AUGMENT_STREAM = 0;
const START_STREAM = 1;

/** How images are cropped, mirrored and resized. */
export interface AugmentOptions {
  /** Height and width of the stored images. */
  readonly from: Size;
  /** Of what the net gets. */
  readonly to: Size;
  /** Black pixels around the stored image, in which the crop moves. */
  readonly border: number;
  /** Mirrors half of the images, by the draw of each. */
  readonly flip: boolean;
}

/** Inputs of `traceAugment`, which the host writes before each step. */
export interface ImageInputs {
  /** u32 [n * words]: `Batch.packed`. */
  readonly packed: Tensor;
  /** u32 [n] */
  readonly ids: Tensor;
  /** u32 [2]: seed and step. */
  readonly key: Tensor;
}

/**
 * Traces random crops out of a black border, mirroring and resizing of 8-bit images.
 * @returns pixels in [0, 1], [n, 3, ...to]
 */
export function traceAugment(
  graph: Graph,
  { packed, ids, key }: ImageInputs,
  options: AugmentOptions,
): Tensor {
  const { from, to, border, flip } = options;
  const shape = [ids.shape[0]!, 3, ...to];
  const count = sizeOf(shape);
  const grid = flatGrid(count);
  const resize = from[0] !== to[0] || from[1] !== to[1];
  const [pixels] = graph.custom({
    label: 'augment',
    shader: augmentShader,
    constants: {
      COUNT: count,
      ROW: grid.row,
      H: from[0],
      W: from[1],
      OH: to[0],
      OW: to[1],
      PAD: border,
      FLIP: flip,
      RESIZE: resize,
      WORDS: wordsOf(from),
      STREAM: AUGMENT_STREAM,
      ...(resize ? { SCALE_Y: new F32(from[0] / to[0]), SCALE_X: new F32(from[1] / to[1]) } : {}),
    },
    reads: [packed, ids, key],
    outputs: [{ shape }],
    workgroups: grid.workgroups,
  });
  return pixels!;
}

/** Traces delta = uniform in (-epsilon, epsilon), cut so that x + delta lies in [0, 1]. */
export function traceRandomStart(
  graph: Graph,
  delta: Variable,
  x: Tensor,
  { ids, key }: ImageInputs,
  epsilon: number,
): void {
  const count = sizeOf(delta.shape);
  const grid = flatGrid(count);
  graph.custom({
    label: 'random start',
    shader: startShader,
    constants: {
      KIND: 0,
      COUNT: count,
      ROW: grid.row,
      LIMIT: new F32(epsilon),
      ELEMENTS: count / delta.shape[0]!,
      STREAM: START_STREAM,
    },
    reads: [ids, key, x],
    writes: [delta],
    workgroups: grid.workgroups,
  });
}

/** Traces delta = clamp(delta + alpha * sign(gradient), -epsilon, epsilon), cut so that x + delta lies in [0, 1]. */
export function traceAscent(
  graph: Graph,
  delta: Variable,
  x: Tensor,
  gradient: Tensor,
  { alpha, epsilon }: { readonly alpha: number; readonly epsilon: number },
): void {
  const count = sizeOf(delta.shape);
  const grid = flatGrid(count);
  graph.custom({
    label: 'ascent',
    shader: perturbShader,
    constants: { KIND: 1, COUNT: count, ROW: grid.row, LIMIT: new F32(epsilon), RATE: new F32(alpha) },
    reads: [gradient, x],
    writes: [delta],
    workgroups: grid.workgroups,
  });
}

/** Traces x + delta, in [0, 1]. */
export function tracePerturbed(graph: Graph, x: Tensor, delta: Tensor): Tensor {
  const count = sizeOf(x.shape);
  const grid = flatGrid(count);
  const [shown] = graph.custom({
    label: 'perturbed',
    shader: perturbShader,
    constants: { KIND: 2, COUNT: count, ROW: grid.row },
    reads: [x, delta],
    outputs: [{ shape: x.shape }],
    workgroups: grid.workgroups,
  });
  return shown!;
}
