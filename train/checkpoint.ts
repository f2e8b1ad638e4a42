/** A trainer's state as bytes and back, and the file of a net that it has made. */
import { UserError } from '../base/errors.js';
import type { Shape } from '../engine/graph.js';
import type { Model } from '../nets/model.js';
import { ARCHITECTURES } from '../nets/spec.js';
import { encodeSafetensors, parseSafetensors, type TensorToWrite } from '../weights/safetensors.js';

/** Everything that the next step depends on. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  /** Variables by name. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Mean loss and right predictions of each step done. */
  readonly losses: Float32Array;
  readonly right: Float32Array;
}

/** @param facts what the run is (settings, net, data): a checkpoint of another one is refused */
export function encodeCheckpoint(
  state: TrainerState,
  shapes: ReadonlyMap<string, { readonly shape: Shape }>,
  facts: unknown,
) {
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, data] of state.tensors)
    tensors.set(name, { dtype: 'f32', shape: shapes.get(name)!.shape, data });
  tensors.set('losses', { dtype: 'f32', shape: [state.step], data: state.losses });
  tensors.set('right', { dtype: 'f32', shape: [state.step], data: state.right });
  return encodeSafetensors(tensors, { checkpoint: JSON.stringify({ step: state.step, facts }) });
}

/**
 * @param source what the bytes are called in messages
 * @throws UserError for a file that is no checkpoint of this run: damaged, of another net, of other settings
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  source: string,
  shapes: ReadonlyMap<string, { readonly shape: Shape }>,
  facts: unknown,
): TrainerState {
  const { tensors, metadata } = parseSafetensors(bytes, source);
  const header = metadata.checkpoint === undefined ? undefined : JSON.parse(metadata.checkpoint);
  if (!header) throw new UserError(`${source}: expected a checkpoint of a training run, got other tensors`);
  const difference = firstDifference(header.facts, JSON.parse(JSON.stringify(facts)));
  if (difference !== undefined)
    throw new UserError(
      `${source}: expected a checkpoint of this run, got one of another: ${difference}; start again with --overwrite, or choose another folder`,
    );
  const read = (name: string, shape: Shape): Float32Array => {
    const tensor = tensors.get(name);
    if (!tensor || tensor.shape.join() !== shape.join())
      throw new UserError(
        `${source}: expected ${name} [${shape.join(', ')}], got ${tensor ? `[${tensor.shape.join(', ')}]` : 'none'}`,
      );
    return tensor.toFloat32();
  };
  return {
    step: header.step,
    tensors: new Map([...shapes].map(([name, { shape }]) => [name, read(name, shape)])),
    losses: read('losses', [header.step]),
    right: read('right', [header.step]),
  };
}

/** The first place where two JSON values differ, as `path: a, not b`. */
function firstDifference(a: unknown, b: unknown, path = ''): string | undefined {
  const both = [a, b];
  if (both.every((value) => typeof value === 'object' && value !== null)) {
    const [one, other] = both as [Record<string, unknown>, Record<string, unknown>];
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      const found = firstDifference(one[key], other[key], path === '' ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return a === b ? undefined : `${path} ${JSON.stringify(a)}, here ${JSON.stringify(b)}`;
}

/** What a net's file says of its training. */
export interface TrainedFacts {
  /** Name of the data it was trained on. */
  readonly dataset: string;
  /** Top-1 of the data set's test images, as a fraction of 1. */
  readonly accuracy?: number;
  /** The same under the PGD attack that `training` names. */
  readonly robustAccuracy?: number;
  /** Steps of that attack. */
  readonly robustSteps?: number;
  /** How it was trained, in a line. */
  readonly training: string;
}

/** The largest number that f16 holds. */
const MOST_F16 = 65504;

/** A net as the file that the registry takes: f16 tensors under their usual names, and what it is in the metadata. */
export function encodeNet({ spec, params, labels }: Model, facts: TrainedFacts): Uint8Array {
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, tensor] of params) {
    const data = tensor.toFloat32();
    const dtype = data.every((value) => Math.abs(value) <= MOST_F16) ? 'f16' : 'f32';
    tensors.set(name, { dtype, shape: tensor.shape, data });
  }
  return encodeSafetensors(tensors, {
    ...(ARCHITECTURES.has(spec.arch) ? { architecture: spec.arch } : {}),
    dataset: facts.dataset,
    mean: JSON.stringify(spec.mean),
    std: JSON.stringify(spec.std),
    ...(facts.dataset === 'cifar10' ? {} : { labels: JSON.stringify(labels) }),
    ...(facts.accuracy === undefined ? {} : { accuracy: facts.accuracy.toFixed(4) }),
    ...(facts.robustAccuracy === undefined
      ? {}
      : { [`pgd${facts.robustSteps}_accuracy`]: facts.robustAccuracy.toFixed(4) }),
    training: facts.training,
  });
}
