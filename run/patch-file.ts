/** A patch on disk: the state of a fit, whole after every save, from which the same fit goes on. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { PatchState } from '../attack/fit.js';
import { UserError } from '../base/errors.js';
import type { Fingerprint } from '../report/run-files.js';
import { readStateDict, writeSafetensors } from '../weights/state-dict-files.js';
import { differences } from './folder.js';

interface PatchFile extends PatchState {
  /** Texels each way. */
  readonly side: number;
  /** Of the fit. */
  readonly fingerprint: string | undefined;
}

/** @throws UserError where there is none, or it is no patch [3, side, side] in [0, 1] */
export async function readPatch(path: string): Promise<PatchFile> {
  const { tensors, metadata } = await readStateDict(path);
  const tensor = tensors.get('patch');
  const [channels, side, width] = tensor?.shape ?? [];
  if (tensor === undefined || tensor.shape.length !== 3 || channels !== 3 || side !== width || !side)
    throw new UserError(
      `${path}: expected a tensor "patch" [3, side, side], got ${tensor ? `[${tensor.shape.join(', ')}]` : 'none'}; make one with \`cfr fit\``,
    );
  const patch = tensor.toFloat32().slice();
  if (!patch.every((value) => value >= 0 && value <= 1))
    throw new UserError(`${path}: expected a patch with values from 0 to 1, got others`);
  return {
    patch,
    side,
    step: Number(metadata.step ?? 0),
    seed: Number(metadata.seed ?? 0),
    fingerprint: metadata.fingerprint,
  };
}

export async function writePatch(path: string, state: PatchState, fingerprint: Fingerprint): Promise<void> {
  const { patch, step, seed } = state;
  const side = Math.round(Math.sqrt(patch.length / 3));
  await writeSafetensors(path, new Map([['patch', { shape: [3, side, side], dtype: 'f32', data: patch }]]), {
    step: String(step),
    seed: String(seed),
    fingerprint: JSON.stringify(fingerprint),
  });
}

/**
 * The state in which a stopped fit left `path`; undefined where there is no file.
 * @throws UserError where it holds another fit
 */
export async function resumePatch(path: string, fingerprint: Fingerprint): Promise<PatchState | undefined> {
  if (!existsSync(path)) return undefined;
  const { patch, step, seed, fingerprint: there } = await readPatch(path);
  if (there === undefined)
    throw new UserError(
      `${path}: expected a patch of \`cfr fit\`, got one of another maker; choose another --out`,
    );
  const differing = differences(JSON.parse(there) as Fingerprint, fingerprint);
  if (differing.length > 0)
    throw new UserError(
      `${path}: holds a patch with other settings: ${differing.slice(0, 4).join('; ')}; use the same settings to go on, another --out, or --overwrite to start again`,
    );
  return { patch, step, seed };
}

export function patchDigest(patch: Float32Array): string {
  return createHash('sha256').update(patch).digest('hex');
}
