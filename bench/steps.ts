/** Times the two steps of a net and the whole attack on it. */
import { type Attack, createAttack, feed, traceAttack } from '../attack/driver.js';
import type { Engine } from '../engine/engine.js';
import type { VariantChoice } from '../engine/lowering.js';
import type { ProfileRow } from '../engine/program.js';
import type { Model } from '../nets/model.js';
import { checkSteps, fillSteps, traceSteps } from './nets.js';
import type { AttackRecord, StepRecord } from './records.js';
import { timeProcedure, timeWork } from './timing.js';

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
      const { min, median, max } = await timeProcedure(program, mode);
      const flops = program.dispatches(mode).reduce((sum, dispatch) => sum + dispatch.flops, 0);
      records.push({
        kind: 'step',
        net: model.name,
        batch,
        mode,
        msPerImage: { min: min / batch, median: median / batch, max: max / batch },
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
    const { min, median, max } = await timeWork(() => attack.run(x, labels));
    const shares = await sharesOf(engine, model, attack, x, labels);
    return {
      kind: 'attack',
      net: model.name,
      batch,
      iterations,
      imagesPerSecond: {
        min: (1000 * batch) / max,
        median: (1000 * batch) / median,
        max: (1000 * batch) / min,
      },
      ...shares,
    };
  } finally {
    attack.destroy();
  }
}

/**
 * Where the time of an attack goes that is not the net's: to the other kernels of a step, and to what the device waits for. Nothing
 * without timestamps.
 */
async function sharesOf(
  engine: Engine,
  model: Model,
  { method, settings }: Attack,
  x: Float32Array,
  labels: Uint32Array,
): Promise<Pick<AttackRecord, 'overhead' | 'idle'>> {
  if (!engine.traits.features.has('timestamp-query')) return {};
  const { frame, traced } = traceAttack(model, method, settings, labels.length);
  const program = await engine.compile(frame.graph);
  const time = (rows: readonly ProfileRow[]) => rows.reduce((sum, { duration }) => sum + duration, 0);
  try {
    await program.run(['explain', 1], ['begin', 1], ['step', 1]);
    const rows = await program.profile('step');
    const overhead = time(rows.filter(({ op }) => op === 'custom')) / time(rows);
    const started = performance.now();
    feed(program, frame, settings, x, labels);
    const device = await program.deviceTime(['explain', 1], ['begin', 1], ...traced.steps, ...traced.tail);
    const { explanation, best, state, logits, logitsBest } = frame;
    for (const result of [explanation.cam, explanation.mask, best, state, logits, logitsBest])
      await program.read(result);
    return { overhead, idle: 1 - device / (performance.now() - started) };
  } finally {
    program.destroy();
  }
}
