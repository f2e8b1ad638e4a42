/**
 * A run of an attack over images, into a folder: what `cfr attack` and `cfr demo` share. Every batch is on disk before the next
 * starts; the same plan on the same folder goes on after the images that are there.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../engine/errors';
import type { Model } from '../../nets/model';
import { logitsOf, predictions, softmax } from '../logits';
import { measure } from '../measures';
import { imageFromTensor } from '../pictures';
import {
  fileReason,
  type ImageResult,
  isFileError,
  type Json,
  openRun,
  type RunFolder,
  runFiles,
} from '../run-files';
import type { Attack, AttackResult } from '../runner';
import { type AttackPlan, fingerprintOf, shortHash } from './attack-plan';
import { checkFinite } from './classifier';
import type { Console } from './console';
import { type Batch, overBatches } from './over-batches';
import { type PicturePath, writeAttacked, writeExplanation } from './run-pictures';
import { type AttackDocument, attackDocument, type Summary, summarise, writeSummary } from './run-summary';
import { adapterText, type Classifier, type Device, Interrupted, type Services } from './services';
import type { Picture } from './source';
import { TensorSpool } from './tensor-spool';

export interface AttackOutcome {
  readonly run: RunFolder;
  readonly summary: Summary;
  readonly exitCode: 0 | 1 | 2;
}

/**
 * @throws Interrupted on Ctrl-C and Error on a failure: both say what is finished and how to go on
 * @throws UserError if the folder holds a run with other settings
 */
export async function runAttack(
  plan: AttackPlan,
  services: Services,
  console: Console,
): Promise<AttackOutcome> {
  const { model } = plan.net;
  const fingerprint = fingerprintOf(plan);
  const out = plan.out ?? join('out', `attack-${shortHash(fingerprint)}`);
  const document: AttackDocument = {
    format: 1,
    fingerprint,
    method: plan.method,
    model: model.name,
    settings: plan.settings as unknown as Json,
    seed: plan.settings.seed,
    adapter: '',
    inputSize: model.spec.inputSize,
    labels: model.labels,
    sheet: plan.sheet,
  };
  const run = await openRun(out, document, { overwrite: plan.overwrite });
  const before = new Set(run.results.map((result) => result.index));
  const remaining = plan.indices.filter((index) => !before.has(index));
  if (before.size > 0) console.note(`${out}: ${before.size} images are finished, ${remaining.length} remain`);
  try {
    const adapter = attackDocument(run.document, out).adapter;
    return await attackRemaining(plan, run, { ...document, adapter }, remaining, services, console);
  } catch (error) {
    throw stopped(error, run, plan);
  }
}

async function attackRemaining(
  plan: AttackPlan,
  run: RunFolder,
  started: AttackDocument,
  remaining: readonly number[],
  services: Services,
  console: Console,
): Promise<AttackOutcome> {
  const { model } = plan.net;
  const { inputSize, classes } = model.spec;
  const pixels = inputSize * inputSize;
  const plane = [1, inputSize, inputSize];
  const image = [3, inputSize, inputSize];
  const shapes = {
    x: image,
    x_adv: image,
    delta: image,
    cam: plane,
    mask: plane,
    logits: [classes],
    logits_adv: [classes],
  };
  const pending = remaining.length > 0 || existsSync(run.path(runFiles.spool));
  const spool =
    plan.saveTensors && pending ? await TensorSpool.open(run.folder, shapes, run.results.length) : undefined;
  let document = started;
  let result: AttackResult | undefined;
  let labels = new Uint32Array();

  const job = {
    title: 'attack',
    model,
    source: plan.source,
    indices: remaining,
    batch: plan.batch,
    // An image of the target class is there already: it would count as a success of the attack.
    wants: ({ label }: Picture) => label === null || label !== plan.settings.target,
    async make(device: Device, batch: number) {
      const adapter = adapterText(device.adapter);
      await requireSelfTest(device);
      services.signal.throwIfAborted();
      document = { ...document, adapter: joined(document.adapter, adapter) };
      const tools = new Tools(device, model, batch, await device.attack(model, plan.settings, batch));
      await run.describe(document);
      return tools;
    },
    async compute(tools: Tools, batch: Batch, tick: (share: number) => void) {
      labels = await tools.labels(batch);
      result = await tools.attack.run(batch.x, labels, {
        indices: batch.pictures.map((picture) => picture.index),
        onProgress: (done, total) => tick(done / total),
        signal: services.signal,
      });
      checkFinite(result.logits, model.name);
      checkFinite(result.logitsAdv, model.name);
    },
    async save({ pictures, x }: Batch) {
      const path: PicturePath = (kind, index) => run.picture(kind, index);
      const { xAdv, delta, cam, mask, logits, logitsAdv } = result!;
      const lines: ImageResult[] = [];
      for (const [i, picture] of pictures.entries()) {
        const adversarial = imageFromTensor(
          xAdv.subarray(i * 3 * pixels, (i + 1) * 3 * pixels),
          picture.image,
        );
        const maps = {
          cam: cam.subarray(i * pixels, (i + 1) * pixels),
          mask: mask.subarray(i * pixels, (i + 1) * pixels),
        };
        await writeExplanation({ index: picture.index, image: picture.image, ...maps }, path, services);
        await writeAttacked(picture.index, picture.image, adversarial, path, services);
        lines.push(resultLine(i, picture, labels[i]!, x, result!, inputSize));
      }
      await spool?.append(pictures.length, {
        x,
        x_adv: xAdv,
        delta,
        cam,
        mask,
        logits,
        logits_adv: logitsAdv,
      });
      await run.append(lines);
    },
  };
  const { exitCode } = await overBatches(job, services, console);
  if (run.results.length === 0) return { run, summary: summarise(document, []), exitCode };
  await spool?.pack({ indices: JSON.stringify(run.results.map((line) => line.index)), model: model.name });
  return { run, summary: await writeSummary(run, document, services), exitCode };
}

/** The programs of a run. Unlabelled images take the net's own prediction, so only they need the classifier. */
class Tools {
  readonly attack: Attack;
  readonly #device: Device;
  readonly #model: Model;
  readonly #batch: number;
  #classifier: Classifier | undefined;

  constructor(device: Device, model: Model, batch: number, attack: Attack) {
    this.attack = attack;
    this.#device = device;
    this.#model = model;
    this.#batch = batch;
  }

  async labels({ pictures, x }: Batch): Promise<Uint32Array<ArrayBuffer>> {
    if (pictures.every((picture) => picture.label !== null))
      return Uint32Array.from(pictures, (picture) => picture.label!);
    this.#classifier ??= await this.#device.classifier(this.#model, this.#batch);
    const logits = await this.#classifier.run(x);
    const { classes } = this.#model.spec;
    return Uint32Array.from(
      pictures,
      ({ label }, i) => label ?? argmax(logits.subarray(i * classes, (i + 1) * classes)),
    );
  }

  destroy(): void {
    this.#classifier?.destroy();
    this.attack.destroy();
  }
}

/** The line of image `i` of a batch. Measured on the 8-bit pixels of the result, which are the saved ones. */
function resultLine(
  i: number,
  picture: Picture,
  label: number,
  x: Float32Array,
  result: AttackResult,
  inputSize: number,
): ImageResult {
  const values = 3 * inputSize * inputSize;
  const part = (all: Float32Array, size: number) => all.subarray(i * size, (i + 1) * size);
  const classes = result.logits.length / result.count;
  const clean = result.classes[i]!;
  const adversarial = result.classesAdv[i]!;
  return {
    index: picture.index,
    source: picture.source,
    label,
    clean: { class: clean, confidence: softmax(part(result.logits, classes))[clean]! },
    adversarial: { class: adversarial, confidence: softmax(part(result.logitsAdv, classes))[adversarial]! },
    correct: clean === label,
    success: result.success[i]!,
    ...measure(part(x, values), part(result.xAdv, values), {
      channels: 3,
      height: inputSize,
      width: inputSize,
    }),
    iterations: result.iterations[i]!,
    cfr: result.cfr[i]!,
    cfrPixels: result.cfrPixels[i]!,
  };
}

/** @throws Error where the device computes gradients wrong: its results would look like those of a weak attack */
async function requireSelfTest(device: Device): Promise<void> {
  const { passed, logitError, gradientError } = await device.selfTest();
  if (passed) return;
  throw new Error(
    `self-test: expected logits and gradients of a small net within 0.2 %, got errors of ${(100 * logitError).toPrecision(2)} % and ` +
      `${(100 * gradientError).toPrecision(2)} % on ${adapterText(device.adapter)}; update its driver, or choose another with CFR_ADAPTER`,
  );
}

/** A run that was resumed elsewhere names all its adapters. */
function joined(adapters: string, adapter: string): string {
  if (adapters === '') return adapter;
  return adapters.split('; ').includes(adapter) ? adapters : `${adapters}; ${adapter}`;
}

/** The error that ended a run, with what is finished and how to go on. */
function stopped(error: unknown, run: RunFolder, plan: AttackPlan): unknown {
  if (error instanceof UserError) return error;
  const done = new Set(run.results.map((result) => result.index));
  const finished = plan.indices.filter((index) => done.has(index)).length;
  const again = plan.overwrite
    ? 'the same command without --overwrite goes on from there'
    : 'the same command goes on from there';
  const state = `${finished} of ${plan.indices.length} images are finished in ${run.folder}; ${again}`;
  if (error instanceof Interrupted) return new Interrupted(`interrupted: ${state}`, error.pending);
  const reason = isFileError(error)
    ? `${error.path ?? run.folder}: ${fileReason(error)}`
    : error instanceof Error
      ? error.message
      : String(error);
  return new Error(`${reason} (${state})`, { cause: error });
}
