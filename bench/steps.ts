/** Times the two steps of a net and the whole attack on it. */
import { createAttack } from '../attack/runner';
import type { AttackSettings } from '../attack/settings';
import { traceAttack } from '../attack/trace';
import type { Engine } from '../engine/engine';
import type { VariantChoice } from '../engine/lowering';
import type { ProfileRow } from '../engine/program';
import type { Model } from '../nets/model';
import { checkSteps, fillSteps, traceSteps } from './nets';
import type { AttackRecord, StepRecord } from './records';
import { timeProcedure, timeWork } from './timing';

export async function benchSteps(
  engine: Engine,
  model: Model,
  batch: number,
  choose: VariantChoice,
): Promise<StepRecord[]> {
  const steps = traceSteps(model, batch);
  const program = await engine.compile(steps.graph, choose);
  try {
    fillSteps(steps, program);
    await checkSteps(engine, steps, program);
    const records: StepRecord[] = [];
    for (const mode of ['forward', 'gradient'] as const) {
      const { min, median } = await timeProcedure(program, mode);
      const flops = program.dispatches(mode).reduce((sum, dispatch) => sum + dispatch.flops, 0);
      records.push({
        kind: 'step',
        net: model.name,
        batch,
        mode,
        msPerImage: { min: min / batch, median: median / batch },
        gflops: flops / min / 1e6,
        memory: program.memory,
      });
    }
    return records;
  } finally {
    program.destroy();
  }
}

/** The `minimal` attack as a whole, uploads and results included, on images whose labels are the net's own predictions. */
export async function benchAttack(
  engine: Engine,
  model: Model,
  batch: number,
  iterations: number,
): Promise<AttackRecord> {
  const size = model.spec.inputSize;
  const x = Float32Array.from(
    { length: batch * 3 * size * size },
    (_, i) => Math.round(127.5 + 127 * Math.sin(i * 0.37)) / 255,
  );
  const labels = new Uint32Array(batch);
  const attack = await createAttack(engine, model, { mode: 'minimal', iterations }, batch);
  try {
    const { classes } = await attack.run(x, labels);
    labels.set(classes.subarray(0, batch));
    const { min, median } = await timeWork(() => attack.run(x, labels));
    const overhead = await overheadOf(engine, model, attack.settings, batch);
    return {
      kind: 'attack',
      net: model.name,
      batch,
      iterations,
      imagesPerSecond: { max: (1000 * batch) / min, median: (1000 * batch) / median },
      ...(overhead === undefined ? {} : { overhead }),
    };
  } finally {
    attack.destroy();
  }
}

/** Share of one step's time that is not the net's forward and backward pass: loss, verdict and update; undefined without timestamps. */
async function overheadOf(
  engine: Engine,
  model: Model,
  settings: AttackSettings,
  batch: number,
): Promise<number | undefined> {
  if (!engine.traits.features.has('timestamp-query')) return undefined;
  const program = await engine.compile(traceAttack(model, settings, batch).graph);
  try {
    await program.run(['explain', 1], ['init', 1], ['step', 1]);
    const rows = await program.profile('step');
    const time = (some: readonly ProfileRow[]) => some.reduce((sum, { duration }) => sum + duration, 0);
    return time(rows.filter(({ op }) => op === 'custom')) / time(rows);
  } finally {
    program.destroy();
  }
}
