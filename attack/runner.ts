/** Runs the attack on batches of images: compiles it once, feeds it, reads the results. */
import type { Engine } from '../engine/engine.js';
import type { Program } from '../engine/program.js';
import type { Model } from '../nets/model.js';
import { checkBatch, padded } from './batches.js';
import { type ExplanationResult, readExplanation } from './explain.js';
import { SLOTS, STATE } from './kernels.js';
import { predictions } from './logits.js';
import { fillNormal, fillUniform } from './random.js';
import { type AttackOptions, type AttackSettings, attackSettings } from './settings.js';
import { type TracedAttack, traceAttack } from './trace.js';

/** Of n images; `cam`, `mask`, `logits`, `classes`, `cfr`, `cfrPixels` are those of the clean images and their labels. */
export interface AttackResult extends ExplanationResult {
  /** [n, 3, h, w], exactly k/255: what is saved, judged and measured. X itself where nothing fooled (minimal mode). */
  readonly xAdv: Float32Array;
  /** [n, 3, h, w], 0 outside the mask; `xAdv` is X + delta*M, clipped and rounded to 8 bits. */
  readonly delta: Float32Array;
  /** [n, classes], of `xAdv`. */
  readonly logitsAdv: Float32Array;
  readonly classesAdv: Uint32Array;
  /** `xAdv` differs from X and is predicted wrong, or as the target where X was not. */
  readonly success: boolean[];
  /** Steps before the result was found; all of them where nothing was. */
  readonly iterations: number[];
}

export interface RunOptions {
  /** Called after every submission with the steps done; makes submissions short. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Checked between submissions, which it makes short; the run then throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Steps of one submission at most. Changes no result. Default: 100, or by time if someone is watching. */
  readonly stepsPerSubmission?: number | undefined;
  /** The start [n, 3, h, w] instead of the mode's own; not in the budget mode. */
  readonly deltaInit?: Float32Array | undefined;
  /** What `explain` said of these images and labels: not computed again. */
  readonly explanation?: ExplanationResult | undefined;
  /** A number for each image that, with the seed, fixes its random start: its place in the data set. Default 0, 1... */
  readonly indices?: readonly number[] | undefined;
}

export interface Attack {
  readonly settings: AttackSettings;
  /** Most images of one run. */
  readonly batch: number;
  /**
   * The clean images' logits and the explanation of their labels: what an attack on them starts from.
   * @param x [n, 3, h, w], 1 <= n <= batch
   * @param labels true classes [n]
   */
  explain(x: Float32Array, labels: Uint32Array): Promise<ExplanationResult>;
  /**
   * Attacks n images, 1 <= n <= batch. What happens to one image does not depend on the others.
   * @param x [n, 3, h, w], pixels k/255
   * @param labels true classes [n]
   */
  run(x: Float32Array, labels: Uint32Array, options?: RunOptions): Promise<AttackResult>;
  destroy(): void;
}

/** A watched submission should last about so long. */
const SUBMISSION_MS = 400;
/** Steps in one command buffer at most: thousands would fill the driver's memory with commands. */
const MOST_STEPS = 100;

/**
 * Compiles an attack on a net for batches of a size.
 * @throws UserError on bad settings
 */
export async function createAttack(
  engine: Engine,
  model: Model,
  options: AttackOptions,
  batch: number,
): Promise<Attack> {
  const settings = attackSettings(options, model.spec);
  const traced = traceAttack(model, settings, batch);
  const program = await engine.compile(traced.graph);
  let running = false;
  const exclusive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running) throw new Error('attack: expected one run at a time, got another before the first was done');
    running = true;
    try {
      return await work();
    } finally {
      running = false;
    }
  };
  return {
    settings,
    batch,
    explain: (x, labels) =>
      exclusive(async () => {
        const count = checkBatch(x, labels, model.spec, batch);
        program.write(traced.x, padded(x, count, batch));
        program.write(traced.labels, padded(labels, count, batch));
        await program.run(['explain', 1]);
        return readClean(program, traced, count);
      }),
    run: (x, labels, runOptions = {}) =>
      exclusive(async () => {
        const count = checkBatch(x, labels, model.spec, batch);
        check8Bit(x);
        const goal = settings.target === undefined ? labels : labels.map(() => settings.target!);
        program.write(traced.x, padded(x, count, batch));
        program.write(traced.labels, padded(labels, count, batch));
        program.write(traced.goal, padded(goal, count, batch));
        program.write(traced.delta, padded(startOf(settings, x.length, count, runOptions), count, batch));
        if (runOptions.explanation) writeClean(program, traced, runOptions.explanation, count, batch);
        await submit(program, settings.iterations, runOptions);
        return await readResult(program, traced, settings, x, count);
      }),
    destroy: () => program.destroy(),
  };
}

/** The clean images' part of a result. */
async function readClean(program: Program, traced: TracedAttack, count: number): Promise<ExplanationResult> {
  const classes = traced.logits.shape[1]!;
  const logits = (await program.read(traced.logits)).slice(0, count * classes);
  return {
    count,
    ...(await readExplanation(
      (tensor) => program.read(tensor),
      (tensor) => program.readU32(tensor),
      traced.explanation,
      count,
    )),
    logits,
    classes: predictions(logits, classes),
  };
}

/** Puts back what `readClean` read. */
function writeClean(
  program: Program,
  traced: TracedAttack,
  clean: ExplanationResult,
  count: number,
  batch: number,
): void {
  if (clean.count !== count)
    throw new Error(`explanation: expected that of ${count} images, the run's, got one of ${clean.count}`);
  const { cam, mask, region } = traced.explanation;
  const regions = Uint32Array.from(
    clean.cfr.flatMap((cfr, i) => [Number(cfr === 'empty'), clean.cfrPixels[i]!]),
  );
  program.write(cam, padded(clean.cam, count, batch));
  program.write(mask, padded(clean.mask, count, batch));
  program.write(region, padded(regions, count, batch));
  program.write(traced.logits, padded(clean.logits, count, batch));
}

function check8Bit(x: Float32Array): void {
  const other = x.findIndex((value) => value !== Math.fround(Math.round(value * 255) / 255));
  if (other >= 0) {
    throw new Error(
      `images: expected 8-bit pixels k/255, got ${x[other]} (255 times it is ${x[other]! * 255})`,
    );
  }
}

/** The first delta [n, 3, h, w]. */
function startOf(settings: AttackSettings, length: number, count: number, options: RunOptions): Float32Array {
  const { deltaInit, indices } = options;
  if (deltaInit) {
    if (settings.mode === 'budget')
      throw new Error('deltaInit: expected none in the budget mode, which starts from X');
    if (deltaInit.length !== length) {
      throw new Error(`deltaInit: expected ${length} values, the images' number, got ${deltaInit.length}`);
    }
    return deltaInit;
  }
  const start = new Float32Array(length);
  // Without a step there is no attack: eta 0 gives X back instead of the random start.
  if (settings.mode !== 'paper' || settings.deltaInit === 'zeros' || settings.eta === 0) return start;
  const size = length / count;
  const fill = settings.deltaInit === 'uniform' ? fillUniform : fillNormal;
  for (let image = 0; image < count; image++) {
    fill(start.subarray(image * size, (image + 1) * size), settings.seed, indices?.[image] ?? image);
  }
  const deviation = settings.deltaInit;
  return typeof deviation === 'number' ? start.map((value) => value * deviation) : start;
}

/** All steps in one submission, or in several with the host looking in between. */
async function submit(program: Program, iterations: number, options: RunOptions): Promise<void> {
  const { onProgress, signal, stepsPerSubmission, explanation } = options;
  const watched = onProgress !== undefined || signal !== undefined;
  let steps = stepsPerSubmission ?? (watched ? 1 : MOST_STEPS);
  let done = 0;
  while (done < iterations) {
    signal?.throwIfAborted();
    const now = Math.min(steps, iterations - done);
    const started = performance.now();
    await program.run(
      ...(done === 0 && !explanation ? ([['explain', 1]] as const) : []),
      ...(done === 0 ? ([['init', 1]] as const) : []),
      ['step', now],
      ...(done + now === iterations ? ([['judge', 1]] as const) : []),
    );
    done += now;
    onProgress?.(done, iterations);
    if (stepsPerSubmission === undefined && watched) {
      const perStep = (performance.now() - started) / now;
      steps = Math.min(MOST_STEPS, Math.max(1, Math.floor(SUBMISSION_MS / perStep)));
    }
  }
}

async function readResult(
  program: Program,
  traced: TracedAttack,
  settings: AttackSettings,
  x: Float32Array,
  count: number,
): Promise<AttackResult> {
  const clean = await readClean(program, traced, count);
  const classes = traced.logits.shape[1]!;
  const state = await program.read(traced.state);
  const xAdv = (await program.read(traced.best)).slice(0, x.length);
  const slot = (name: keyof typeof SLOTS) =>
    Array.from({ length: count }, (_, image) => state[image * STATE + SLOTS[name]]!);
  const found = slot('SLOT_FOUND').map((flag) => flag > 0.5);
  const norms = slot('SLOT_BEST_NORM');
  const bestAt = slot('SLOT_BEST_AT');

  const pixels = clean.mask.length / count;
  const readDelta = async () => {
    if (settings.mode !== 'paper') return unmasked(xAdv, x, clean.mask, pixels);
    const delta = (await program.read(traced.delta)).slice(0, x.length);
    // The other readings of Algorithm 1 leave delta as it is.
    if (settings.clip !== 'final') return delta;
    return unmasked(clipped(x, delta, clean.mask, pixels), x, clean.mask, pixels);
  };
  const logitsAdv = (await program.read(traced.logitsBest)).slice(0, count * classes);
  // What is the target already can't be brought there.
  const movable = (image: number) => clean.classes[image] !== settings.target;
  return {
    ...clean,
    xAdv,
    delta: await readDelta(),
    logitsAdv,
    classesAdv: predictions(logitsAdv, classes),
    success: found.map((fools, image) => fools && norms[image]! > 0 && movable(image)),
    iterations: found.map((fools, image) => (fools ? bestAt[image]! : settings.iterations)),
  };
}

/** delta = (xAdv - X) / M where M > 0, else 0; mask [n, h, w], the others [n, 3, h, w]. */
function unmasked(xAdv: Float32Array, x: Float32Array, mask: Float32Array, pixels: number): Float32Array {
  return x.map((clean, e) => {
    const m = mask[maskIndex(e, pixels)]!;
    return m > 0 ? (xAdv[e]! - clean) / m : 0;
  });
}

/** X + delta*M clipped to [0, 1], not rounded. */
function clipped(x: Float32Array, delta: Float32Array, mask: Float32Array, pixels: number): Float32Array {
  return x.map((clean, e) => Math.min(1, Math.max(0, clean + delta[e]! * mask[maskIndex(e, pixels)]!)));
}

/** Where element e of [n, 3, pixels] lies in [n, pixels]. */
function maskIndex(e: number, pixels: number): number {
  return Math.floor(e / (3 * pixels)) * pixels + (e % pixels);
}
