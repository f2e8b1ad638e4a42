/** Fits one patch to a set of images (Brown et al. 2017), in steps that can be stopped and gone on with. */
import type { Engine } from '../engine/engine.js';
import { sizeOf } from '../engine/graph.js';
import type { Model } from '../nets/model.js';
import { checkBatch } from './batches.js';
import { type AttackOptions, feed } from './driver.js';
import { Frame } from './frame.js';
import { advPatch, tracePatch } from './methods/adv-patch.js';
import { fixedMask, parseRegion } from './regions.js';

/** What a fit has come to: with the same batches and options it goes on from here to the same bytes. */
export interface PatchState {
  /** [3, side, side] in [0, 1] */
  readonly patch: Float32Array;
  /** Steps done. */
  readonly step: number;
  /** Fixes the random rotations, scales and places. */
  readonly seed: number;
}

/** x [n, 3, h, w], labels [n]; all batches have one n. */
export interface PatchBatch {
  /** [n, 3, h, w], pixels k/255. */
  readonly x: Float32Array;
  /** True classes [n]. */
  readonly labels: Uint32Array;
}

/** What a fit may be told beside its settings; everything has a default. */
export interface FitOptions {
  /** A fit that was stopped; its seed must be that of the settings. */
  readonly from?: PatchState | undefined;
  /** Steps in all. Default: the setting `iterations`. */
  readonly until?: number | undefined;
  /** Checked before each step; the fit then throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the state after every so many steps, counted from the first, and waited for. */
  readonly onState?: ((state: PatchState) => Promise<void>) | undefined;
  /** Default 1. */
  readonly every?: number | undefined;
  /** [h, w], where the region is a file. */
  readonly mask?: Float32Array | undefined;
}

/**
 * One step a batch, the batches in turn. The patch is what `createAttack` takes for method adv-patch with another `patch` than `own`.
 * @param options settings of method adv-patch
 * @throws UserError on bad settings; Error on batches of several sizes, or a state of another size or seed
 */
export async function fitPatch(
  engine: Engine,
  model: Model,
  batches: readonly PatchBatch[],
  options: AttackOptions,
  { from, until, mask, signal, onState, every = 1 }: FitOptions = {},
): Promise<PatchState> {
  const { method: _, ...rest } = options;
  const settings = advPatch.settings(rest, model.spec);
  const { height, width } = model.spec;
  const count = batches[0]?.labels.length ?? 0;
  if (count === 0 || batches.some(({ labels }) => labels.length !== count))
    throw new Error('fitPatch: expected batches of one size, got none or several sizes');
  for (const { x, labels } of batches) checkBatch(x, labels, model.spec, count);
  if (from && from.seed !== settings.seed)
    throw new Error(`fitPatch: expected a state of seed ${settings.seed}, got one of ${from.seed}`);

  const frame = new Frame(model, advPatch, settings, count, 1);
  const { patches, clock } = tracePatch(frame, settings.area as number, true);
  const size = sizeOf(patches.shape);
  if (from && from.patch.length !== size)
    throw new Error(`fitPatch: expected a patch of ${size} values, got ${from.patch.length}`);
  const region = fixedMask(parseRegion(settings.region), [height, width], mask);
  const program = await engine.compile(frame.graph);
  try {
    if (region) program.write(frame.givenMask, region);
    await program.run(['start', 1]);
    if (from) {
      program.write(patches, from.patch);
      program.write(clock, new Float32Array(count).fill(from.step));
    }
    const end = until ?? (settings.iterations as number);
    let step = from?.step ?? 0;
    while (step < end) {
      signal?.throwIfAborted();
      const at = step % batches.length;
      const { x, labels } = batches[at]!;
      const indices = Array.from(labels, (_label, image) => at * count + image);
      feed(program, frame, settings, x, labels, { indices });
      await program.run(['explain', 1], ['begin', 1], ['step', 1]);
      step++;
      if (onState && step % every === 0 && step < end)
        await onState({ patch: await program.read(patches), step, seed: settings.seed });
    }
    return { patch: await program.read(patches), step, seed: settings.seed };
  } finally {
    program.destroy();
  }
}
