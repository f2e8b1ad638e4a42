/** From a file's tensor names to a net's own: wrappers and prefixes off, counters dropped, normalisers set apart. */
import { UserError } from '../base/errors.js';
import type { HostTensor, StateDict } from '../weights/state-dict.js';
import type { Rgb } from './spec.js';

/** A tensor and its name in the file, for messages. */
export interface Entry {
  readonly name: string;
  readonly tensor: HostTensor;
}

export type Entries = ReadonlyMap<string, Entry>;

/** A file's tensors, sorted by what they are for. */
export interface CleanedNames {
  /** The net's tensors without their common prefix. */
  readonly entries: Entries;
  /** Names in the file of tensors outside that prefix. */
  readonly foreign: readonly string[];
  /** Buffers of a normaliser in front of the net. */
  readonly mean?: Rgb;
  readonly std?: Rgb;
}

/** Path components that DataParallel and torch.compile put in, anywhere in a name. */
const WRAPPERS = new Set(['module', '_orig_mod']);
/** Counters of batch-norm and of torch.optim.swa_utils.AveragedModel: no part of inference. */
const COUNTERS = new Set(['num_batches_tracked', 'n_averaged']);
/** What a net of a known family has below its prefix. */
const ANCHOR = /^((?:[^.]+\.)*?)(?:features\.\d+\.weight$|layer\d+\.\d+\.)/;
const NORMALISER = /(?:^|\.)(mean|mu|std|sigma)$/;

/** @throws UserError where nothing looks like a known net, or several nets share the file */
export function cleanNames({ tensors, source }: StateDict): CleanedNames {
  const all = new Map<string, Entry>();
  for (const [name, tensor] of tensors) {
    const parts = name.split('.').filter((part) => !WRAPPERS.has(part));
    if (COUNTERS.has(parts.at(-1) ?? '')) continue;
    const plain = parts.join('.');
    const twin = all.get(plain);
    if (twin)
      throw new UserError(`${source}: expected one tensor ${plain}, got two: ${twin.name} and ${name}`);
    all.set(plain, { name, tensor });
  }
  const prefix = commonPrefix([...all.keys()], source);
  const entries = new Map<string, Entry>();
  const foreign: string[] = [];
  const buffers: { mean?: Rgb; std?: Rgb } = {};
  for (const [plain, entry] of all) {
    const normaliser = NORMALISER.exec(plain)?.[1];
    if (normaliser && sizeOf(entry.tensor) === 3) {
      const [r, g, b] = entry.tensor.toFloat32();
      buffers[normaliser === 'mean' || normaliser === 'mu' ? 'mean' : 'std'] = [r!, g!, b!];
    } else if (plain.startsWith(prefix)) {
      entries.set(plain.slice(prefix.length), entry);
    } else {
      foreign.push(entry.name);
    }
  }
  return { entries, foreign, ...buffers };
}

/** One extent of a tensor's shape; undefined where the tensor is absent or has fewer axes. */
export function extent(entries: Entries, name: string, axis: number): number | undefined {
  return entries.get(name)?.tensor.shape[axis];
}

/** The first few of many names, and how many there are. */
export function listNames(names: readonly string[], shown = 3): string {
  return names.length <= shown ? names.join(', ') : `${names.slice(0, shown).join(', ')}, ...`;
}

function commonPrefix(names: readonly string[], source: string): string {
  const prefixes = new Set(
    names.map((name) => ANCHOR.exec(name)?.[1]).filter((prefix) => prefix !== undefined),
  );
  const [prefix, ...others] = prefixes;
  if (prefix === undefined) {
    throw new UserError(
      `${source}: expected a VGG (features.0.weight, ...) or a ResNet (layer1.0.conv1.weight, ...), ` +
        `got ${names.length} tensors of neither (${listNames(names) || 'none'})`,
    );
  }
  if (others.length > 0) {
    const found = [...prefixes].map((name) => `"${name}"`).join(', ');
    throw new UserError(
      `${source}: expected the tensors of one net, got nets under ${found}; save one of them alone`,
    );
  }
  return prefix;
}

function sizeOf({ shape }: HostTensor): number {
  return shape.reduce((product, size) => product * size, 1);
}
