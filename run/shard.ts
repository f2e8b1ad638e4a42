/** A part of a run: which of its images one process of many works on. By an image's index alone, so that nobody has to be asked. */
import { UserError } from '../base/errors.js';

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly of: number;
}

/** Shards of a run at most: names of folders have six digits. */
const MOST = 1_000_000;

/** Parses `i/n`. @throws UserError unless 0 <= i < n */
export function parseShard(text: string, what = '--shard'): Shard {
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text.trim()) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  if (!(shard.of >= 1 && shard.of <= MOST && shard.index < shard.of))
    throw new UserError(`${what}: expected i/n with i from 0 to n-1 and n up to ${MOST}, got "${text}"`);
  return shard;
}

/** Where batch systems say which of their tasks a process is. */
const SYSTEMS = [
  {
    name: 'a Slurm array',
    index: 'SLURM_ARRAY_TASK_ID',
    of: 'SLURM_ARRAY_TASK_COUNT',
    first: 'SLURM_ARRAY_TASK_MIN',
    step: 'SLURM_ARRAY_TASK_STEP',
  },
  { name: 'a Kubernetes Indexed Job', index: 'JOB_COMPLETION_INDEX', of: 'JOB_COMPLETIONS' },
] as const;

/**
 * The shard that a batch system gave this process, and which system that is; undefined where there is none, or only one task.
 * @throws UserError where its variables do not fit together
 */
export function shardOfTask(env: NodeJS.ProcessEnv): (Shard & { readonly system: string }) | undefined {
  for (const { name, ...variables } of SYSTEMS) {
    const [index, of] = [env[variables.index], env[variables.of]];
    if (index === undefined || of === undefined) continue;
    const first = 'first' in variables ? Number(env[variables.first] ?? 0) : 0;
    const step = 'step' in variables ? Number(env[variables.step] || 1) : 1;
    const place = (Number(index) - first) / step;
    const shard = parseShard(`${place}/${of}`, `${variables.index} ${index}, ${variables.of} ${of}`);
    return shard.of === 1 ? undefined : { ...shard, system: name };
  }
  return undefined;
}

/** The images of a shard: every n-th of the data set, whichever of them a run is about. */
export function ownIndices(indices: readonly number[], { index, of }: Shard): number[] {
  return indices.filter((image) => image % of === index);
}

/** The folder of parts within that of the run. */
export const partsFolder = 'parts';

/** `000003-of-000008`: the folder of a shard's run within that of parts. */
export function partName({ index, of }: Shard): string {
  const digits = (value: number) => String(value).padStart(6, '0');
  return `${digits(index)}-of-${digits(of)}`;
}

export const partPattern = /^(\d{6,7})-of-(\d{6,7})$/;
