/** The nets that are timed: any architecture in either form, with random weights, as procedures `forward` and `gradient`. */

import { UserError } from '../base/errors.js';
import { gradients } from '../engine/autodiff.js';
import type { Engine } from '../engine/engine.js';
import { Graph, sizeOf, type Tensor } from '../engine/graph.js';
import type { Program } from '../engine/program.js';
import { initialiseModel } from '../nets/initialise.js';
import { forward, type Model } from '../nets/model.js';
import { ARCHITECTURES, makeSpec } from '../nets/spec.js';

/** What is timed without `--net`. */
export const DEFAULT_NETS: readonly string[] = ['resnet18', 'vgg11'];

/** `NAME` (CIFAR form, 32x32) or `NAME@224` (ImageNet form). @throws UserError on an unknown one */
export function benchModel(name: string): Model {
  const [arch, size, ...rest] = name.split('@');
  if (
    !arch ||
    !ARCHITECTURES.has(arch) ||
    rest.length > 0 ||
    (size !== undefined && size !== '224' && size !== '32')
  ) {
    throw new UserError(
      `--net: expected NAME or NAME@224 with NAME one of ${[...ARCHITECTURES.keys()].join(', ')}, got "${name}"`,
    );
  }
  return { ...initialiseModel(makeSpec(arch, { form: size === '224' ? 'imagenet' : 'cifar' })), name };
}

export interface NetSteps {
  readonly graph: Graph;
  readonly x: Tensor;
  readonly labels: Tensor;
  readonly logits: Tensor;
  /** Gradient of the cross-entropy towards x, and the logits of the same pass. */
  readonly dx: Tensor;
  readonly gradientLogits: Tensor;
}

/** The two steps that attacks are made of: `forward`, and `gradient` (forward and the loss's gradient towards the pixels). */
export function traceSteps(model: Model, batch: number): NetSteps {
  const graph = new Graph();
  const size = model.spec.inputSize;
  const x = graph.input('x', [batch, 3, size, size]);
  const labels = graph.input('labels', [batch], 'u32');
  let logits: Tensor | undefined;
  graph.procedure('forward', () => {
    logits = forward(graph, model, x).logits;
    return { logits };
  });
  let dx: Tensor | undefined;
  let gradientLogits: Tensor | undefined;
  graph.procedure('gradient', () => {
    gradientLogits = forward(graph, model, x).logits;
    dx = gradients(graph.crossEntropy(gradientLogits, labels), [x])[0]!;
    return { dx, gradientLogits };
  });
  return { graph, x, labels, logits: logits!, dx: dx!, gradientLogits: gradientLogits! };
}

/** Fixed pixels in [0, 1) and labels. */
export function fillSteps(steps: NetSteps, program: Program): void {
  const pixels = Float32Array.from(
    { length: sizeOf(steps.x.shape) },
    (_, i) => Math.round(127.5 + 127 * Math.sin(i * 0.37)) / 255,
  );
  program.write(steps.x, pixels);
  program.write(
    steps.labels,
    Uint32Array.from({ length: steps.labels.shape[0]! }, (_, i) => i % steps.logits.shape[1]!),
  );
}

/** Runs both steps once and refuses numbers that are no numbers: what is timed must compute something. */
export async function checkSteps(engine: Engine, steps: NetSteps, program: Program): Promise<void> {
  program.poison();
  await program.run(['forward', 1], ['gradient', 1]);
  const [logits, again, dx] = [
    await program.read(steps.logits),
    await program.read(steps.gradientLogits),
    await program.read(steps.dx),
  ];
  const range = Math.max(...logits) - Math.min(...logits);
  if (!(range > 0) || !dx.every(Number.isFinite) || !dx.some((value) => value !== 0)) {
    throw new Error(
      `bench: expected finite, non-zero logits and gradients on ${engine.adapter.name}, got others; run \`cfr doctor\``,
    );
  }
  if (!logits.every((value, i) => Math.abs(value - again[i]!) <= 1e-4 * range)) {
    throw new Error('bench: expected the same logits from both steps, got others; run `cfr doctor`');
  }
}
