/**
 * Runs any method on batches of images: compiles it once, feeds it, submits its steps with the host looking in between where it must, reads
 * the results. Knows no method.
 */
import { dispose } from '../base/disposable.js';
import { UserError } from '../base/errors.js';
import type { Engine } from '../engine/engine.js';
import { sizeOf } from '../engine/graph.js';
import type { Program } from '../engine/program.js';
import type { Model } from '../nets/model.js';
import { checkBatch, checkCompiled, padded } from './batches.js';
import { type ExplanationResult, OWN_PREDICTION, readExplanation } from './explain.js';
import { Frame } from './frame.js';
import { SLOTS } from './kernels.js';
import { predictions } from './logits.js';
import type { Method, Traced } from './method.js';
import { methodNamed } from './methods/index.js';
import { fixedMask, parseRegion } from './regions.js';
import { MOST_STEPS, makeSession, type Session, type Snapshot, Submissions } from './session.js';
import type { Norm } from './settings/common.js';
import { SettingError } from './settings/rows.js';
import type { AttackSettings } from './traits.js';

/** What a caller asks for: a method's name and its settings; everything has a default. */
export type AttackOptions = {
  /** A name of `METHODS`. Default `cfr`. */
  readonly method?: string | undefined;
} & Readonly<Record<string, unknown>>;

/** Of n images; `map`, `cam`, `mask`, `logits`, `classes`, `cfr`, `cfrPixels` are those of the clean images and the classes explained. */
export interface AttackResult extends ExplanationResult {
  /** [n, 3, h, w], exactly k/255: what is saved, judged and measured. X itself where a minimal attack fooled with nothing. */
  readonly xAdv: Float32Array;
  /** xAdv - X, [n, 3, h, w]; with `cfr` over the mask (0 outside of it), so that xAdv is X + delta*M, clipped and rounded to 8 bits. */
  readonly delta: Float32Array;
  /** [n, classes], of `xAdv`. */
  readonly logitsAdv: Float32Array;
  /** Predicted classes of `xAdv` [n]. */
  readonly classesAdv: Uint32Array;
  /** `xAdv` differs from X and is predicted wrong, or as the target where X was not. */
  readonly success: boolean[];
  /** Steps before the result was found; all of them where nothing was. */
  readonly iterations: number[];
  /** Passes through the net that were spent on each image, without the explanation's. */
  readonly forwards: number[];
  /** As `forwards`, through the net and back. */
  readonly backwards: number[];
  /** Passes, forward and backward, before the result was found. */
  readonly found: number[];
  /** Norms of the best before it was rounded; null where the method sees 8-bit images only, or nothing fooled. */
  readonly float: (Readonly<Record<Norm, number>> | null)[];
  /** Pixels of the region; an attack in an empty one leaves the image as it is. */
  readonly regionPixels: number[];
  /** Loss and l2 of each step, one row an image. */
  readonly trace: Float32Array[];
}

/** What a run may be told beside its images; everything has a default. */
export interface RunOptions {
  /** Called after every submission with the steps done; makes submissions short. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Checked between submissions, which it makes short; the run then throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Steps of one submission at most, an integer from 1. Changes no result. Default: 100, or by time if someone is watching. */
  readonly stepsPerSubmission?: number | undefined;
  /** The start [n, 3, h, w] instead of the method's own, where it has one. */
  readonly deltaInit?: Float32Array | undefined;
  /** What `explain` said of these images and labels: not computed again. */
  readonly explanation?: ExplanationResult | undefined;
  /** A number for each image that, with the seed, fixes its random numbers: its place in the data set. Default 0, 1... */
  readonly indices?: readonly number[] | undefined;
  /** Other settings for single images: numbers that are no part of the program. Default: the attack's. */
  readonly each?: readonly Readonly<Record<string, number>>[] | undefined;
}

/** An attack that goes on when it is told to (`Attack.start`). */
export type AttackSession = Session<AttackResult>;

/** Those of `RunOptions` that say what is run; a session is watched and stopped by its own methods. */
export type StartOptions = Pick<RunOptions, 'deltaInit' | 'explanation' | 'indices' | 'each'>;

/** An attack that is compiled for a net, a method and a batch; replayed by each `run`. */
export interface Attack {
  /** The method, its sources and settings as data. */
  readonly method: Method;
  /** Checked and complete: what was not given has its default. */
  readonly settings: AttackSettings;
  /** Most images of one run. */
  readonly batch: number;
  /**
   * The clean images' logits and the explanation of their labels: what an attack on them starts from.
   * @param x [n, 3, h, w], 1 <= n <= batch
   * @param labels true classes [n]; null: the net's own predictions
   */
  explain(x: Float32Array, labels: Uint32Array | null): Promise<ExplanationResult>;
  /**
   * Attacks n images, 1 <= n <= batch. What happens to one image does not depend on the others.
   * @param x [n, 3, h, w], pixels k/255
   * @param labels true classes [n]
   */
  run(x: Float32Array, labels: Uint32Array, options?: RunOptions): Promise<AttackResult>;
  /**
   * The same attack, step by step: for whoever wants to watch it, or to end it early.
   * @param x as of `run`
   */
  start(x: Float32Array, labels: Uint32Array, options?: StartOptions): Promise<AttackSession>;
  /**
   * The same program with other numbers for settings: no compilation.
   * @throws SettingError where a setting is part of the program
   */
  retuned(options: AttackOptions): Attack;
  /** Frees its memory on the device; it can't be used after. The engine stays open. */
  destroy(): void;
  /** `using`: `destroy` at the end of the block. */
  [dispose](): void;
}

/** A watched submission should last about so long. */
const SUBMISSION_MS = 400;
/** And where images may be done early, so that a batch of them does not wait. */
const MOST_STOPPING_STEPS = 4;

/** @throws SettingError on bad settings, UserError on an unknown method */
export function attackSettings(
  options: AttackOptions,
  net: Model['spec'],
): {
  /** The named one, or `cfr`. */
  method: Method;
  /** Checked and complete. */
  settings: AttackSettings;
} {
  const { method: name = 'cfr', ...rest } = options;
  const method = methodNamed(name);
  return { method, settings: method.settings(rest, net) };
}

/** A method traced on a net, before it is compiled. */
export function traceAttack(model: Model, method: Method, settings: AttackSettings, batch: number) {
  const length = typeof settings.iterations === 'number' ? settings.iterations : 1;
  const frame = new Frame(model, method, settings, batch, length);
  return { frame, traced: method.trace(frame, settings) };
}

/** Everything that the host gives before a run: images [n, 3, h, w], n up to the batch, goals, settings, tables. */
export function feed(
  program: Program,
  frame: Frame<Method>,
  settings: AttackSettings,
  x: Float32Array,
  labels: Uint32Array,
  {
    each,
    indices,
  }: {
    readonly each?: readonly AttackSettings[] | undefined;
    readonly indices?: readonly number[] | undefined;
  } = {},
): void {
  const { batch } = frame;
  const { target, explainClass } = settings;
  const count = labels.length;
  const rows = Array.from({ length: count }, (_, image) => frame.settingsRow(each?.[image] ?? settings));
  const keys = Array.from({ length: count }, (_, image) => [settings.seed, indices?.[image] ?? image]);
  const goal = target === undefined ? labels : labels.map(() => target);
  program.write(frame.x, padded(x, count, batch));
  program.write(frame.labels, padded(labels, count, batch));
  program.write(
    frame.explained,
    padded(explainClass === undefined ? labels : labels.map(() => explainClass), count, batch),
  );
  program.write(frame.goal, padded(goal, count, batch));
  program.write(frame.key, padded(Uint32Array.from(keys.flat()), count, batch));
  program.write(frame.settings, padded(Float32Array.from(rows.flat()), count, batch));
  for (const { tensor, make } of frame.tables) program.write(tensor, make(settings));
}

/**
 * Compiles an attack on a net for batches of a size.
 * @param batch most images of one run
 * @param mask [h, w] in [0, 1], where the region is a file
 * @param patch [3, side, side] in [0, 1], where the method shows a given one (`fitPatch`)
 * @throws UserError on bad settings
 */
export async function createAttack(
  engine: Engine,
  model: Model,
  options: AttackOptions = {},
  batch = 1,
  mask?: Float32Array,
  patch?: Float32Array,
): Promise<Attack> {
  checkCompiled('createAttack', engine, model, options, batch);
  const { method, settings } = attackSettings(options, model.spec);
  const { height, width } = model.spec;
  const given = fixedMask(parseRegion(settings.region), [height, width], mask);
  const { frame, traced } = traceAttack(model, method, settings, batch);
  if (traced.given) checkPatch(traced.given.shape, patch);
  const program = await engine.compile(frame.graph);
  if (traced.given) program.write(traced.given, patch!);
  if (given) program.write(frame.givenMask, given);
  return new CompiledAttack(model, frame, traced, program).attack(settings);
}

/** A compiled attack; attacks with other settings share it. */
class CompiledAttack {
  #running = false;
  /** What the explanation variables hold. */
  #explained: ExplanationResult | undefined;
  readonly #model: Model;
  readonly #frame: Frame<Method>;
  readonly #traced: Traced;
  readonly #program: Program;

  constructor(model: Model, frame: Frame<Method>, traced: Traced, program: Program) {
    this.#model = model;
    this.#frame = frame;
    this.#traced = traced;
    this.#program = program;
  }

  attack(settings: AttackSettings): Attack {
    const { method, batch } = this.#frame;
    return {
      method,
      settings,
      batch,
      explain: (x, labels) => this.#exclusive(() => this.#explain(settings, x, labels)),
      run: (x, labels, options = {}) => this.#exclusive(() => this.#run(settings, x, labels, options)),
      start: (x, labels, options = {}) => this.#start(settings, x, labels, options),
      retuned: (options) => this.attack(this.#retune(settings, options)),
      destroy: () => this.#program.destroy(),
      [dispose]: () => this.#program.destroy(),
    };
  }

  #retune(settings: AttackSettings, { method: name, ...options }: AttackOptions): AttackSettings {
    const { method } = this.#frame;
    if (name !== undefined && name !== method.name)
      throw new SettingError('method', `expected ${method.name}, that of the program, got ${name}`);
    const next = method.settings({ ...settings, ...options }, this.#model.spec);
    for (const [key, row] of Object.entries(method.table)) {
      const fixed = row.structural || (next[key] === undefined) !== (settings[key] === undefined);
      if (fixed && next[key] !== settings[key])
        throw new SettingError(
          key,
          `expected ${settings[key]}, which is part of the program, got ${next[key]}; create another attack`,
        );
    }
    return next;
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#take();
    try {
      return await work();
    } finally {
      this.#running = false;
    }
  }

  #take(): void {
    if (this.#running)
      throw new UserError(
        'attack: expected one run at a time, got another before the first was done; finish or close it, or create another attack',
      );
    this.#running = true;
  }

  async #explain(
    settings: AttackSettings,
    x: Float32Array,
    given: Uint32Array | null,
  ): Promise<ExplanationResult> {
    const labels = given ?? new Uint32Array(x.length / this.#frame.elements);
    const count = checkBatch(x, labels, this.#model.spec, this.#frame.batch);
    feed(this.#program, this.#frame, settings, x, labels);
    if (!given && settings.explainClass === undefined)
      this.#program.write(this.#frame.explained, new Uint32Array(this.#frame.batch).fill(OWN_PREDICTION));
    await this.#program.run(['explain', 1]);
    this.#explained = await this.#readClean(count);
    return this.#explained;
  }

  async #run(
    settings: AttackSettings,
    given: Float32Array,
    labels: Uint32Array,
    options: RunOptions,
  ): Promise<AttackResult> {
    checkSubmission(options.stepsPerSubmission);
    const { x, count, submissions } = this.#prepare(settings, given, labels, options);
    await this.#submit(submissions, options);
    return this.#read(settings, x, count);
  }

  async #start(
    settings: AttackSettings,
    given: Float32Array,
    labels: Uint32Array,
    options: StartOptions,
  ): Promise<AttackSession> {
    this.#take();
    const end = () => {
      this.#running = false;
    };
    try {
      const { x, count, submissions } = this.#prepare(settings, given, labels, options);
      const look = {
        snapshot: () => this.#snapshot(submissions.done, count),
        result: () => this.#read(settings, x, count),
      };
      return makeSession(submissions, look, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Checks and writes everything that a run begins with. */
  #prepare(settings: AttackSettings, given: Float32Array, labels: Uint32Array, options: StartOptions) {
    const frame = this.#frame;
    const count = checkBatch(given, labels, this.#model.spec, frame.batch);
    check8Bit(given);
    // A copy: the caller may change the images while the device is at work on them.
    const x = given.slice();
    const each = options.each?.map((own) => this.#retune(settings, own));
    feed(this.#program, frame, settings, x, labels, { each, indices: options.indices });
    const start = this.#traced.start;
    if (start)
      this.#program.write(
        start.variable,
        padded(this.#deltaInit(settings, x, count, options), count, frame.batch),
      );
    else if (options.deltaInit)
      throw new Error(
        `deltaInit: expected none with method ${frame.method.name} and these settings, which start from X`,
      );
    if (options.explanation && options.explanation !== this.#explained)
      this.#writeClean(options.explanation, count);
    this.#explained = undefined;
    const submissions = new Submissions({
      program: this.#program,
      traced: this.#traced,
      steps: frame.method.idle(settings) ? [] : this.#traced.steps,
      first: [
        [options.explanation ? 'count' : 'explain', 1],
        ['begin', 1],
      ],
      allDone: () => this.#allDone(count),
    });
    return { x, count, submissions };
  }

  #deltaInit(
    settings: AttackSettings,
    x: Float32Array,
    count: number,
    { deltaInit, indices }: StartOptions,
  ): Float32Array {
    if (deltaInit) {
      if (deltaInit.length !== x.length)
        throw new Error(
          `deltaInit: expected ${x.length} values, the images' number, got ${deltaInit.length}`,
        );
      return deltaInit;
    }
    const start = new Float32Array(x.length);
    // Without a step there is no attack: X is given back instead of a random start.
    if (this.#frame.method.idle(settings)) return start;
    const size = this.#frame.elements;
    for (let image = 0; image < count; image++)
      this.#traced.start!.fill(
        start.subarray(image * size, (image + 1) * size),
        settings.seed,
        indices?.[image] ?? image,
      );
    return start;
  }

  /** All steps in one submission, or in several with the host looking in between. */
  async #submit(submissions: Submissions, options: RunOptions): Promise<void> {
    const { onProgress, signal, stepsPerSubmission } = options;
    const watched = onProgress !== undefined || signal !== undefined;
    let most = stepsPerSubmission ?? (watched ? 1 : this.#traced.stops ? MOST_STOPPING_STEPS : MOST_STEPS);
    while (!submissions.finished) {
      signal?.throwIfAborted();
      const started = performance.now();
      const ran = await submissions.next(most);
      if (ran > 0) onProgress?.(submissions.done, submissions.total);
      if (stepsPerSubmission === undefined && watched && ran > 0) {
        const perStep = (performance.now() - started) / ran;
        most = Math.min(MOST_STEPS, Math.max(1, Math.floor(SUBMISSION_MS / perStep)));
      }
    }
  }

  async #snapshot(done: number, count: number): Promise<Snapshot> {
    const frame = this.#frame;
    const program = this.#program;
    const size = count * frame.elements;
    const slot = await this.#slots(count);
    return {
      steps: done,
      iterate: (await program.read(frame.iterate)).slice(0, size).map(nearestLevel),
      best: (await program.read(frame.best)).slice(0, size),
      logitsBest: (await program.read(frame.logitsBest)).slice(0, count * frame.classes),
      fools: slot('SLOT_FOUND').map((flag) => flag > 0.5),
      trace: await this.#traceRows(slot('SLOT_STEPS')),
    };
  }

  /** Loss and l2 of the steps that each image has taken. */
  async #traceRows(steps: readonly number[]): Promise<Float32Array[]> {
    const { trace } = this.#frame;
    const rows = await this.#program.read(trace);
    const row = trace.shape[1]! * 2;
    return steps.map((taken, image) => rows.slice(image * row, image * row + Math.min(row, 2 * taken)));
  }

  async #allDone(count: number): Promise<boolean> {
    const done = await this.#slots(count);
    return done('SLOT_DONE').every((flag) => flag > 0.5);
  }

  async #slots(count: number): Promise<(name: keyof typeof SLOTS) => number[]> {
    const state = await this.#program.read(this.#frame.state);
    const columns = this.#frame.state.shape[1]!;
    return (name) => Array.from({ length: count }, (_, image) => state[image * columns + SLOTS[name]]!);
  }

  /** The clean images' part of a result. */
  async #readClean(count: number): Promise<ExplanationResult> {
    const { logits, classes, explanation } = this.#frame;
    const rows = (await this.#program.read(logits)).slice(0, count * classes);
    return {
      count,
      ...(await readExplanation(
        (tensor) => this.#program.read(tensor),
        (tensor) => this.#program.readU32(tensor),
        explanation,
        count,
      )),
      logits: rows,
      classes: predictions(rows, classes),
    };
  }

  /** Puts back what `readClean` read. */
  #writeClean(clean: ExplanationResult, count: number): void {
    if (clean.count !== count)
      throw new Error(`explanation: expected that of ${count} images, the run's, got one of ${clean.count}`);
    const { batch, logits, explanation } = this.#frame;
    const regions = Uint32Array.from(
      clean.cfr.flatMap((cfr, i) => [Number(cfr === 'empty'), clean.cfrPixels[i]!]),
    );
    this.#program.write(explanation.map, padded(clean.map, count, batch));
    this.#program.write(explanation.cam, padded(clean.cam, count, batch));
    this.#program.write(explanation.mask, padded(clean.mask, count, batch));
    this.#program.write(explanation.region, padded(regions, count, batch));
    this.#program.write(logits, padded(clean.logits, count, batch));
  }

  async #read(settings: AttackSettings, x: Float32Array, count: number): Promise<AttackResult> {
    const frame = this.#frame;
    const program = this.#program;
    const clean = await this.#readClean(count);
    const slot = await this.#slots(count);
    const xAdv = (await program.read(frame.best)).slice(0, x.length);
    const logitsAdv = (await program.read(frame.logitsBest)).slice(0, count * frame.classes);
    const classesAdv = predictions(logitsAdv, frame.classes);
    const regionPixels = Array.from((await program.readU32(frame.area)).slice(0, count));
    const found = slot('SLOT_FOUND').map((flag) => flag > 0.5);
    const bestAt = slot('SLOT_BEST_AT');
    const steps = slot('SLOT_STEPS');
    const l0 = slot('SLOT_BEST_L0');
    const floats = slot('SLOT_FLOAT_FOUND');
    const norms = (['l0', 'l1', 'l2', 'linf'] as const).map(
      (norm) => [norm, slot(`SLOT_FLOAT_${norm.toUpperCase()}` as keyof typeof SLOTS)] as const,
    );
    // What is the target already can't be brought there.
    const movable = (image: number) => clean.classes[image] !== settings.target;
    const delta = this.#traced.delta
      ? await this.#traced.delta({ program, x, xAdv, mask: clean.mask, pixels: frame.pixels })
      : xAdv.map((value, e) => value - x[e]!);
    return {
      ...clean,
      xAdv,
      delta,
      logitsAdv,
      classesAdv,
      success: found.map((fools, image) => fools && l0[image]! > 0 && movable(image)),
      iterations: found.map((fools, image) => (fools ? bestAt[image]! : steps[image]!)),
      forwards: slot('SLOT_FORWARDS'),
      backwards: slot('SLOT_BACKWARDS'),
      found: slot('SLOT_FOUND_AT'),
      float: floats.map((flag, image) =>
        flag > 0.5
          ? (Object.fromEntries(norms.map(([norm, values]) => [norm, values[image]!])) as Record<
              Norm,
              number
            >)
          : null,
      ),
      regionPixels,
      trace: await this.#traceRows(steps),
    };
  }
}

function checkPatch(shape: readonly number[], patch: Float32Array | undefined): void {
  const count = sizeOf(shape);
  if (patch?.length !== count)
    throw new UserError(
      `patch: expected ${count} values [${shape.slice(1).join(', ')}] to be handed over as \`patch\`, got ${patch?.length ?? 'none'}`,
    );
  if (!patch.every((value) => value >= 0 && value <= 1))
    throw new UserError('patch: expected values from 0 to 1, got others');
}

/** The 8-bit level of a pixel, as `fromTensor` and PNGs have it. */
function nearestLevel(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value * 255))) / 255;
}

function check8Bit(x: Float32Array): void {
  const other = x.findIndex((value) => value !== Math.fround(Math.round(value * 255) / 255));
  if (other >= 0)
    throw new Error(
      `images: expected 8-bit pixels k/255, got ${x[other]} (255 times it is ${x[other]! * 255})`,
    );
}

function checkSubmission(steps: number | undefined): void {
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= 1))
    throw new Error(`stepsPerSubmission: expected an integer of at least 1, got ${steps}`);
}
