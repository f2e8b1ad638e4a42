/** Times training steps as `cfr train` does them: augmentation, both passes, the updates. */
import type { Engine } from '../engine/engine.js';
import type { Model } from '../nets/model.js';
import type { TrainingData } from '../train/data.js';
import { createTrainer } from '../train/trainer.js';
import type { TrainRecord } from './records.js';
import { timeWork } from './timing.js';

/** Steps of one sample: as many as the trainer does between two looks at its losses. */
const STEPS = 16;

/** @throws Error where no step changes the loss, DivergedError where a loss is no number: what is timed must compute something */
export async function benchTraining(engine: Engine, model: Model, batch: number): Promise<TrainRecord> {
  const trainer = await createTrainer(engine, model, {
    data: noiseImages(model, batch * STEPS),
    batch,
    rate: 0.01,
    epochs: 1000,
  });
  const steps = async () => {
    for (let i = 0; i < STEPS; i++) await trainer.advance();
    await trainer.settle();
  };
  try {
    await steps();
    const { losses } = trainer;
    if (!(losses[0]! > 0) || losses.every((loss) => loss === losses[0]))
      throw new Error(
        `bench: expected losses that training changes on ${engine.adapter.name}, got ${losses[0]} throughout; run \`cfr doctor\``,
      );
    const { min, median, max } = await timeWork(steps);
    const images = 1000 * batch * STEPS;
    return {
      kind: 'train',
      net: model.name,
      batch,
      imagesPerSecond: { min: images / max, median: images / median, max: images / min },
    };
  } finally {
    trainer.destroy();
  }
}

function noiseImages({ spec }: Model, length: number): TrainingData {
  const { inputSize, classes } = spec;
  const pixels = 3 * inputSize ** 2;
  return {
    name: 'noise',
    length,
    size: [inputSize, inputSize],
    labels: Uint32Array.from({ length }, (_, i) => i % classes),
    read: (index) =>
      Uint8Array.from({ length: pixels }, (_, i) => Math.imul(index * pixels + i + 1, 0x9e3779b1) >>> 24),
  };
}
