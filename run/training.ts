/**
 * A training run in a folder: checkpoints that a kill cannot tear, evaluation after each epoch, the loss curve, the file of the net. Whatever happens, the same command goes on
 * from the last checkpoint.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import type { Model } from '../nets/model.js';
import { makeFolders, readBytes, writeAtomic } from '../node/files.js';
import { lockFolder } from '../node/folder-lock.js';
import { curveText } from '../report/curve-text.js';
import { formatTable, percent } from '../report/table.js';
import { trainingCharts } from '../report/training-charts.js';
import { encodeNet } from '../train/checkpoint.js';
import type { TrainingData } from '../train/data.js';
import { stageOf } from '../train/settings.js';
import type { Trainer } from '../train/trainer.js';
import type { Console } from './console.js';
import { type Device, Interrupted } from './services.js';
import { pixelsOf } from './training-data.js';

export interface TrainingJob {
  readonly folder: string;
  /** Of the net's file, without its ending. */
  readonly name: string;
  readonly dataset: string;
  readonly test: TrainingData;
  /** How it is trained, in a line: for the file's metadata. */
  readonly recipe: string;
  /** Minutes between two checkpoints. */
  readonly every: number;
  /** Test images after each epoch; after the last all of them. */
  readonly evaluated: number;
  readonly overwrite: boolean;
  /** As of `lockFolder`. */
  readonly takeOver?: boolean;
}

/** What is known of an epoch that is done. */
export interface EpochRow {
  readonly epoch: number;
  readonly size: string;
  readonly loss: number;
  /** Share of the augmented (and attacked) images that were right while training. */
  readonly train: number;
  readonly test: number;
  /** Under PGD, adversarial training only. */
  readonly robust?: number;
  /** Of the run up to here, in all its processes. */
  readonly seconds: number;
}

interface Log {
  readonly rows: readonly EpochRow[];
}

/** PGD steps of the evaluation: after each epoch, and at the end. */
const ROBUST_STEPS = [10, 20] as const;
/** Images of the evaluation under PGD: it takes as many steps. */
const ROBUST_SHARE = 10;

const files = {
  checkpoint: 'checkpoint.safetensors',
  log: 'log.json',
  csv: 'log.csv',
  curve: 'training.svg',
};

export interface Trained {
  readonly path: string;
  readonly accuracy: number;
  readonly robust: number | undefined;
  readonly rows: readonly EpochRow[];
}

/** @throws Interrupted after a last checkpoint, DivergedError with the last good one kept */
export async function runTraining(
  job: TrainingJob,
  trainer: Trainer,
  device: Device,
  console: Console,
  signal: AbortSignal,
): Promise<Trained> {
  await makeFolders(job.folder);
  const lock = await lockFolder(job.folder, {
    note: (line) => console.note(line),
    takeOver: job.takeOver ?? false,
  });
  try {
    return await new Run(job, trainer, device, console, signal).run();
  } finally {
    await lock.release();
  }
}

class Run {
  readonly #job: TrainingJob;
  readonly #trainer: Trainer;
  readonly #device: Device;
  readonly #console: Console;
  readonly #signal: AbortSignal;
  #rows: EpochRow[] = [];
  /** Of earlier processes, and when this one began. */
  #earlier = 0;
  readonly #began = performance.now();

  constructor(job: TrainingJob, trainer: Trainer, device: Device, console: Console, signal: AbortSignal) {
    this.#job = job;
    this.#trainer = trainer;
    this.#device = device;
    this.#console = console;
    this.#signal = signal;
  }

  async run(): Promise<Trained> {
    await this.#resume();
    await this.#train();
    return this.#finish();
  }

  #path(name: string): string {
    return join(this.#job.folder, name);
  }

  async #resume(): Promise<void> {
    const path = this.#path(files.checkpoint);
    if (this.#job.overwrite || !existsSync(path)) return;
    await this.#trainer.restore(await readBytes(path, 'a checkpoint'), path);
    const { step, steps, stepsPerEpoch } = this.#trainer;
    const done = Math.floor(step / stepsPerEpoch);
    const log = this.#path(files.log);
    if (existsSync(log)) {
      const { rows } = JSON.parse(new TextDecoder().decode(await readBytes(log, 'a log'))) as Log;
      this.#rows = rows.filter(({ epoch }) => epoch <= done);
      this.#earlier = this.#rows.at(-1)?.seconds ?? 0;
    }
    this.#console.note(`${this.#job.folder}: ${step} of ${steps} steps are done; going on`);
  }

  async #train(): Promise<void> {
    const trainer = this.#trainer;
    const { steps, stepsPerEpoch, settings } = trainer;
    const progress = this.#console.progress('train', steps, 'steps');
    let saved = performance.now();
    let [since, sinceStep] = [performance.now(), trainer.step];
    try {
      while (trainer.step < steps) {
        if (this.#signal.aborted) throw await this.#interrupted();
        await trainer.advance();
        progress.at(trainer.step);
        if (trainer.step % stepsPerEpoch === 0) {
          await this.#epoch();
          saved = performance.now();
        } else if (performance.now() - saved > this.#job.every * 60_000) {
          await this.#save();
          saved = performance.now();
          const perSecond = ((trainer.step - sinceStep) * 1000) / (performance.now() - since);
          this.#console.note(
            `step ${trainer.step} of ${steps}: loss ${this.#recent().toFixed(3)}, ${(perSecond * settings.batch).toPrecision(3)} images/s`,
          );
          [since, sinceStep] = [performance.now(), trainer.step];
        }
      }
    } finally {
      progress.stop();
    }
  }

  async #interrupted(): Promise<Interrupted> {
    await this.#save();
    const { step, steps } = this.#trainer;
    return new Interrupted(
      `interrupted: ${step} of ${steps} steps are saved in ${this.#path(files.checkpoint)}; the same command goes on from there`,
    );
  }

  async #save(): Promise<void> {
    await writeAtomic(this.#path(files.checkpoint), await this.#trainer.save());
  }

  /** Mean loss of the last hundred steps. */
  #recent(): number {
    const last = this.#trainer.losses.slice(-100);
    return last.reduce((sum, loss) => sum + loss, 0) / last.length;
  }

  #seconds(): number {
    return Math.round(this.#earlier + (performance.now() - this.#began) / 1000);
  }

  async #epoch(): Promise<void> {
    const trainer = this.#trainer;
    const { settings, stepsPerEpoch } = trainer;
    await trainer.settle();
    const epoch = trainer.step / stepsPerEpoch;
    const mean = (values: readonly number[]) => {
      const own = values.slice((epoch - 1) * stepsPerEpoch, epoch * stepsPerEpoch);
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    };
    const model = await trainer.model();
    const last = epoch === settings.epochs;
    const count = last ? this.#job.test.length : Math.min(this.#job.evaluated, this.#job.test.length);
    const test = await accuracyOf(this.#device, model, this.#job.test, count, settings.batch);
    const robust =
      settings.at === 'none' ? undefined : await this.#robust(model, count, ROBUST_STEPS[last ? 1 : 0]);
    const row: EpochRow = {
      epoch,
      size: stageOf(settings, epoch - 1).size.join('x'),
      loss: mean(trainer.losses),
      train: mean(trainer.accuracies),
      test,
      ...(robust === undefined ? {} : { robust }),
      seconds: this.#seconds(),
    };
    this.#rows = [...this.#rows.filter((other) => other.epoch < epoch), row];
    const bytes = new TextEncoder().encode(`${JSON.stringify({ rows: this.#rows }, null, 1)}\n`);
    await writeAtomic(this.#path(files.log), bytes);
    await this.#save();
    this.#console.note(
      `epoch ${epoch} of ${settings.epochs} at ${row.size}: loss ${row.loss.toFixed(3)}, train ${percent(1)(row.train)}, ` +
        `test ${percent(1)(test)} of ${count}${robust === undefined ? '' : `, under PGD ${percent(1)(robust)}`}; ${row.seconds} s`,
    );
  }

  #robust(model: Model, count: number, iterations: number): Promise<number> {
    const { settings } = this.#trainer;
    const images = Math.max(1, Math.floor(count / ROBUST_SHARE));
    return robustAccuracyOf(this.#device, model, this.#job.test, images, settings.batch, {
      iterations,
      epsilon: settings.epsilon,
      alpha: 2 / 255,
    });
  }

  async #finish(): Promise<Trained> {
    const { dataset, name, recipe } = this.#job;
    const { test: accuracy, robust } = this.#rows.at(-1)!;
    const model = await this.#trainer.model();
    const path = this.#path(`${name}.safetensors`);
    await writeAtomic(
      path,
      encodeNet(model, {
        dataset,
        accuracy,
        training: recipe,
        ...(robust === undefined ? {} : { robustAccuracy: robust, robustSteps: ROBUST_STEPS[1] }),
      }),
    );
    const write = (file: string, text: string) =>
      writeAtomic(this.#path(file), new TextEncoder().encode(text));
    await write(files.csv, formatCsv(this.#rows));
    await write(
      files.curve,
      trainingCharts(name, this.#trainer.losses, this.#trainer.settings.batch, this.#rows),
    );
    this.#console.say(curveText(this.#trainer.losses, 'loss by step'));
    this.#console.say(
      formatTable(
        [
          { key: 'epoch' },
          { key: 'size' },
          { key: 'loss', format: (value) => value.toFixed(3) },
          { key: 'train', format: percent(1) },
          { key: 'test', format: percent(2) },
          ...(robust === undefined ? [] : [{ key: 'robust', header: 'under PGD', format: percent(1) }]),
          { key: 'seconds' },
        ],
        this.#rows.map((row) => ({ ...row })),
        this.#console,
      ),
    );
    return { path, accuracy, robust, rows: this.#rows };
  }
}

function formatCsv(rows: readonly EpochRow[]): string {
  const robust = rows.some((row) => row.robust !== undefined);
  const head = ['epoch', 'size', 'loss', 'train', 'test', ...(robust ? ['robust'] : []), 'seconds'] as const;
  return `${[head, ...rows.map((row) => head.map((key) => row[key as keyof EpochRow]))].map((line) => line.join(',')).join('\n')}\n`;
}

/** Share of the first `count` images that the net has right. */
export async function accuracyOf(
  device: Device,
  model: Model,
  test: TrainingData,
  count: number,
  batch: number,
): Promise<number> {
  const classifier = await device.classifier(model, Math.min(batch, count));
  try {
    let right = 0;
    await eachBatch(test, count, batch, async (x, labels) => {
      const logits = await classifier.run(x);
      right += labels.filter((label, i) => isRight(logits, model.spec.classes, i, label)).length;
    });
    return right / count;
  } finally {
    classifier.destroy();
  }
}

/** The same where PGD (Madry et al. 2018, one random start) may change each image. */
export async function robustAccuracyOf(
  device: Device,
  model: Model,
  test: TrainingData,
  count: number,
  batch: number,
  settings: { readonly iterations: number; readonly epsilon: number; readonly alpha: number },
): Promise<number> {
  const { attackSettings } = await import('../attack/driver.js');
  const asked = attackSettings({ method: 'pgd', norm: 'linf', ...settings }, model.spec);
  const attack = await device.attack(model, asked, Math.min(batch, count));
  try {
    let right = 0;
    await eachBatch(test, count, batch, async (x, labels, first) => {
      const indices = Array.from(labels, (_, i) => first + i);
      const { classes, success } = await attack.run(x, labels, { indices });
      right += labels.filter((label, i) => classes[i] === label && !success[i]).length;
    });
    return right / count;
  } finally {
    attack.destroy();
  }
}

async function eachBatch(
  test: TrainingData,
  count: number,
  batch: number,
  work: (x: Float32Array, labels: Uint32Array, first: number) => Promise<void>,
): Promise<void> {
  if (count < 1) throw new UserError(`${test.name}: expected test images, got none`);
  for (let first = 0; first < count; first += batch) {
    const some = Math.min(batch, count - first);
    await work(await pixelsOf(test, first, some), test.labels.slice(first, first + some), first);
  }
}

function isRight(logits: Float32Array, classes: number, image: number, label: number): boolean {
  const row = logits.subarray(image * classes, (image + 1) * classes);
  return row.every((value, c) => c === label || value < row[label]!);
}
