/** What a run of an attack is asked to do, and the fingerprint by which it is known again. */
import { createHash } from 'node:crypto';
import { netFacts } from '../nets/model.js';
import type { Fingerprint, Json } from '../report/run-files.js';
import { patchDigest } from './patch-file.js';
import type { OverlaySize } from './photos.js';
import type { AskedAttack, LoadedNet } from './services.js';
import type { Shard } from './shard.js';
import type { Source } from './source.js';

export interface AttackPlan {
  readonly attack: AskedAttack;
  readonly net: LoadedNet;
  readonly source: Source;
  /** Of the whole run: the batch is chosen for all of them. */
  readonly indices: readonly number[];
  /** Works on its share of the images only, in a folder of its own below that of the run; `cfr merge` puts the parts together. */
  readonly shard?: Shard | undefined;
  /** Where a shard's run goes instead. */
  readonly part?: string | undefined;
  /** Default: a folder named by the fingerprint, so that the same command finds its run again. */
  readonly out: string | undefined;
  readonly overwrite: boolean;
  readonly saveTensors: boolean;
  /** Rows of the contact sheet. */
  readonly sheet: number;
  /** The report holds its pictures. */
  readonly singleFile: boolean;
  readonly batch: number | undefined;
  readonly preprocess: string;
  /** With `original` photos have overlays, and adversarial twins, at their own size. */
  readonly overlaySize: OverlaySize;
}

/**
 * Everything that decides an image's result, and nothing else: the adapter and how many images are not in it, and the batch, which the last bit of a
 * sum may depend on, only where it was asked for; the run keeps the one that it chose.
 */
export async function fingerprintOf({
  attack,
  net,
  source,
  preprocess,
  saveTensors,
  batch,
  overlaySize,
}: AttackPlan): Promise<Fingerprint> {
  const { name, spec } = net.model;
  return {
    method: attack.method.name,
    model: name,
    weights: net.digest,
    mean: spec.mean,
    std: spec.std,
    net: netFacts(net.model) as unknown as Json,
    images: await source.identity(),
    label: source.label,
    preprocess,
    saveTensors,
    settings: attack.settings as unknown as Json,
    ...(batch === undefined ? {} : { batch }),
    ...(overlaySize === 'net' ? {} : { overlaySize }),
    ...(attack.mask ? { mask: createHash('sha256').update(attack.mask).digest('hex') } : {}),
    ...(attack.patch ? { patchSha256: patchDigest(attack.patch) } : {}),
  };
}

/** Eight hex digits that name a fingerprint. */
export function shortHash(fingerprint: Fingerprint): string {
  return createHash('sha256').update(JSON.stringify(fingerprint)).digest('hex').slice(0, 8);
}
