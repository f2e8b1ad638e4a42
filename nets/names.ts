/** From a file's tensor names to one net's own: wrappers and prefixes off, counters dropped, normalisers set apart, one net of several. */
import { UserError } from '../base/errors.js';
import type { HostTensor, StateDict } from '../weights/tensors.js';
import { derivedTensor, sameValues } from './derived.js';
import type { Rgb } from './spec.js';

/** A tensor and its name in the file, for messages. */
export interface Entry {
  readonly name: string;
  readonly tensor: HostTensor;
}

export type Entries = ReadonlyMap<string, Entry>;

/** A file's tensors, sorted by what they are for. */
export interface CleanedNames {
  /** The net's tensors without their common prefix; what lies outside of the prefix keeps its name. */
  readonly entries: Entries;
  /** Buffers of a normaliser in front of the net. */
  readonly mean?: Rgb;
  readonly std?: Rgb;
  /** What was left out or put together, for the user. */
  readonly notes: readonly string[];
}

/** Path components that DataParallel, torch.compile and FSDP put in, anywhere in a name. */
const WRAPPERS = new Set(['module', '_orig_mod', '_fsdp_wrapped_module']);
/** Counters of batch-norm and of torch.optim.swa_utils.AveragedModel: no part of inference. */
const COUNTERS = new Set(['num_batches_tracked', 'n_averaged']);
/** What a net with torchvision's names has below its prefix. */
const ANCHOR = /^((?:[^.]+\.)*?)(?:features\.\d+\.weight$|layer\d+\.\d+\.)/;
const NORMALISER = /(?:^|(?<!running)[._])(?:(mean|means|mu)|(std|stds|sd|sds|sigma))$/;
/** Tensors of a checkpoint that no forward pass to the logits uses. */
const UNUSED: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\.)(?:criterion|loss|losses|loss_fn|loss_func|loss_function|ce_loss)\./, 'of a loss'],
  [/(?:^|\.)(?:metrics?|(?:train|val|valid|test)_(?:acc|accuracy|metrics?|loss)[^.]*)\./, 'of a metric'],
  [/^(?:epoch|step|global_step|iteration|best_\w+|lr)$/, 'of the training'],
  [/^(?:.*\.)?sub_block\d+\./, "of the block that TRADES's wide ResNet makes and does not use"],
];

/** @throws UserError where nothing looks like a net, or several nets share the file and `prefix` does not choose one */
export function cleanNames({ tensors, source }: StateDict, prefix?: string): CleanedNames {
  const notes: string[] = [];
  const all = unpruned(plainNames(tensors, source), notes);
  const chosen = chooseNet(all, prefix, source, notes);
  const entries = new Map<string, Entry>();
  const buffers: { mean?: Rgb; std?: Rgb } = {};
  const unused = new Map<string, string[]>();
  for (const [plain, entry] of all) {
    const [, mean, std] = NORMALISER.exec(plain) ?? [];
    const inside = plain.startsWith(chosen.prefix);
    const why = UNUSED.find(([pattern]) => pattern.test(plain))?.[1];
    if ((mean ?? std) && sizeOf(entry.tensor) === 3) setBuffer(buffers, mean ? 'mean' : 'std', entry, source);
    else if (!inside && chosen.others.some((other) => plain.startsWith(other))) continue;
    else if (
      inside &&
      chosen.others.some((other) => other.length > chosen.prefix.length && plain.startsWith(other))
    )
      continue;
    else if (why !== undefined) unused.set(why, [...(unused.get(why) ?? []), entry.name]);
    else {
      const name = inside ? plain.slice(chosen.prefix.length) : plain;
      const twin = entries.get(name);
      if (twin) entries.set(plain, entry);
      else entries.set(name, entry);
    }
  }
  for (const [why, names] of unused) notes.push(`left out ${listNames(names)} (${why})`);
  return { entries, ...buffers, notes };
}

/** One extent of a tensor's shape; undefined where the tensor is absent or has fewer axes. */
export function extent(entries: Entries, name: string, axis: number): number | undefined {
  return entries.get(name)?.tensor.shape[axis];
}

/** The first few of many names, and how many there are. */
export function listNames(names: readonly string[], shown = 3): string {
  return names.length <= shown ? names.join(', ') : `${names.slice(0, shown).join(', ')}, ...`;
}

/** `a2` before `a10`. */
export function naturalOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function plainNames(tensors: StateDict['tensors'], source: string): Map<string, Entry> {
  const all = new Map<string, Entry>();
  for (const [name, tensor] of tensors) {
    const plain = withoutWrappers(name);
    if (COUNTERS.has(plain.split('.').at(-1) ?? '')) continue;
    const twin = all.get(plain);
    if (twin)
      throw new UserError(`${source}: expected one tensor ${plain}, got two: ${twin.name} and ${name}`);
    all.set(plain, { name, tensor });
  }
  return all;
}

function withoutWrappers(name: string): string {
  return name
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
}

/** torch.nn.utils.prune leaves `weight_orig` and `weight_mask`: the weight is their product. */
function unpruned(all: ReadonlyMap<string, Entry>, notes: string[]): Map<string, Entry> {
  const pruned: string[] = [];
  const out = new Map<string, Entry>();
  for (const [plain, entry] of all) {
    const base = plain.replace(/_(orig|mask)$/, '');
    const original = all.get(`${base}_orig`);
    const mask = all.get(`${base}_mask`);
    if (base === plain || !original || !mask) out.set(plain, entry);
    else if (plain.endsWith('_orig')) {
      const keep = mask.tensor;
      out.set(base, {
        name: entry.name,
        tensor: derivedTensor(entry.tensor.shape, () => {
          const factors = keep.toFloat32();
          return entry.tensor.toFloat32().map((value, i) => value * factors[i]!);
        }),
      });
      pruned.push(base);
    }
  }
  if (pruned.length > 0) notes.push(`pruned: ${listNames(pruned)} multiplied by the mask`);
  return out;
}

interface ChosenNet {
  readonly prefix: string;
  /** Prefixes of the file's other nets. */
  readonly others: readonly string[];
}

function chooseNet(
  all: ReadonlyMap<string, Entry>,
  wanted: string | undefined,
  source: string,
  notes: string[],
): ChosenNet {
  const prefixes = netPrefixes(all);
  const quoted = prefixes.map((name) => `"${name}"`).join(', ');
  const [first, ...more] = prefixes;
  if (first === undefined) {
    const names = [...all.values()].map(({ name }) => name);
    throw new UserError(
      `${source}: expected a VGG (features.0.weight, ...) or a ResNet (layer1.0.conv1.weight, ...), ` +
        `got ${names.length} tensors of neither (${listNames(names) || 'none'})`,
    );
  }
  if (wanted !== undefined) {
    const plain = withoutWrappers(wanted.endsWith('.') || wanted === '' ? wanted : `${wanted}.`);
    const found = prefixes.filter((prefix) => prefix === plain);
    const within = found.length > 0 ? found : prefixes.filter((prefix) => prefix.startsWith(plain));
    const [only, ...rest] = within;
    if (only === undefined || rest.length > 0) {
      throw new UserError(`${source}: --prefix: expected one of ${quoted}, got "${wanted}"`);
    }
    return { prefix: only, others: prefixes.filter((prefix) => prefix !== only) };
  }
  const differing = more.filter((other) => !sameNet(all, first, other));
  if (differing.length > 0) {
    throw new UserError(
      `${source}: expected the tensors of one net, got nets under ${quoted}; choose one with --prefix (prefix: in the library)`,
    );
  }
  if (more.length > 0) notes.push(`several equal copies of the net (${quoted}): took that under "${first}"`);
  return { prefix: first, others: more };
}

/** What stands before the names of each net in the file, the shortest first. */
function netPrefixes(all: ReadonlyMap<string, Entry>): string[] {
  const names = [...all.keys()];
  const anchored = names.flatMap((name) => ANCHOR.exec(name)?.[1] ?? []);
  const found = anchored.length > 0 ? anchored : stemPrefixes(all);
  return [...new Set(found)].sort((a, b) => a.length - b.length);
}

/** Without known names a net is told by its first convolution, the one over three (or one) channels; several by how they differ. */
function stemPrefixes(all: ReadonlyMap<string, Entry>): string[] {
  const convolutions = [...all].filter(([, { tensor }]) => tensor.shape.length === 4);
  const stems = [3, 1]
    .map((channels) =>
      convolutions
        .filter(([, { tensor }]) => tensor.shape[1] === channels && tensor.shape[2]! > 1)
        .map(([name]) => name),
    )
    .find((names) => names.length > 0);
  if (!stems) return [];
  if (stems.length === 1) return [''];
  const parts = stems.map((stem) => stem.split('.').reverse());
  let shared = 0;
  while (parts.every((part) => part[shared] !== undefined && part[shared] === parts[0]![shared])) shared++;
  return parts.map((part) =>
    part
      .slice(shared)
      .reverse()
      .map((name) => `${name}.`)
      .join(''),
  );
}

/** Whether two prefixes hold the same names and values. */
function sameNet(all: ReadonlyMap<string, Entry>, one: string, other: string): boolean {
  const inside = [...all].filter(([name]) => name.startsWith(other));
  return inside.every(([name, { tensor }]) => {
    const twin = all.get(one + name.slice(other.length));
    return twin !== undefined && sameValues(twin.tensor, tensor);
  });
}

function setBuffer(
  buffers: { mean?: Rgb; std?: Rgb },
  key: 'mean' | 'std',
  { name, tensor }: Entry,
  source: string,
): void {
  const [r, g, b] = tensor.toFloat32();
  const known = buffers[key];
  if (known && (known[0] !== r || known[1] !== g || known[2] !== b)) {
    throw new UserError(
      `${source}: expected one ${key} for the normalisation, got ${known.join(', ')} and (${name}) ${[r, g, b].join(', ')}; give --${key}`,
    );
  }
  buffers[key] = [r!, g!, b!];
}

function sizeOf({ shape }: HostTensor): number {
  return shape.reduce((product, size) => product * size, 1);
}
