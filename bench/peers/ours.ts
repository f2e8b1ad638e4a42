/** The engine's own side of the comparison: plans the work, then does it when told. Bundled by run.mjs. */
import { type Attack, createAttack } from '../../attack/driver.js';
import { concatenate } from '../../base/concatenate.js';
import type { Engine } from '../../engine/engine.js';
import type { Program } from '../../engine/program.js';
import {
  createEngine,
  loadModel,
  type Model,
  openDataset,
  readStateDict,
  resolveModel,
  toTensor,
} from '../../index.js';
import { measureCeilings } from '../ceilings.js';
import { traceTraining, trainingRates } from './training.js';
import { describeAttack, planTraining, planWork, type TrainingWork, type Work } from './work.js';
import { type Load, serve } from './worker.mjs';

let engine: Engine;
const works = new Map<string, { load(): Promise<Load>; unit: unknown }>();

serve({
  async open({ deterministic }: { deterministic: boolean }) {
    engine = await createEngine({ deterministic });
    const { name, driver, backend, software } = engine.adapter;
    return { adapter: { name, driver, backend, software } };
  },

  ceilings: () => measureCeilings(engine),

  /** Fills the work folder; the peers read everything from there. */
  async plan({
    folder,
    batch,
    attack,
  }: {
    folder: string;
    batch: number;
    attack?: { images: number; batch: number; iterations: number };
  }) {
    for (const work of planWork(folder, { batch }))
      works.set(work.unit.id, { unit: work.unit, load: () => loadWork(work) });
    for (const work of planTraining(folder))
      works.set(work.unit.id, { unit: work.unit, load: () => loadTraining(work) });
    if (attack) {
      const model = loadModel(await readStateDict(await resolveModel('resnet18-cifar10')));
      const { x, labels } = await sampleImages(attack.images);
      const unit = describeAttack(folder, model, x, labels, attack);
      works.set(unit.id, { unit, load: () => loadAttack(model, x, Uint32Array.from(labels), attack) });
    }
    return { units: [...works.values()].map(({ unit }) => unit) };
  },

  load: ({ unit }: { unit: { id: string } }) => works.get(unit.id)!.load(),
});

async function loadWork({ unit, x, trace }: Work): Promise<Load> {
  const traced = trace();
  const program: Program = await engine.compile(traced.graph);
  program.poison();
  program.write(traced.x, x);
  if (traced.labels) program.write(traced.labels, Uint32Array.from(unit.labels));
  return {
    run: (times) => program.run(['main', times]),
    output: () => program.read(unit.mode === 'gradient' ? traced.gradient! : traced.forward),
    dispose: () => program.destroy(),
  };
}

async function loadTraining({ unit, x, model }: TrainingWork): Promise<Load> {
  const traced = traceTraining(model, unit.batch);
  const program = await engine.compile(traced.graph);
  program.poison();
  program.write(traced.x, x);
  program.write(traced.labels, Uint32Array.from(unit.labels));
  program.write(traced.rates, trainingRates());
  program.write(traced.report, new Float32Array(traced.report.shape[0]!));
  for (const { name, weight, average, velocity } of traced.parameters) {
    const values = model.params.get(name)!.toFloat32();
    program.write(weight, values);
    program.write(average, values);
    program.write(velocity, new Float32Array(values.length));
  }
  return {
    run: (times) => program.run(['main', times]),
    async output() {
      const parts: Float32Array[] = [];
      for (const { velocity } of traced.parameters) parts.push(await program.read(velocity));
      return concatenate(Float32Array, parts);
    },
    dispose: () => program.destroy(),
  };
}

async function loadAttack(
  model: Model,
  x: Float32Array,
  labels: Uint32Array,
  { batch, iterations }: { batch: number; iterations: number },
): Promise<Load> {
  const attack: Attack = await createAttack(engine, model, { mode: 'minimal', iterations }, batch);
  const size = x.length / labels.length;
  let xAdv = new Float32Array(0);
  return {
    async run(times) {
      for (let i = 0; i < times; i++) {
        xAdv = new Float32Array(x.length);
        for (let at = 0; at < labels.length; at += batch) {
          const end = Math.min(at + batch, labels.length);
          const result = await attack.run(x.subarray(at * size, end * size), labels.subarray(at, end));
          xAdv.set(result.xAdv, at * size);
        }
      }
    },
    output: async () => xAdv,
    dispose: () => attack.destroy(),
  };
}

/** The shipped test images, over and over until there are `count`. */
async function sampleImages(count: number): Promise<{ x: Float32Array; labels: number[] }> {
  const dataset = await openDataset('cifar10-sample');
  const x = new Float32Array(count * 3 * 32 * 32);
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    const { image, label } = await dataset.get(i % dataset.length);
    x.set(toTensor(image), i * 3 * 32 * 32);
    labels.push(label);
  }
  return { x, labels };
}
