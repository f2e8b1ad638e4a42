/** What the attack's tests share: small nets with seeded weights, images, and runs of single kernels. */
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor } from '../engine/graph.js';
import type { ShaderConstant } from '../engine/template.js';
import { parameterNames } from '../nets/families.js';
import { loadModel, type Model } from '../nets/model.js';
import { makeSpec, type SpecOptions } from '../nets/spec.js';
import type { ShaderSource } from '../shaders/source.js';
import { seededPixels, seededStateDict } from './support/seeded.js';

/** A net of seeded weights. */
export function seededModel(arch: string, options: SpecOptions, seed = 1): Model {
  const shapes = Object.fromEntries(parameterNames(makeSpec(arch, options)));
  return loadModel(seededStateDict(shapes, seed), { name: `${arch} ${seed}`, arch });
}

/** Small enough for a CPU adapter; 32x32 images, 10 classes. */
export const tinyResnet = () => seededModel('resnet20', { widths: [6, 10, 12] }, 3);

/**
 * `tinyResnet` with the logits' means over some images taken off its bias: seeded nets predict one class for everything,
 * and no small perturbation changes that.
 * @param means of the 10 logits
 */
export function balancedResnet(means: readonly number[]): Model {
  const model = tinyResnet();
  const name = [...model.params.keys()].find((key) => /^(fc|linear)\.bias$/.test(key))!;
  const bias = model.params.get(name)!;
  const values = bias.toFloat32().map((value, c) => value - means[c]!);
  return { ...model, params: new Map([...model.params, [name, { ...bias, toFloat32: () => values }]]) };
}

export const PIXELS = 32 * 32;
export const ELEMENTS = 3 * PIXELS;

/** n CIFAR-sized images of random pixels. */
export const randomImages = (n: number, name = 'images') => seededPixels(name, n * ELEMENTS, 5);

export interface KernelRun {
  readonly shader: ShaderSource;
  readonly constants: Readonly<Record<string, ShaderConstant>>;
  /** Bound in this order, as the kernel's header has them. */
  readonly reads: readonly (Float32Array | Uint32Array)[];
  /** Their contents before the run. */
  readonly writes: readonly (Float32Array | Uint32Array)[];
  readonly outputs?: readonly number[];
  readonly workgroups: readonly [number, number, number];
}

/** Runs one kernel; returns the contents of `writes`, then of `outputs`, afterwards. */
export async function runKernel(engine: Engine, run: KernelRun): Promise<(Float32Array | Uint32Array)[]> {
  const graph = new Graph();
  const typeOf = (data: Float32Array | Uint32Array) => (data instanceof Float32Array ? 'f32' : 'u32');
  const reads = run.reads.map((data, i) => graph.input(`read ${i}`, [data.length], typeOf(data)));
  const writes = run.writes.map((data, i) => graph.variable(`write ${i}`, [data.length], typeOf(data)));
  let outputs: Tensor[] = [];
  graph.procedure('run', () => {
    outputs = graph.custom({
      label: run.shader.name,
      shader: run.shader,
      constants: run.constants,
      reads,
      writes,
      outputs: (run.outputs ?? []).map((length) => ({ shape: [length] })),
      workgroups: run.workgroups,
    });
    return Object.fromEntries(outputs.map((output, i) => [`output ${i}`, output]));
  });
  const program = await engine.compile(graph);
  try {
    for (const [i, tensor] of reads.entries()) program.write(tensor, run.reads[i]!);
    for (const [i, tensor] of writes.entries()) program.write(tensor, run.writes[i]!);
    program.poison();
    await program.run(['run', 1]);
    const results: (Float32Array | Uint32Array)[] = [];
    for (const tensor of [...writes, ...outputs]) {
      results.push(tensor.dtype === 'u32' ? await program.readU32(tensor) : await program.read(tensor));
    }
    return results;
  } finally {
    program.destroy();
  }
}
