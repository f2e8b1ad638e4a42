/**
 * The work that everyone does, as data that any peer can read: a net or a single op is a list of plain ops over named
 * tensors, written beside it as raw f32. It is read off the engine's own traced graph, so that nobody runs another net.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gradients } from '../../engine/autodiff.js';
import { Graph, sizeOf, type Tensor } from '../../engine/graph.js';
import { initialiseModel } from '../../nets/initialise.js';
import { forward, type Model } from '../../nets/model.js';
import { makeSpec } from '../../nets/spec.js';
import { TRAINING_RULE, traceTraining } from './training.js';

/** One op; `inputs` name the unit's input, its tensors, or earlier nodes. Attributes as in engine/ops/attributes.ts. */
export interface WorkNode {
  readonly id: string;
  readonly op: string;
  readonly attributes: unknown;
  readonly inputs: readonly string[];
  readonly shape: readonly number[];
}

export interface StoredTensor {
  readonly shape: readonly number[];
  /** Raw little-endian f32, in the work folder. */
  readonly file: string;
}

/** One thing that is timed. */
export interface WorkUnit {
  readonly id: string;
  readonly kind: 'kernel' | 'step' | 'train' | 'attack';
  readonly batch: number;
  /** `gradient`: forward, and the gradient of the summed cross-entropy towards the input. `train`: a step of training.ts. */
  readonly mode: 'forward' | 'gradient' | 'train' | 'attack';
  /** Of its convolutions and matrix products, counted directly, a multiply-add as 2; of one run. */
  readonly flops: number;
  readonly input: StoredTensor;
  readonly labels: readonly number[];
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  readonly nodes: readonly WorkNode[];
  readonly output: string;
  /** Attacks: images of one run, steps, and the node whose value Grad-CAM explains with. */
  readonly attack?: { readonly images: number; readonly iterations: number; readonly features: string };
  /** Training: which tensors are learned, and how. What is compared are their velocities after the first step, one after the other. */
  readonly training?: {
    readonly rate: number;
    readonly momentum: number;
    readonly parameters: readonly { readonly id: string; readonly decay: number }[];
  };
}

export interface TracedWork {
  readonly graph: Graph;
  readonly x: Tensor;
  readonly labels?: Tensor;
  readonly forward: Tensor;
  readonly gradient?: Tensor;
  readonly features?: Tensor;
}

/** 3x3, stride 1: the shapes that VGG and ResNet spend their time in, from their first to their last stage. */
const CONVOLUTIONS = [
  [64, 32],
  [128, 16],
  [256, 8],
  [512, 4],
] as const;

export interface WorkOptions {
  readonly batch: number;
  /** Timed besides the forward pass and the gradient, if given. */
  readonly attack?: { readonly model: Model; readonly images: number; readonly iterations: number };
}

export interface Work {
  readonly unit: WorkUnit;
  readonly x: Float32Array;
  readonly trace: () => TracedWork;
}

/** A net that is trained, and how many images a step takes. */
export interface TrainingWork {
  readonly unit: WorkUnit;
  readonly x: Float32Array;
  readonly model: Model;
}

/** Images of a training step. */
const TRAINING_BATCH = 32;

/** Writes every unit's tensors into `folder`. */
export function planWork(folder: string, options: WorkOptions): Work[] {
  const store = new TensorStore(folder);
  const works: Work[] = [];
  for (const batch of [1, 8]) {
    for (const [channels, size] of CONVOLUTIONS) {
      const trace = () => traceConvolution(batch, channels, size);
      const id = `conv 3x3 ${channels}ch ${size}x${size} b${batch}`;
      works.push(describe(store, trace, { id, kind: 'kernel', mode: 'forward', batch }));
    }
  }
  works.push(
    describe(store, () => traceProduct(1024), {
      id: 'matmul 1024',
      kind: 'kernel',
      mode: 'forward',
      batch: 1,
    }),
  );
  for (const [arch, name] of [
    ['vgg11_bn', 'VGG-11'],
    ['resnet18', 'ResNet-18'],
  ] as const) {
    const model = initialiseModel(makeSpec(arch, { form: 'cifar' }));
    for (const mode of ['forward', 'gradient'] as const) {
      const trace = () => traceNet(model, options.batch, mode);
      works.push(
        describe(store, trace, {
          id: `${name} ${mode} b${options.batch}`,
          kind: 'step',
          mode,
          batch: options.batch,
        }),
      );
    }
  }
  return works;
}

function traceConvolution(batch: number, channels: number, size: number): TracedWork {
  const graph = new Graph();
  const x = graph.input('x', [batch, channels, size, size]);
  const shape = [channels, channels, 3, 3];
  const weight = graph.constant('weight', shape, noise(sizeOf(shape), 7, Math.sqrt(6 / (9 * channels))));
  return traced(graph, x, 'forward', () => ({ forward: graph.conv2d(x, weight, undefined, { padding: 1 }) }));
}

function traceProduct(size: number): TracedWork {
  const graph = new Graph();
  const x = graph.input('x', [size, size]);
  const weight = graph.constant('weight', [size, size], noise(size * size, 7, 1));
  return traced(graph, x, 'forward', () => ({ forward: graph.matmul(x, weight) }));
}

/** The net on x [batch, 3, h, w]; in mode `gradient` also the gradient of its cross-entropy. */
export function traceNet(model: Model, batch: number, mode: 'forward' | 'gradient'): TracedWork {
  const graph = new Graph();
  const { inputSize } = model.spec;
  const x = graph.input('x', [batch, 3, inputSize, inputSize]);
  const labels = graph.input('labels', [batch], 'u32');
  const work = traced(graph, x, mode, () => {
    const { logits, features } = forward(graph, model, x);
    if (mode === 'forward') return { forward: logits, features };
    return { forward: logits, features, gradient: gradients(graph.crossEntropy(logits, labels), [x])[0]! };
  });
  return { ...work, labels };
}

function traced(
  graph: Graph,
  x: Tensor,
  mode: 'forward' | 'gradient',
  trace: () => { forward: Tensor; gradient?: Tensor; features?: Tensor },
): TracedWork {
  let result: ReturnType<typeof trace> | undefined;
  graph.procedure('main', () => {
    result = trace();
    return { output: mode === 'gradient' ? result.gradient! : result.forward };
  });
  return { graph, x, ...result! };
}

/** The training steps, with their tensors written into `folder`. */
export function planTraining(folder: string): TrainingWork[] {
  const store = new TensorStore(folder);
  return (
    [
      ['resnet20', 'ResNet-20'],
      ['vgg11_bn', 'VGG-11'],
    ] as const
  ).map(([arch, name]) => {
    const model = initialiseModel(makeSpec(arch, { form: 'cifar' }));
    const batch = TRAINING_BATCH;
    const traced = traceTraining(model, batch);
    const x = images(traced.x.shape);
    const { rate, momentum } = TRAINING_RULE;
    const unit: WorkUnit = {
      id: `${name} training b${batch}`,
      kind: 'train',
      mode: 'train',
      batch,
      ...listNodes(store, traced, (variable) => model.params.get(parameterOf(variable))!.toFloat32()),
      // Forward, and the gradients of both operands.
      flops: 3 * flopsOf(traced.forward),
      input: store.put(traced.x.shape, x),
      labels: labelsFor(batch, traced.forward),
      training: {
        rate,
        momentum,
        parameters: traced.parameters.map(({ weight, decay }) => ({ id: `n${weight.id}`, decay })),
      },
    };
    return { unit, x, model };
  });
}

/** The name of a learned variable without its kind (`learned`). */
const parameterOf = (variable: string) => variable.replace(/^weights\./, '');

/** Images of exactly k/255. */
const images = (shape: readonly number[]) =>
  noise(sizeOf(shape), 3, 1).map((value) => Math.round((value + 1) * 127.5) / 255);

const labelsFor = (batch: number, logits: Tensor) =>
  Array.from({ length: batch }, (_, i) => i % (logits.shape[1] ?? 1));

type Head = Pick<WorkUnit, 'id' | 'kind' | 'mode' | 'batch'>;

function describe(store: TensorStore, trace: () => TracedWork, head: Head): Work {
  const traced = trace();
  const { shape } = traced.x;
  const x = head.kind === 'step' ? images(shape) : noise(sizeOf(shape), 3, 1);
  const unit: WorkUnit = {
    ...head,
    ...listNodes(store, traced),
    flops: flopsOf(traced.forward) * (head.mode === 'gradient' ? 2 : 1),
    input: store.put(shape, x),
    labels: labelsFor(head.batch, traced.forward),
  };
  return { unit, x, trace };
}

/** A whole attack on a trained net and real images. */
export function describeAttack(
  folder: string,
  model: Model,
  x: Float32Array,
  labels: readonly number[],
  options: { readonly batch: number; readonly iterations: number },
): WorkUnit {
  const store = new TensorStore(folder);
  const traced = traceNet(model, options.batch, 'forward');
  const images = labels.length;
  const { iterations, batch } = options;
  return {
    id: `attack ${model.spec.arch} ${images} images N${iterations}`,
    kind: 'attack',
    mode: 'attack',
    batch,
    ...listNodes(store, traced),
    // Explanation and every step: forward and backward; the last judgement: forward.
    flops: (flopsOf(traced.forward) / batch) * images * (2 * (iterations + 1) + 1),
    input: store.put([images, 3, model.spec.inputSize, model.spec.inputSize], x),
    labels,
    attack: { images, iterations, features: `n${traced.features!.id}` },
  };
}

function listNodes(
  store: TensorStore,
  { x, forward }: Pick<TracedWork, 'x' | 'forward'>,
  valuesOf?: (variable: string) => Float32Array,
): Pick<WorkUnit, 'nodes' | 'tensors' | 'output'> {
  const nodes: WorkNode[] = [];
  const tensors: Record<string, StoredTensor> = {};
  const seen = new Set<Tensor>([x]);
  const nameOf = (tensor: Tensor) => (tensor === x ? 'x' : `n${tensor.id}`);
  const visit = (tensor: Tensor): void => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    const { source } = tensor;
    const id = nameOf(tensor);
    if (source.kind === 'constant') {
      tensors[id] = store.put(tensor.shape, source.values());
    } else if (source.kind === 'variable' && valuesOf) {
      tensors[id] = store.put(tensor.shape, valuesOf(source.name));
    } else if (source.kind === 'op') {
      for (const input of source.inputs) visit(input);
      nodes.push({
        id,
        op: source.op,
        attributes: source.attributes,
        inputs: source.inputs.map(nameOf),
        shape: tensor.shape,
      });
    } else {
      throw new Error(
        `internal: peers: expected ops, constants and what is trained, got a tensor of kind ${source.kind}`,
      );
    }
  };
  visit(forward);
  return { nodes, tensors, output: nameOf(forward) };
}

function flopsOf(output: Tensor): number {
  const seen = new Set<Tensor>();
  let flops = 0;
  const visit = (tensor: Tensor): void => {
    const { source } = tensor;
    if (seen.has(tensor) || source.kind !== 'op') return;
    seen.add(tensor);
    for (const input of source.inputs) visit(input);
    const [a, b] = source.inputs;
    if (source.op === 'conv2d') flops += 2 * sizeOf(tensor.shape) * sizeOf(b!.shape.slice(1));
    if (source.op === 'matmul')
      flops += 2 * sizeOf(tensor.shape) * a!.shape[source.attributes.transposeA ? 0 : 1]!;
  };
  visit(output);
  return flops;
}

/** One file for the same values, however many units use them. */
class TensorStore {
  readonly #folder: string;
  static readonly #written = new WeakMap<Float32Array, string>();
  static #next = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  put(shape: readonly number[], data: Float32Array): StoredTensor {
    const known = TensorStore.#written.get(data);
    if (known !== undefined) return { shape, file: known };
    const file = `tensor-${TensorStore.#next++}.f32`;
    writeFileSync(join(this.#folder, file), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    TensorStore.#written.set(data, file);
    return { shape, file };
  }
}

/** Uniform in [-range, range) from a 32-bit linear congruential generator. */
function noise(count: number, seed: number, range: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * range;
  });
}
