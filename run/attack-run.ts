/**
 * A run of an attack over images, into a folder: what `cfr attack` and `cfr demo` share. Every batch is on disk before the next
 * starts; the same plan on the same folder goes on after the images that are there.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mapSize } from '../attack/maps.js';
import { aggregate } from '../attack/measures.js';
import { UserError } from '../base/errors.js';
import { toTensor } from '../data/image.js';
import type { Image } from '../data/rgb.js';
import { netFacts } from '../nets/model.js';
import { fileReason, isFileError } from '../node/file-errors.js';
import { imageFromTensor } from '../report/pictures.js';
import {
  type Fingerprint,
  type FullSize,
  type ImageResult,
  type Json,
  runFiles,
  type Session,
} from '../report/run-files.js';
import { AttackTools, divide, resultLines } from './attack-batch.js';
import { type AttackPlan, fingerprintOf, shortHash } from './attack-plan.js';
import type { AttackedBatch } from './attack-queue.js';
import type { Console } from './console.js';
import { numberedFolder, openRun, type RunFolder } from './folder.js';
import { type Job, overBatches } from './over-batches.js';
import { openPhoto } from './photos.js';
import { type PicturePath, writeAttacked, writeExplanation, writeFullSize } from './pictures.js';
import { adapterText, Interrupted, type Services } from './services.js';
import { ownIndices, partName, partsFolder } from './shard.js';
import { type AttackDocument, attackDocument, type Summary, summarise, writeSummary } from './summary.js';
import { TensorSpool } from './tensor-spool.js';

export interface AttackOutcome {
  readonly run: RunFolder;
  readonly summary: Summary;
  readonly exitCode: 0 | 1 | 2;
}

/**
 * @throws Interrupted on Ctrl-C and Error on a failure: both say what is finished and how to go on
 * @throws UserError if the folder holds a run with other settings, or another process works in it
 */
export async function runAttack(
  plan: AttackPlan,
  services: Services,
  console: Console,
): Promise<AttackOutcome> {
  const { model } = plan.net;
  const fingerprint = await fingerprintOf(plan);
  const { shard } = plan;
  const whole = plan.out ?? (await defaultFolder(plan, fingerprint));
  const out = shard ? (plan.part ?? join(whole, partsFolder, partName(shard))) : whole;
  const mine = shard ? ownIndices(plan.indices, shard) : plan.indices;
  const document: AttackDocument = {
    format: 1,
    fingerprint,
    method: plan.attack.method.name,
    model: model.name,
    settings: plan.attack.settings as unknown as Json,
    seed: plan.attack.settings.seed,
    adapter: '',
    inputSize: model.spec.inputSize,
    net: netFacts(model),
    labels: model.labels,
    labelled: plan.source.labelled,
    batch: null,
    sheet: plan.sheet,
    skipped: [],
    sessions: [],
    unreadable: [],
    ...(shard ? { shard: { ...shard, first: plan.indices[0]!, images: plan.indices.length } } : {}),
  };
  const run = await openRun(out, document, {
    overwrite: plan.overwrite,
    takeOver: services.takeOver ?? false,
    note: (line) => console.note(line),
  });
  try {
    const { adapter, batch, skipped, sessions } = attackDocument(run.document, out);
    const before = new Set([...run.results.map((result) => result.index), ...skipped]);
    const remaining = mine.filter((index) => !before.has(index));
    if (before.size > 0)
      console.note(`${out}: ${before.size} images are finished, ${remaining.length} remain`);
    return await attackRemaining(
      plan,
      run,
      { ...document, fingerprint: run.document.fingerprint, adapter, batch, skipped, sessions },
      remaining,
      services,
      console,
    );
  } catch (error) {
    throw stopped(error, run, mine, plan.overwrite);
  } finally {
    await run.close();
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
  const { settings } = plan.attack;
  const { model } = plan.net;
  const spool = await spoolOf(started, run, remaining.length > 0, () => mapSize(model, plan.attack.settings));
  let document = started;
  const begun = started.batch;
  if (begun !== null && plan.batch !== undefined && plan.batch !== begun && remaining.length > 0)
    console.note(
      `--batch ${plan.batch}: ${run.folder} was begun with ${begun} images at a time, and goes on so`,
    );
  let attacked: AttackedBatch | undefined;
  const { now, invocation } = services;
  const begin = now();
  const session = (seconds: number | null): Session => ({
    ...invocation,
    started: new Date(begin).toISOString(),
    seconds,
  });
  const skip = (indices: readonly number[]) => {
    // Where the device was lost some come twice.
    const fresh = indices.filter((index) => !document.skipped.includes(index));
    document = { ...document, skipped: [...document.skipped, ...fresh] };
  };

  const job: Job<AttackTools> = {
    title: 'attack',
    model,
    source: plan.source,
    indices: remaining,
    // Neither how far a run had come when it was stopped nor who goes on with it changes the program.
    batch: begun ?? plan.batch,
    planned: begun ?? plan.indices.length,
    // Left out here, a labelled image costs nothing; of others the net tells, with the batch.
    wants({ label, index }) {
      const taking = label === null || label !== settings.target;
      if (!taking) skip([index]);
      return taking;
    },
    async make(device, batch, planned) {
      const tools = await AttackTools.make(device, model, plan.attack, batch, services.signal);
      const adapter = joined(document.adapter, adapterText(device.adapter));
      document = { ...document, batch: planned, adapter, sessions: [...started.sessions, session(null)] };
      await run.describe(document);
      return tools;
    },
    async compute(tools, whole, tick) {
      const { batch, labels, alreadyTarget } = divide(whole, await tools.labels(whole), settings.target);
      skip(alreadyTarget);
      if (labels.length > 0) await tools.queue.add(batch, labels);
      attacked = await tools.queue.attack(tick, services.signal);
    },
    async finish(tools, tick) {
      attacked = await tools.queue.finish(tick, services.signal);
    },
    pending: (tools) => tools.queue.waiting,
    async save(tools) {
      if (!attacked) return;
      await run.requireHeld();
      const photos = await writePictures(attacked, plan, tools, run, services);
      const { x, result, pictures } = attacked;
      const { xAdv, delta, map, cam, mask, logits, logitsAdv } = result;
      await spool?.append(pictures.length, {
        x,
        x_adv: xAdv,
        delta,
        map,
        cam,
        mask,
        logits,
        logits_adv: logitsAdv,
      });
      await run.append(resultLines(attacked, model.spec, photos));
    },
    status: () => statusOf(run.results, plan.source.labelled),
  };
  const timed = (): AttackDocument =>
    document.sessions.length === started.sessions.length
      ? document
      : { ...document, sessions: [...started.sessions, session((now() - begin) / 1000)] };
  const { exitCode, unreadable } = await overBatches(job, services, console).catch(async (error: unknown) => {
    // What ended the work is told; that its time could not be written is no more.
    if (document.batch !== null) await run.describe(timed()).catch(() => {});
    throw error;
  });
  document = { ...timed(), unreadable };
  const isPart = plan.shard !== undefined;
  // Only bad images: nothing to describe, but that a part is done.
  if (run.results.length === 0 && document.skipped.length === 0 && !isPart)
    return { run, summary: summarise(document, []), exitCode };
  const told = attackDocument(run.document, run.folder);
  const isNew =
    document.skipped.length > told.skipped.length ||
    document.sessions.length > started.sessions.length ||
    !equal(unreadable, told.unreadable);
  if (isNew || document.batch === null) await run.describe(document);
  await spool?.pack({ indices: JSON.stringify(run.results.map((line) => line.index)), model: model.name });
  // What is made for people is made of the whole run.
  const summary = isPart
    ? summarise(document, run.results)
    : await writeSummary(run, document, services, plan);
  return { run, summary, exitCode };
}

const equal = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((one, i) => one === b[i]);

/** By net, method and a number: that of the run which the plan goes on with, or the next. Parts, which begin apart, go by the fingerprint. */
async function defaultFolder({ net, attack, shard }: AttackPlan, fingerprint: Fingerprint): Promise<string> {
  const name = `${net.model.name}-${attack.method.name}`.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  if (shard) return join('out', `${name}-${shortHash(fingerprint)}`);
  return numberedFolder('out', name, fingerprint);
}

/** `ASR 98 %, l2 0.171` */
function statusOf(results: readonly ImageResult[], labelled: boolean): string {
  const { asr, mean } = aggregate(results);
  const rate = asr === null ? [] : [`${labelled ? 'ASR' : 'changed'} ${(100 * asr).toFixed(0)} %`];
  return [...rate, ...(mean ? [`l2 ${mean.l2.toFixed(3)}`] : [])].join(', ');
}

/** The tensors of a run, whose maps have `cells()` cells down and across; undefined where they are packed, and nothing is to be added. */
export async function spoolOf(
  { net, fingerprint }: AttackDocument,
  run: RunFolder,
  pending: boolean,
  cells: () => readonly number[],
): Promise<TensorSpool | undefined> {
  if (fingerprint.saveTensors !== true || !(pending || existsSync(run.path(runFiles.spool))))
    return undefined;
  const { inputSize, classes } = net as { inputSize: [number, number]; classes: number };
  const [height, width] = inputSize;
  const plane = [1, height, width];
  const image = [3, height, width];
  const shapes = {
    x: image,
    x_adv: image,
    delta: image,
    map: [1, ...cells()],
    cam: plane,
    mask: plane,
    logits: [classes],
    logits_adv: [classes],
  };
  return TensorSpool.open(run.folder, shapes, run.results.length);
}

/** @returns what there is of each photo at its own size, where that is wanted */
async function writePictures(
  { pictures, labels, result: { xAdv, cam, mask, success } }: AttackedBatch,
  { overlaySize, attack: { settings } }: AttackPlan,
  tools: AttackTools,
  run: RunFolder,
  services: Services,
): Promise<(FullSize | undefined)[]> {
  const photos: (FullSize | undefined)[] = [];
  const path: PicturePath = (kind, image) => run.picture(kind, image);
  for (const [i, { index, name, image, photo }] of pictures.entries()) {
    const named = { index, name };
    const pixels = image.width * image.height;
    const part = (all: Float32Array, size: number) => all.subarray(i * size, (i + 1) * size);
    const maps = { cam: part(cam, pixels), mask: part(mask, pixels) };
    const adversarial = imageFromTensor(part(xAdv, 3 * pixels), image);
    const wanted = overlaySize === 'original' ? photo : undefined;
    const open = wanted && (await openPhoto(wanted, image));
    await writeExplanation({ ...named, image, ...maps, photo: open }, path, services);
    await writeAttacked(named, image, adversarial, path, services);
    const fools = async (seen: Image) => {
      const [winner] = await tools.classes(toTensor(seen));
      return settings.target === undefined ? winner !== labels[i] : winner === settings.target;
    };
    photos.push(
      wanted && (await writeFullSize(named, wanted, open, adversarial, success[i]!, fools, path, services)),
    );
  }
  return photos;
}

/** A run that was resumed elsewhere names all its adapters. */
export function joined(adapters: string, adapter: string): string {
  if (adapters === '') return adapter;
  return adapters.split('; ').includes(adapter) ? adapters : `${adapters}; ${adapter}`;
}

/** The error that ended a run, with what is finished and how to go on. */
function stopped(error: unknown, run: RunFolder, indices: readonly number[], overwrite: boolean): unknown {
  if (error instanceof UserError) return error;
  const done = new Set(run.results.map((result) => result.index));
  const finished = indices.filter((index) => done.has(index)).length;
  const again = overwrite
    ? 'the same command without --overwrite goes on from there'
    : 'the same command goes on from there';
  const state = `${finished} of ${indices.length} images are finished in ${run.folder}; ${again}`;
  if (error instanceof Interrupted) return new Interrupted(`interrupted: ${state}`, error.pending);
  const reason = isFileError(error)
    ? `${error.path ?? run.folder}: ${fileReason(error)}`
    : error instanceof Error
      ? error.message
      : String(error);
  return new Error(`${reason} (${state})`, { cause: error });
}
