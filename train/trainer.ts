/**
 * A trainer: a net whose weights live on the device and change step by step. What it does depends on its settings, images and seed alone, so a trainer that
 * goes on from a checkpoint makes the same bytes as one that was never stopped (on the same adapter with the same kernels).
 */
import { UserError } from '../base/errors.js';
import type { Engine } from '../engine/engine.js';
import type { Program } from '../engine/program.js';
import { initialiseModel } from '../nets/initialise.js';
import type { Model } from '../nets/model.js';
import type { NetSpec, Size } from '../nets/spec.js';
import type { HostTensor } from '../weights/tensors.js';
import { decodeCheckpoint, encodeCheckpoint, type TrainerState } from './checkpoint.js';
import { type Batch, gather, orderOf, type TrainingData } from './data.js';
import { initialState, type TrainingGraph, traceProbe, traceTraining } from './graph.js';
import { mixAt, rateAt, stageOf, type TrainOptions, type TrainSettings, trainSettings } from './settings.js';
import { rates, readReport } from './updates.js';

/** A recipe and the images for it. */
export interface TrainerOptions extends TrainOptions {
  /** What it learns from. */
  readonly data: TrainingData;
}

/** A loss, a batch's moments or a gradient was no number: the step's updates are left out. */
export class DivergedError extends Error {
  /** The class's name. */
  override readonly name = 'DivergedError';
}

const REFUSED = {
  moments: 'finite means and variances of the batch, got others',
  gradient: 'finite gradients, got others',
};

/** Steps after which the device's losses are read. */
const READ_EVERY = 16;

/** A net in training on the device (`createTrainer`). */
export interface Trainer {
  /** Checked and complete. */
  readonly settings: TrainSettings;
  /** Whole batches of an epoch. */
  readonly stepsPerEpoch: number;
  /** Of the whole run. */
  readonly steps: number;
  /** Done. */
  readonly step: number;
  /** Mean loss and share of right predictions of each step that was read; all up to `step` after `settle`. */
  readonly losses: readonly number[];
  /** Of the same steps: share of the batch that was predicted right, in [0, 1]. */
  readonly accuracies: readonly number[];
  /**
   * Does one step.
   * @throws DivergedError where the loss is no number: at the latest `READ_EVERY` steps after it, with nothing changed since
   * @throws UserError after the last step
   */
  advance(): Promise<void>;
  /** Reads what the device has noted of the steps done. @throws DivergedError */
  settle(): Promise<void>;
  /** The net as it is now: the running averages of its weights and statistics. */
  model(): Promise<Model>;
  /** Everything that the next step depends on, as a file. */
  save(): Promise<Uint8Array>;
  /** Goes on from what `save` gave. @throws UserError for bytes of another run */
  restore(bytes: Uint8Array, source?: string): Promise<void>;
  /** Frees its memory on the device; it can't be used after. The engine stays open. */
  destroy(): void;
}

/**
 * A trainer of a net: a spec with weights from the seed, or a model to go on from.
 * @throws UserError on settings that are out of range or do not fit the net or the images
 */
export async function createTrainer(
  engine: Engine,
  net: NetSpec | Model,
  { data, ...options }: TrainerOptions,
): Promise<Trainer> {
  const model = 'params' in net ? net : initialiseModel(net, options.seed ?? 0);
  const settings = trainSettings(options, model.spec, data.size);
  if (data.length < settings.batch)
    throw new UserError(
      `${data.name}: expected at least the ${settings.batch} images of a batch, got ${data.length}`,
    );
  const { classes } = model.spec;
  const beyond = data.labels.find((label) => label >= classes);
  if (beyond !== undefined)
    throw new UserError(`${data.name}: expected labels below the net's ${classes} classes, got ${beyond}`);
  const trainer = new NetTrainer(engine, model, settings, data);
  await trainer.open();
  return trainer;
}

interface Running extends TrainingGraph {
  readonly size: Size;
  readonly program: Program;
}

class NetTrainer implements Trainer {
  readonly settings: TrainSettings;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  readonly losses: number[] = [];
  readonly accuracies: number[] = [];
  #step = 0;
  readonly #engine: Engine;
  readonly #model: Model;
  readonly #data: TrainingData;
  #running: Running | undefined;
  #order: { readonly epoch: number; readonly ids: Uint32Array } | undefined;
  /** Of the step before which `report` was zero. */
  #noted = 0;

  constructor(engine: Engine, model: Model, settings: TrainSettings, data: TrainingData) {
    this.#engine = engine;
    this.#model = model;
    this.#data = data;
    this.settings = settings;
    this.stepsPerEpoch = Math.floor(data.length / settings.batch);
    this.steps = this.stepsPerEpoch * settings.epochs;
  }

  get step(): number {
    return this.#step;
  }

  async open(): Promise<void> {
    const running = await this.#runningAt(0);
    this.#write(running, initialState(this.#model, running.state));
  }

  async advance(): Promise<void> {
    if (this.#step >= this.steps)
      throw new UserError(`training: expected a step of ${this.steps}, got one more`);
    const running = await this.#runningAt(this.#epochOf(this.#step));
    const { program, inputs, steps } = running;
    this.#feed(program, inputs, await this.#batch(this.#step), this.#step);
    const rate = rateAt(this.settings, this.#step, this.steps);
    program.write(inputs.rates, rates(rate, mixAt(this.settings, this.#step), this.#step));
    await program.run(...steps);
    this.#step++;
    if (this.#step - this.losses.length >= READ_EVERY) await this.settle();
  }

  async settle(): Promise<void> {
    if (this.losses.length === this.#step) return;
    const running = this.#live();
    const report = readReport(await running.program.read(running.report));
    for (let step = this.losses.length; step < this.#noted + report.noted; step++) {
      const loss = report.loss(step - this.#noted);
      if (report.bad && step === this.#noted + report.noted - 1) {
        this.#step = step;
        throw await this.#diverged(
          running,
          report.bad === 'loss' ? `a finite loss, got ${loss}` : REFUSED[report.bad],
        );
      }
      this.losses.push(loss);
      this.accuracies.push(report.right(step - this.#noted) / this.settings.batch);
    }
  }

  async model(): Promise<Model> {
    const running = this.#live();
    const params = new Map<string, HostTensor>();
    for (const name of this.#model.params.keys()) {
      const variable = running.state.get(`average.${name}`)!;
      const values = await running.program.read(variable);
      params.set(name, { shape: variable.shape, dtype: 'f32', toFloat32: () => values });
    }
    return { ...this.#model, params };
  }

  async save(): Promise<Uint8Array> {
    await this.settle();
    const running = this.#live();
    return encodeCheckpoint(await this.#state(running), running.state, this.#facts());
  }

  async restore(bytes: Uint8Array, source = 'checkpoint'): Promise<void> {
    const state = decodeCheckpoint(bytes, source, this.#live().state, this.#facts());
    const running = await this.#runningAt(this.#epochOf(Math.min(state.step, this.steps - 1)));
    this.#write(running, state.tensors);
    this.#step = state.step;
    this.#noted = state.step;
    this.losses.splice(0, Infinity, ...state.losses);
    this.accuracies.splice(0, Infinity, ...Array.from(state.right, (right) => right / this.settings.batch));
  }

  destroy(): void {
    this.#running?.program.destroy();
    this.#running = undefined;
  }

  #live(): Running {
    if (!this.#running) throw new Error('trainer: expected a live trainer, got one already destroyed');
    return this.#running;
  }

  #epochOf(step: number): number {
    return Math.floor(step / this.stepsPerEpoch);
  }

  /** The program for an epoch's resolution, with the state of the one before. */
  async #runningAt(epoch: number): Promise<Running> {
    const { size } = stageOf(this.settings, epoch);
    const old = this.#running;
    if (old && old.size[0] === size[0] && old.size[1] === size[1]) return old;
    if (old) await this.settle();
    const traced = traceTraining(this.#model, this.settings, this.#data.size, size);
    const state = old && (await this.#state(old));
    // One at a time: their activations are most of the memory.
    old?.program.destroy();
    this.#running = undefined;
    const running = { ...traced, size, program: await this.#engine.compile(traced.graph) };
    if (state) this.#write(running, state.tensors);
    this.#noted = this.#step;
    this.#running = running;
    return running;
  }

  async #state({ program, state }: Running): Promise<TrainerState> {
    const tensors = new Map<string, Float32Array>();
    for (const [name, variable] of state) tensors.set(name, await program.read(variable));
    return {
      step: this.#step,
      tensors,
      losses: Float32Array.from(this.losses),
      right: Float32Array.from(this.accuracies, (share) => Math.round(share * this.settings.batch)),
    };
  }

  #write({ program, state, report }: Running, tensors: ReadonlyMap<string, Float32Array>): void {
    for (const [name, variable] of state) program.write(variable, tensors.get(name)!);
    program.write(report, new Float32Array(report.shape[0]!));
  }

  async #batch(step: number): Promise<Batch> {
    const epoch = this.#epochOf(step);
    if (this.#order?.epoch !== epoch)
      this.#order = { epoch, ids: orderOf(this.#data.length, this.settings.seed, epoch) };
    const first = (step % this.stepsPerEpoch) * this.settings.batch;
    return gather(this.#data, this.#order.ids.subarray(first, first + this.settings.batch));
  }

  #feed(
    program: Program,
    inputs: Pick<TrainingGraph['inputs'], 'packed' | 'ids' | 'key'> & Partial<TrainingGraph['inputs']>,
    batch: Batch,
    step: number,
  ): void {
    program.write(inputs.packed, batch.packed);
    program.write(inputs.ids, batch.ids.slice());
    program.write(inputs.key, Uint32Array.of(this.settings.seed, step));
    if (inputs.labels) program.write(inputs.labels, batch.labels);
  }

  /** What a checkpoint must have in common with the trainer that goes on from it. */
  #facts() {
    const { spec, name } = this.#model;
    return {
      settings: this.settings,
      spec,
      net: name,
      data: { name: this.#data.name, length: this.#data.length },
    };
  }

  /** Finds out where a loss that is no number comes from: the first layer that gives what is none. */
  async #diverged(running: Running, what: string): Promise<DivergedError> {
    const where = await this.#badLayer(running);
    const epoch = this.#epochOf(this.#step) + 1;
    return new DivergedError(
      `training: expected ${what} in step ${this.#step + 1} (epoch ${epoch}); ${where}; lower the learning rate (${this.settings.rate})`,
    );
  }

  async #badLayer(running: Running): Promise<string> {
    const { tensors } = await this.#state(running);
    for (const name of this.#model.params.keys()) {
      if (!tensors.get(`weights.${name}`)!.every(Number.isFinite))
        return `the first such weights are those of ${name}`;
    }
    const probe = traceProbe(this.#model, this.settings, this.#data.size, running.size);
    const program = await this.#engine.compile(probe.graph);
    try {
      for (const [name, variable] of probe.state) program.write(variable, tensors.get(name)!);
      this.#feed(program, probe.inputs, await this.#batch(this.#step), this.#step);
      await program.run(['probe', 1]);
      for (const { layer, output } of probe.layers) {
        const [squares] = await program.read(output);
        if (!Number.isFinite(squares)) return `the first layer whose output is not finite is ${layer}`;
      }
    } finally {
      program.destroy();
    }
    return 'every layer gives finite numbers';
  }
}
