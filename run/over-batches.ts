/** The loop that commands share: images in batches through a program on the device, with progress, Ctrl-C and cleaning up. */
import { type Diagnosis, diagnosisText } from '../attack/diagnosis.js';
import { DeviceLostError, NonFiniteError, OutOfMemoryError, UserError } from '../base/errors.js';
import { toTensor } from '../data/image.js';
import type { Model } from '../nets/model.js';
import { fileReason, isFileError, isScarcity } from '../node/file-errors.js';
import { chooseBatch } from './batch.js';
import type { Console, Progress } from './console.js';
import { adapterText, type Device, Interrupted, type Services, untilInterrupted } from './services.js';
import type { Picture, Source } from './source.js';

export interface Batch {
  readonly pictures: readonly Picture[];
  /** [n, 3, h, w] in [0,1]. */
  readonly x: Float32Array;
}

export interface Job<T extends { destroy(): void }> {
  /** Title of the progress bar. */
  readonly title: string;
  readonly model: Model;
  readonly source: Source;
  readonly indices: readonly number[];
  /** The user's batch. */
  readonly batch: number | undefined;
  /** The batch is for so many images. Default: those of `indices`. */
  readonly planned?: number;
  /** Says of an image that was read whether it takes part. Default: all do. */
  wants?(picture: Picture): boolean;
  /**
   * Makes the program, once the first image is read: bad files are told before a device is opened.
   * @param batch images of one pass
   * @param planned what was chosen, of which `batch` is a part where the device has too little memory for all
   */
  make(device: Device, batch: number, planned: number): Promise<T>;
  /** The device's part of a batch: abandoned by Ctrl-C. It may put images off; `tick` may be told how many it has finished since it began. */
  compute(tool: T, batch: Batch, tick: Tick): Promise<void>;
  /** The device's part of what was put off, after the last batch. */
  finish?(tool: T, tick: Tick): Promise<void>;
  /** Images that are put off. Default: none. */
  pending?(tool: T): readonly Picture[];
  /** The files' part of what is finished: not cut short. */
  save?(tool: T): Promise<void>;
  /** What came of all that is saved, in few words, for the progress bar. */
  status?(): string;
}

/** Takes a number of images, which need not be whole. */
export type Tick = (images: number) => void;

/** How a job went: images that could not be read are reported, counted and left out. */
export interface JobOutcome {
  /** 0 if all images were good, 1 if some were left out, 2 if none was good. */
  readonly exitCode: 0 | 1 | 2;
  /** Indices of those that were left out. */
  readonly unreadable: readonly number[];
}

/** A device that is lost so often, with nothing finished in between, is given up. */
const MOST_LOSSES = 3;

/**
 * A device that is lost, or has no memory left for the batch, is opened again, with smaller parts of the batch where it was memory, and what
 * was not saved is done again. An image's result does not depend on a loss; it may on the size of the parts, which is told.
 * @throws Interrupted on Ctrl-C, between the images or batches that are finished
 */
export async function overBatches<T extends { destroy(): void }>(
  job: Job<T>,
  services: Services,
  console: Console,
): Promise<JobOutcome> {
  const { indices, source, model } = job;
  if (source.assignment !== undefined) console.note(source.assignment);
  let progress: Progress | undefined;
  let device: Device | undefined;
  let tool: T | undefined;
  let planned = 0;
  let size = 0;
  /** Images that were looked at, but for those that wait or are put off. */
  let looked = 0;
  let saves = 0;
  let losses = 0;
  const unreadable: number[] = [];
  /** Not handed to the device yet. */
  let waiting: Picture[] = [];
  /** Handed to it, and not saved. */
  let open: readonly Picture[] = [];

  const make = async (): Promise<T> => {
    device ??= await services.openDevice();
    planned ||= chooseBatch(device, model, job.planned ?? indices.length, job.batch, console);
    size ||= planned;
    const each = size === 1 ? 'one image at a time' : `${size} images at a time`;
    console.note(`${job.title}: ${model.name} on ${adapterText(device.adapter)}, ${each}`);
    const first = requireNumbers(device, model, stack(waiting.slice(0, 1)));
    const making = await untilInterrupted(made(job.make(device, size, planned), first), services.signal);
    progress ??= console.progress(job.title, indices.length, 'images');
    return making;
  };
  const step = async (own: T, work: (tick: Tick) => Promise<void>) => {
    const start = looked - waiting.length - open.length;
    const watched = withDiagnosis(device!, model, () => work((done) => progress?.at(start + done)));
    await untilInterrupted(watched, services.signal);
    await job.save?.(own);
    open = job.pending?.(own) ?? [];
    saves++;
    if (job.status) progress?.tell(job.status());
    progress?.at(looked - waiting.length - open.length);
  };
  /** All that waits, in full batches, and with `last` what is left too. */
  const advance = async (last: boolean) => {
    if (waiting.length === 0 && !(last && open.length > 0)) return;
    tool ??= await make();
    const own = tool;
    while (waiting.length >= size || (last && waiting.length > 0)) {
      const pictures = waiting.slice(0, size);
      waiting = waiting.slice(size);
      open = [...open, ...pictures];
      await step(own, (tick) => job.compute(own, { pictures, x: stack(pictures) }, tick));
    }
    if (last && job.finish && open.length > 0) await step(own, (tick) => job.finish!(own, tick));
  };
  const recovered = async (last: boolean) => {
    for (;;) {
      const before = saves;
      try {
        return await advance(last);
      } catch (error) {
        const failure = services.signal.aborted ? undefined : await deviceFailure(error, device);
        if (saves > before) losses = 0;
        const halves = failure instanceof OutOfMemoryError && size > 1;
        if (!failure || (!halves && ++losses > MOST_LOSSES)) throw failure ?? error;
        if (halves) {
          size = Math.ceil(size / 2);
          console.note(
            `${job.title}: a batch of another size may have other kernels, so that results may differ in the last bit from those of ${planned} at a time`,
          );
        }
        waiting = [...open, ...waiting];
        open = [];
        tool?.destroy();
        tool = undefined;
        const less = halves ? ` for ${size === 1 ? 'one image' : `${size} images`} at a time` : '';
        console.problem(
          `${failure.message.split(';')[0]}; opening the device again${less}, ${waiting.length} images are done again`,
        );
        device = await services.reopenDevice();
      }
    }
  };

  try {
    for (const index of indices) {
      if (services.signal.aborted) throw new Interrupted('interrupted');
      const picture = await load(source, index, console);
      looked++;
      if (!picture) unreadable.push(index);
      else if (job.wants?.(picture) ?? true) waiting.push(picture);
      if (waiting.length >= Math.max(size, 1)) await recovered(false);
    }
    await recovered(true);
    progress?.at(indices.length);
  } finally {
    progress?.stop();
    // After Ctrl-C the device may still be at work on it.
    if (!services.signal.aborted) tool?.destroy();
  }
  const failures = unreadable.length;
  return { exitCode: failures === 0 ? 0 : failures === indices.length ? 2 : 1, unreadable };
}

/** What the device says of itself, where an error is its own: a loss may come to light by any call. */
async function deviceFailure(error: unknown, device: Device | undefined): Promise<Error | undefined> {
  const isOwn = (one: unknown) => one instanceof DeviceLostError || one instanceof OutOfMemoryError;
  if (isOwn(error)) return error as Error;
  const failure = await device?.failure();
  return isOwn(failure) ? failure : undefined;
}

/** Waits for both: what is made is not left behind by the other's failure. */
async function made<T extends { destroy(): void }>(making: Promise<T>, other: Promise<void>): Promise<T> {
  const [tool, checked] = await Promise.allSettled([making, other]);
  if (tool.status === 'rejected') throw tool.reason;
  if (checked.status === 'fulfilled') return tool.value;
  tool.value.destroy();
  throw checked.reason;
}

/** @throws NonFiniteError that names the first layer of a net, of which no image is known to go through, that gives no numbers */
async function requireNumbers(device: Device, model: Model, image: Float32Array): Promise<void> {
  const found = await device.firstDiagnosis(model, image);
  if (found) throw nonFinite(model, found, image);
}

/** Work whose error, where the logits are no numbers, names the layer that is to blame. */
async function withDiagnosis<T>(device: Device, model: Model, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    const found = await device.diagnose(model, error.image);
    throw found ? nonFinite(model, found, error.image) : error;
  }
}

function nonFinite({ name }: Model, found: Diagnosis, image: Float32Array): NonFiniteError {
  return new NonFiniteError(
    `${name}: expected finite values in every layer, got others: ${diagnosisText(found)}; check the weights and --mean, --std, then the device with \`cfr doctor\``,
    image,
  );
}

async function load(source: Source, index: number, console: Console): Promise<Picture | undefined> {
  try {
    return await source.load(index);
  } catch (error) {
    if (error instanceof UserError) console.problem(error.message);
    else if (isFileError(error) && !isScarcity(error))
      console.problem(
        `${error.path ?? `image ${index}`}: expected a readable image, got: ${fileReason(error)}`,
      );
    else throw error;
    return undefined;
  }
}

function stack(pictures: readonly Picture[]): Float32Array {
  const tensors = pictures.map((picture) => toTensor(picture.image));
  const size = tensors[0]?.length ?? 0;
  const x = new Float32Array(size * tensors.length);
  for (const [i, tensor] of tensors.entries()) x.set(tensor, i * size);
  return x;
}
